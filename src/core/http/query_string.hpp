// Percent-encoding and query strings.
#pragma once

#include "core/no_postgres.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace analytics::http {

// Nothing: a '%' without two digits, or a NUL.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

using Parameters = std::vector<std::pair<std::string, std::string>>;

// name=value&..., decoded, in order; a name without '=' has an empty value. Nothing: see percent_decode().
std::optional<Parameters> parse_query(std::string_view query);

// The last of that name, as forms have it.
std::optional<std::string_view> find_parameter(const Parameters& parameters, std::string_view name);

}  // namespace analytics::http
