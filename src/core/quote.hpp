// A sender's text inside a message: short, on one line, valid UTF-8.
#pragma once

#include "core/no_postgres.hpp"

#include <string>
#include <string_view>

namespace analytics {

// In double quotes, at most about 40 bytes of it; what is no UTF-8 or no printable character shows as '?'.
std::string quoted(std::string_view text);

}  // namespace analytics
