// Base64 as tokens and keys have it: the alphabet of addresses, no padding (RFC 7515, appendix C).
#pragma once

#include "core/no_postgres.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace analytics::auth {

// Nullopt where it is none, or not the one text for its bytes: padding, line ends, bits left over that are not zero.
std::optional<std::string> read_base64url(std::string_view text);

}  // namespace analytics::auth
