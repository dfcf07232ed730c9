#include "core/auth/base64url.hpp"

#include <cstdint>

namespace analytics::auth {
namespace {

int value_of(char c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

}  // namespace

std::optional<std::string> read_base64url(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size() * 3 / 4);
    std::uint32_t held = 0;
    int bits = 0;
    for (const char c : text) {
        const int value = value_of(c);
        if (value < 0) {
            return std::nullopt;
        }
        held = held << 6U | static_cast<std::uint32_t>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes.push_back(static_cast<char>(held >> static_cast<unsigned>(bits) & 0xFFU));
            held &= (1U << static_cast<unsigned>(bits)) - 1;
        }
    }
    return bits < 6 && held == 0 ? std::optional(std::move(bytes)) : std::nullopt;
}

}  // namespace analytics::auth
