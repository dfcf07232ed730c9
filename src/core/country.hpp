// ISO 3166-1 alpha-2: the countries that an event may name.
#pragma once

#include "core/no_postgres.hpp"

#include <optional>
#include <string_view>

namespace analytics {

// The code in upper case, for a code in any case; nullopt when there is no such country. Lives as long as the program.
std::optional<std::string_view> find_country(std::string_view code);

}  // namespace analytics
