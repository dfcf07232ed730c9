// Hashes and signatures.
#pragma once

#include "core/no_postgres.hpp"

#include <string>
#include <string_view>

namespace analytics::http {

std::string sha256(std::string_view text);  // 32 bytes
std::string hmac_sha256(std::string_view key, std::string_view text);
std::string hex(std::string_view bytes);
std::string base64(std::string_view bytes);

// Takes the same time wherever they differ.
bool equal_secrets(std::string_view a, std::string_view b);

}  // namespace analytics::http
