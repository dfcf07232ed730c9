#include "core/rest/function_fields.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/http/message.hpp"

namespace analytics::rest {

bool is_field(std::string_view name, std::string_view value) {
    static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    const bool is_token = std::all_of(name.begin(), name.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x80 && std::isalnum(byte) != 0) || kMarks.find(c) != std::string_view::npos;
    });
    return !name.empty() && is_token && value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

bool frames_message(std::string_view name) {
    static constexpr std::array<std::string_view, 7> kNames = {"Connection", "Content-Length",    "Keep-Alive", "TE",
                                                               "Trailer",    "Transfer-Encoding", "Upgrade"};
    return std::any_of(kNames.begin(), kNames.end(),
                       [&](std::string_view known) { return http::equal_ignoring_case(known, name); });
}

}  // namespace analytics::rest
