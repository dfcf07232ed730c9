#include "core/rest/cursor.hpp"

#include "core/utf8.hpp"

#include <algorithm>
#include <array>

namespace analytics::rest {
namespace {

// As Haskell shows a character between `quote`s.
std::string shown(char32_t code_point, char quote) {
    static constexpr std::array<std::string_view, 32> kControls = {
        "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "a",   "b",   "t",  "n",   "v",   "f",  "r",  "SO", "SI",
        "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US"};
    std::string text(1, quote);
    if (code_point < kControls.size()) {
        text.append("\\").append(kControls[code_point]);
    } else if (code_point == 0x7F) {
        text += "\\DEL";
    } else if (code_point > 0x7F) {
        text += "\\" + std::to_string(static_cast<std::uint32_t>(code_point));
    } else {
        const char c = static_cast<char>(code_point);
        text.append(c == quote || c == '\\' ? "\\" : "").push_back(c);
    }
    return text + quote;
}

// a, b or c; each once, in the order in which they came.
std::string listed(const std::vector<std::string>& texts) {
    std::vector<std::string_view> distinct;
    for (const std::string& text : texts) {
        if (!text.empty() && std::find(distinct.begin(), distinct.end(), text) == distinct.end()) {
            distinct.emplace_back(text);
        }
    }
    std::string list;
    for (std::size_t i = 0; i < distinct.size(); ++i) {
        list.append(i == 0 ? "" : i + 1 == distinct.size() ? " or " : ", ").append(distinct[i]);
    }
    return list;
}

}  // namespace

void Cursor::Trouble::clear() {
    at = 0;
    found.reset();
    unexpected.clear();
    expected.clear();
}

bool Cursor::character(char c, std::string* out) {
    static constexpr std::string_view kCharacters = R"(!"'()*,-.:>\_{})";
    const std::size_t known = kCharacters.find(c);
    const auto [code_point, size] = peek();
    if (size != 0 && code_point == static_cast<unsigned char>(c)) {
        take(size, out);
        return true;
    }
    note(at_, size == 0 ? kEnd : code_point,
         {known == std::string_view::npos ? std::string_view() : kCharacters.substr(known, 1), true});
    return false;
}

bool Cursor::literal(std::string_view literal) {
    const std::size_t start = at_;
    const std::string_view rest = text_.substr(at_);
    const auto same = static_cast<std::size_t>(
        std::mismatch(literal.begin(), literal.end(), rest.begin(), rest.end()).first - literal.begin());
    if (same > 0) {
        take(same, nullptr);
    }
    if (same == literal.size()) {
        return true;
    }
    const auto [code_point, size] = peek();
    note(start, size == 0 ? kEnd : code_point, {literal, true});
    return false;
}

bool Cursor::end() {
    return labelled("end of input", [&] {
        const auto [code_point, size] = peek();
        if (size == 0) {
            note(at_, kEnd, {});
            return true;
        }
        note_unexpected(at_, code_point);
        return false;
    });
}

bool Cursor::blanks() {
    return many([&] { return one([](char32_t c) { return c == ' ' || c == '\t'; }); });
}

std::string Cursor::where() const {
    std::size_t line = 1;
    std::size_t column = 1;
    for (const char c : text_.substr(0, trouble_.at)) {
        if (c == '\n') {
            ++line;
            column = 1;
        } else if (c == '\t') {
            column += 8 - (column - 1) % 8;
        } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {  // a character's first byte
            ++column;
        }
    }
    return "(line " + std::to_string(line) + ", column " + std::to_string(column) + ")";
}

std::string Cursor::details() const {
    if (too_deep_) {
        return "parentheses stand in each other more than " + std::to_string(kMaxDepth) + " deep";
    }
    if (trouble_.empty()) {
        return "unknown parse error";
    }
    std::vector<std::string> unexpected;
    for (const char32_t each : trouble_.unexpected) {
        unexpected.push_back(shown(each, '\''));
    }
    if (unexpected.empty() && trouble_.found) {
        unexpected.push_back(*trouble_.found == kEnd ? "end of input" : shown(*trouble_.found, '"'));
    }
    std::vector<std::string> expected;
    for (const Expectation& each : trouble_.expected) {
        if (!each.is_literal) {
            expected.emplace_back(each.text);
        } else if (each.text.size() == 1) {
            expected.push_back(shown(static_cast<unsigned char>(each.text[0]), '"'));
        } else {
            expected.push_back("\"" + std::string(each.text) + "\"");
        }
    }
    std::string details = unexpected.empty() ? "" : "unexpected " + listed(unexpected);
    if (const std::string list = listed(expected); !list.empty()) {
        details.append(details.empty() ? "" : " ").append("expecting ").append(list);
    }
    return details;
}

std::pair<char32_t, std::size_t> Cursor::peek() const {
    if (at_ == text_.size()) {
        return {0, 0};
    }
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text_[at_ + i]); };
    switch (utf8_sequence_length(text_.data() + at_, text_.data() + text_.size())) {
        case 2:
            return {(byte(0) & 0x1FU) << 6 | (byte(1) & 0x3FU), 2};
        case 3:
            return {(byte(0) & 0x0FU) << 12 | (byte(1) & 0x3FU) << 6 | (byte(2) & 0x3FU), 3};
        case 4:
            return {(byte(0) & 0x07U) << 18 | (byte(1) & 0x3FU) << 12 | (byte(2) & 0x3FU) << 6 | (byte(3) & 0x3FU), 4};
        default:
            return {byte(0), 1};
    }
}

void Cursor::take(std::size_t size, std::string* out) {
    if (out != nullptr) {
        out->append(text_.substr(at_, size));
    }
    at_ += size;
    trouble_.clear();
}

void Cursor::note(std::size_t at, char32_t found, Expectation expected) {
    if (trouble_.empty() || at > trouble_.at) {
        trouble_.clear();
        trouble_.at = at;
    }
    if (at < trouble_.at) {
        return;
    }
    if (!trouble_.found) {
        trouble_.found = found;
    }
    // Many trials end at one place: each expectation is kept once, as it is told once.
    if (!expected.text.empty() &&
        std::find(trouble_.expected.begin(), trouble_.expected.end(), expected) == trouble_.expected.end()) {
        trouble_.expected.push_back(expected);
    }
}

void Cursor::note_unexpected(std::size_t at, char32_t unexpected) {
    if (trouble_.empty() || at > trouble_.at) {
        trouble_.clear();
        trouble_.at = at;
    }
    if (at == trouble_.at) {
        trouble_.unexpected.push_back(unexpected);
    }
}

void Cursor::merge(Trouble before) {
    if (before.empty() || (!trouble_.empty() && trouble_.at > before.at)) {
        return;
    }
    if (!trouble_.empty() && trouble_.at == before.at) {
        if (!before.found) {
            before.found = trouble_.found;
        }
        before.unexpected.insert(before.unexpected.end(), trouble_.unexpected.begin(), trouble_.unexpected.end());
        before.expected.insert(before.expected.end(), trouble_.expected.begin(), trouble_.expected.end());
    }
    trouble_ = std::move(before);
}

}  // namespace analytics::rest
