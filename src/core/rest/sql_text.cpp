#include "core/rest/sql_text.hpp"

#include <algorithm>
#include <cctype>

namespace analytics::rest {
namespace {

void append_doubled(std::string& out, std::string_view text, char quote) {
    out += quote;
    for (const char c : text) {
        if (c != '\0') {
            out += c;
            if (c == quote) {
                out += c;
            }
        }
    }
    out += quote;
}

}  // namespace

SqlText& SqlText::name(std::string_view identifier) {
    append_doubled(text_, identifier, '"');
    return *this;
}

SqlText& SqlText::name(const Name& name) {
    if (!name.schema.empty()) {
        this->name(name.schema);
        text_ += '.';
    }
    return this->name(name.name);
}

SqlText& SqlText::literal(std::string_view text) {
    if (text.find('\\') == std::string_view::npos) {
        append_doubled(text_, text, '\'');
        return *this;
    }
    std::string slashed;  // whatever standard_conforming_strings says
    for (const char c : text) {
        slashed += c;
        if (c == '\\') {
            slashed += c;
        }
    }
    text_ += " E";
    append_doubled(text_, slashed, '\'');
    return *this;
}

SqlText& SqlText::value(std::string_view text) {
    values_.emplace_back(text);
    text_ += '$' + std::to_string(values_.size());
    return *this;
}

std::string array_text(const std::vector<std::string>& elements) {
    std::string text = "{";
    for (const std::string& element : elements) {
        text += text.size() > 1 ? ",\"" : "\"";
        for (const char c : element) {
            if (c == '"' || c == '\\') {
                text += '\\';
            }
            text += c;
        }
        text += '"';
    }
    return text + '}';
}

bool is_type_name(std::string_view text) {
    bool quoted = false;
    bool in_word = false;  // where alone a '$' quotes nothing
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool letter = std::isalpha(byte) != 0 || c == '_' || (byte & 0x80U) != 0;
        const bool digit = std::isdigit(byte) != 0;
        in_word = letter || (in_word && (digit || c == '$'));
        if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && !in_word && !digit && std::string_view(" .,()[]").find(c) == std::string_view::npos) {
            return false;
        }
    }
    // parentheses hold numbers alone, so that nothing can be called
    for (std::size_t open = text.find('('); open != std::string_view::npos; open = text.find('(', open + 1)) {
        const auto close = text.find(')', open);
        if (close == std::string_view::npos ||
            !std::all_of(text.begin() + static_cast<std::ptrdiff_t>(open) + 1,
                         text.begin() + static_cast<std::ptrdiff_t>(close),
                         [](unsigned char c) { return std::isdigit(c) != 0 || c == ',' || c == ' '; })) {
            return false;
        }
    }
    return !quoted && !text.empty();
}

}  // namespace analytics::rest
