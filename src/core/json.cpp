#include "core/json.hpp"

#include "core/utf8.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace analytics::json {
namespace {

constexpr std::size_t kMaxJsonbDepth = 100;         // PostgreSQL's parser is recursive; far below its smallest stack
constexpr std::size_t kMaxNodes = 4'000'000;        // of one event
constexpr std::ptrdiff_t kMaxValueSize = 64 << 20;  // bytes; a jsonb object ends at 256 MiB
constexpr std::int64_t kMaxNumericDigits = 16'383;  // numeric's digits after the point; before it there could be more
constexpr std::size_t kMaxPointerToken = 256;

constexpr auto byte_set(std::string_view members) {
    std::array<bool, 256> set{};
    for (const char c : members) set[static_cast<unsigned char>(c)] = true;
    return set;
}

// What may stand in a string without a closer look.
constexpr auto kPlain = [] {
    std::array<bool, 256> set{};
    for (std::size_t i = 0x20; i < 0x80; ++i) set[i] = i != '"' && i != '\\';
    return set;
}();

// What a number or a word (true, null, NaN) is made of.
constexpr auto kWord = byte_set("0123456789+-._ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

bool contains(const std::array<bool, 256>& set, char c) { return set[static_cast<unsigned char>(c)]; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The first byte from `p` on that is not plain, or `end`: eight bytes at a time while there are eight.
const char* skip_plain(const char* p, const char* end) {
    if constexpr (std::endian::native == std::endian::little) {
        constexpr std::uint64_t kOnes = 0x0101010101010101;
        constexpr std::uint64_t kHighs = 0x8080808080808080;
        // A byte's high bit is set where it is zero (the lowest such byte is right, those above it need not be).
        const auto zeros = [](std::uint64_t bytes) { return (bytes - kOnes) & ~bytes; };
        for (; end - p >= 8; p += 8) {
            std::uint64_t bytes;
            std::memcpy(&bytes, p, sizeof bytes);
            const std::uint64_t special = (bytes | zeros(bytes ^ (kOnes * '"')) | zeros(bytes ^ (kOnes * '\\')) |
                                           ((bytes - kOnes * 0x20) & ~bytes)) &
                                          kHighs;
            if (special != 0) return p + std::countr_zero(special) / 8;
        }
    }
    while (p != end && contains(kPlain, *p)) ++p;
    return p;
}

// Value of four hexadecimal digits, or -1. Stops at the first other character, so it never passes the text's end.
int read_hex4(const char* p) {
    int value = 0;
    for (int i = 0; i < 4; ++i) {
        const char c = p[i];
        int digit;
        if (is_digit(c))
            digit = c - '0';
        else if (c >= 'a' && c <= 'f')
            digit = c - 'a' + 10;
        else if (c >= 'A' && c <= 'F')
            digit = c - 'A' + 10;
        else
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

bool is_high_surrogate(int unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool is_low_surrogate(int unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

// Whether the word is a JSON number, and if so whether numeric can hold it.
bool is_number(std::string_view word, bool& fits) {
    const char* p = word.data();
    const char* const end = p + word.size();
    const auto digits = [&] {
        const char* const first = p;
        while (p != end && is_digit(*p)) ++p;
        return p - first;
    };
    if (p != end && *p == '-') ++p;
    const bool leading_zero = p != end && *p == '0';
    const std::int64_t before = digits();
    if (before == 0 || (leading_zero && before > 1)) return false;
    std::int64_t after = 0;
    if (p != end && *p == '.') {
        ++p;
        after = digits();
        if (after == 0) return false;
    }
    std::int64_t exponent = 0;
    if (p != end && (*p == 'e' || *p == 'E')) {
        ++p;
        const bool negative = p != end && *p == '-';
        if (p != end && (*p == '-' || *p == '+')) ++p;
        const char* const first = p;
        if (digits() == 0) return false;
        for (const char* q = first; q != p; ++q)
            exponent = std::min<std::int64_t>(exponent * 10 + (*q - '0'), 1'000'000);
        if (negative) exponent = -exponent;
    }
    fits = before + exponent <= kMaxNumericDigits && after - exponent <= kMaxNumericDigits;
    return p == end;
}

bool is_not_finite(std::string_view word) {
    if (!word.empty() && (word.front() == '-' || word.front() == '+')) word.remove_prefix(1);
    const auto equals = [word](std::string_view other) {
        return std::equal(word.begin(), word.end(), other.begin(), other.end(),
                          [](char a, char b) { return (a | 0x20) == b; });
    };
    return equals("nan") || equals("inf") || equals("infinity");
}

}  // namespace

std::string_view to_string(Type type) {
    constexpr std::string_view kNames[] = {"null", "a boolean", "a number", "a string", "an object", "an array"};
    return kNames[static_cast<std::size_t>(type)];
}

const char* skip_blanks(const char* p, const char* end) {
    while (p != end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) ++p;
    return p;
}

std::nullptr_t Document::fail(const char* where, const char* expected) {
    stop_ = where;
    expected_ = expected;
    return nullptr;
}

void Document::note(Flaw::Kind kind, bool at_key, std::string message) {
    if (kind != Flaw::Kind::too_deep) fits_jsonb_ = false;
    if (!flaw_) flaw_.emplace(Flaw{kind, pointer(at_key), std::move(message)});
}

// To the value being read, or, at a member's name, to the object that it is in. A container's own name is its node's.
std::string Document::pointer(bool at_key) const {
    std::string result;
    std::string token;
    const std::size_t depth = frames_.size() - (at_key ? 1 : 0);
    for (std::size_t i = 0; i < depth; ++i) {
        const bool is_innermost = i + 1 == frames_.size();
        if (!is_innermost && frames_[i + 1].node == kNoNode) break;
        const Node* const inner = is_innermost ? nullptr : &nodes_[frames_[i + 1].node];
        token.clear();
        if (!frames_[i].is_object) {
            token = std::to_string(frames_[i].element);
        } else if (inner != nullptr ? inner->key_escaped : key_escaped_) {
            unescape(inner != nullptr ? inner->key : key_, token);
        } else {
            token = inner != nullptr ? inner->key : key_;
        }
        if (token.size() > kMaxPointerToken) break;  // a pointer to its parent says enough
        append_pointer_token(result, token);
    }
    return result;
}

bool Document::add_node(Type type, std::string_view raw, bool escaped) {
    if (is_deep_) return false;
    if (nodes_.size() >= kMaxNodes) {
        note(Flaw::Kind::too_large, false, "more than 4,000,000 values in one event");
        return false;
    }
    Node& node = nodes_.emplace_back();
    node.key = key_;
    node.raw = raw;
    node.type = type;
    node.key_escaped = key_escaped_;
    node.escaped = escaped;
    return true;
}

// `p` stands after the backslash; returns what comes after the escape.
const char* Document::read_escape(const char* p, const char* end, bool is_key) {
    if (p == end) return p;
    switch (*p) {
        case '"':
        case '\\':
        case '/':
        case 'b':
        case 'f':
        case 'n':
        case 'r':
        case 't':
            return p + 1;
        case 'u': {
            const int unit = read_hex4(p + 1);
            if (unit < 0) break;
            p += 5;
            if (unit == 0) {
                note(Flaw::Kind::nul, is_key, "\\u0000 can't be stored; send the text without it");
            } else if (is_high_surrogate(unit)) {
                if (p[0] == '\\' && p[1] == 'u' && is_low_surrogate(read_hex4(p + 2))) return p + 6;
                note(Flaw::Kind::bad_utf8, is_key,
                     "half a surrogate pair (\\ud800 to \\udbff without its second half)");
            } else if (is_low_surrogate(unit)) {
                note(Flaw::Kind::bad_utf8, is_key, "half a surrogate pair (\\udc00 to \\udfff without its first half)");
            }
            return p;
        }
        default:
            break;
    }
    note(Flaw::Kind::malformed, is_key, "a backslash in a string that begins no JSON escape");
    return p;
}

// `p` stands after the opening quote; returns the closing one, or null when there is none.
const char* Document::read_string(const char* p, const char* end, bool& escaped, bool is_key) {
    for (;;) {
        p = skip_plain(p, end);
        if (p == end) return nullptr;
        if (*p == '"') return p;
        if (*p == '\\') {
            escaped = true;
            p = read_escape(p + 1, end, is_key);
        } else if (static_cast<unsigned char>(*p) >= 0x80) {
            const std::size_t length = utf8_sequence_length(p, end);
            if (length == 0) note(Flaw::Kind::bad_utf8, is_key, "bytes that are not UTF-8");
            p += std::max<std::size_t>(length, 1);
        } else {
            if (*p == '\0')
                note(Flaw::Kind::nul, is_key, "a NUL byte can't be stored; send the text without it");
            else
                note(Flaw::Kind::malformed, is_key, "a control character in a string; write it as an escape, like \\n");
            ++p;
        }
    }
}

// A number or a literal; returns what comes after it, or `p` itself when there is no such thing.
const char* Document::read_word(const char* p, const char* end, Type& type) {
    const char* stop = p;
    while (stop != end && contains(kWord, *stop)) ++stop;
    const std::string_view word(p, static_cast<std::size_t>(stop - p));
    bool fits = true;
    if (word.empty()) return p;
    if (is_number(word, fits)) {
        type = Type::number;
        if (!fits)
            note(Flaw::Kind::too_large, false, "a number with more than 16,383 digits before or after its point");
    } else if (word == "true" || word == "false") {
        type = Type::boolean;
    } else if (word == "null") {
        type = Type::null;
    } else {
        const std::string text = "\"" + std::string(word.substr(0, 40)) + "\" without quotes";
        if (is_not_finite(word))
            note(Flaw::Kind::not_a_number, false, text + "; send a finite number, or null");
        else
            note(Flaw::Kind::malformed, false, text + "; JSON knows numbers, true, false and null");
    }
    return stop;
}

// `p` stands where a member's name has to begin; returns where its value begins, or null.
const char* Document::read_name(const char* p, const char* end) {
    if (*p != '"') return fail(p, "a member's name in quotes");
    bool escaped = false;
    const char* const quote = read_string(p + 1, end, escaped, !is_deep_);
    if (quote == nullptr) return fail(end, "the end of a member's name");
    if (!is_deep_) {
        key_ = {p + 1, static_cast<std::size_t>(quote - p - 1)};
        key_escaped_ = escaped;
    }
    p = skip_blanks(quote + 1, end);
    if (*p != ':') return fail(p, "a colon");
    return skip_blanks(p + 1, end);
}

// A value that holds no others; returns what comes after it, or null.
const char* Document::read_scalar(const char* p, const char* end) {
    if (*p == '"') {
        bool escaped = false;
        const char* const quote = read_string(p + 1, end, escaped, false);
        if (quote == nullptr) return fail(end, "the end of a string");
        add_node(Type::string, {p, static_cast<std::size_t>(quote + 1 - p)}, escaped);
        return quote + 1;
    }
    Type type = Type::null;
    const char* const stop = read_word(p, end, type);
    if (stop == p) return fail(p, "a value");
    add_node(type, {p, static_cast<std::size_t>(stop - p)}, false);
    return stop;
}

void Document::open(const char* p) {
    const bool is_object = *p == '{';
    if (frames_.size() < kMaxDepth) {
        const bool recorded = add_node(is_object ? Type::object : Type::array, {p, 1}, false);
        frames_.push_back(Frame{recorded ? nodes_.size() - 1 : kNoNode, is_object});
        key_ = {};
        key_escaped_ = false;
        return;
    }
    if (!is_deep_) note(Flaw::Kind::too_deep, false, "more than 32 levels of nesting");
    is_deep_ = true;
    deep_.push_back(is_object);
    if (frames_.size() + deep_.size() > kMaxJsonbDepth) fits_jsonb_ = false;
}

void Document::close(const char* p) {
    if (is_deep_) {
        deep_.pop_back();
        is_deep_ = !deep_.empty();
        return;
    }
    const std::size_t place = frames_.back().node;
    frames_.pop_back();
    key_ = {};
    key_escaped_ = false;
    if (place == kNoNode) return;
    Node& node = nodes_[place];
    node.raw = {node.raw.data(), static_cast<std::size_t>(p + 1 - node.raw.data())};
    node.span = static_cast<std::uint32_t>(nodes_.size() - place);
}

bool Document::read(const char* begin, const char* end) {
    nodes_.clear();
    frames_.clear();
    deep_.clear();
    is_deep_ = false;
    key_ = {};
    key_escaped_ = false;
    flaw_.reset();
    fits_jsonb_ = true;

    const char* p = skip_blanks(begin, end);
    const char* const first = p;
    bool in_object = false;
    for (;;) {
        // A value begins at p.
        if (*p == '{' || *p == '[') {
            in_object = *p == '{';
            open(p);
            p = skip_blanks(p + 1, end);
            if (*p != (in_object ? '}' : ']')) {
                if (in_object && (p = read_name(p, end)) == nullptr) return false;
                continue;
            }
        } else if ((p = read_scalar(p, end)) == nullptr) {
            return false;
        }

        // After a value: the next one, or the end of as many containers as end here.
        for (;;) {
            if (frames_.empty()) {
                stop_ = p;
                if (p - first > kMaxValueSize) note(Flaw::Kind::too_large, false, "an event of more than 64 MiB");
                return true;
            }
            p = skip_blanks(p, end);
            if (*p == ',') break;
            if (*p != (in_object ? '}' : ']')) {
                fail(p, in_object ? "',' or '}'" : "',' or ']'");
                return false;
            }
            close(p++);
            in_object = !frames_.empty() && inside_object();
        }
        p = skip_blanks(p + 1, end);
        if (!in_object) {
            if (!is_deep_) ++frames_.back().element;
        } else if ((p = read_name(p, end)) == nullptr) {
            return false;
        }
    }
}

void unescape(std::string_view content, std::string& out) {
    const char* p = content.data();
    const char* const end = p + content.size();
    while (p != end) {
        if (*p != '\\') {
            const char* const stop = std::find(p, end, '\\');
            out.append(p, stop);
            p = stop;
            continue;
        }
        const char kind = p[1];
        p += 2;
        switch (kind) {
            case 'b':
                out.push_back('\b');
                break;
            case 'f':
                out.push_back('\f');
                break;
            case 'n':
                out.push_back('\n');
                break;
            case 'r':
                out.push_back('\r');
                break;
            case 't':
                out.push_back('\t');
                break;
            case 'u': {
                const int unit = read_hex4(p);
                p += 4;
                auto code_point = static_cast<std::uint32_t>(unit);
                if (is_high_surrogate(unit)) {
                    const int low = read_hex4(p + 2);
                    p += 6;
                    code_point = 0x10000 + ((static_cast<std::uint32_t>(unit) - 0xD800) << 10) +
                                 (static_cast<std::uint32_t>(low) - 0xDC00);
                }
                append_utf8(out, code_point);
                break;
            }
            default:
                out.push_back(kind);
                break;
        }
    }
}

void append_pointer_token(std::string& pointer, std::string_view token) {
    pointer.push_back('/');
    for (const char c : token) {
        if (c == '~')
            pointer += "~0";
        else if (c == '/')
            pointer += "~1";
        else
            pointer.push_back(c);
    }
}

}  // namespace analytics::json
