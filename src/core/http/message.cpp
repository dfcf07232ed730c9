#include "core/http/message.hpp"

#include <algorithm>

namespace analytics::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string lower_case(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), lower);
    return result;
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

void Fields::set(std::string name, std::string value) {
    std::erase_if(fields_, [&](const Field& field) { return equal_ignoring_case(field.first, name); });
    add(std::move(name), std::move(value));
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
    for (const auto& [known, value] : fields_) {
        if (equal_ignoring_case(known, name)) {
            return value;
        }
    }
    return std::nullopt;
}

bool Fields::lists(std::string_view name, std::string_view token) const {
    for (const auto& [known, value] : fields_) {
        if (!equal_ignoring_case(known, name)) {
            continue;
        }
        for (std::string_view rest = value; !rest.empty();) {
            const auto comma = rest.find(',');
            if (equal_ignoring_case(trim(rest.substr(0, comma)), token)) {
                return true;
            }
            rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
        }
    }
    return false;
}

}  // namespace analytics::http
