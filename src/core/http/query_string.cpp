#include "core/http/query_string.hpp"

namespace analytics::http {
namespace {

int digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) {
                return std::nullopt;
            }
            c = static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0') {
            return std::nullopt;
        }
        result += c;
    }
    return result;
}

std::optional<Parameters> parse_query(std::string_view query) {
    Parameters parameters;
    while (!query.empty()) {
        const auto end = query.find('&');
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
        if (pair.empty()) {
            continue;
        }
        const auto equals = pair.find('=');
        auto name = percent_decode(pair.substr(0, equals), true);
        auto value = equals == std::string_view::npos ? std::string() : percent_decode(pair.substr(equals + 1), true);
        if (!name || !value) {
            return std::nullopt;
        }
        parameters.emplace_back(std::move(*name), std::move(*value));
    }
    return parameters;
}

std::optional<std::string_view> find_parameter(const Parameters& parameters, std::string_view name) {
    for (auto parameter = parameters.rbegin(); parameter != parameters.rend(); ++parameter) {
        if (parameter->first == name) {
            return parameter->second;
        }
    }
    return std::nullopt;
}

}  // namespace analytics::http
