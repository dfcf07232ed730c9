// Reads a query string in PostgREST's dialect.
#pragma once

#include "core/rest/query.hpp"

#include <string_view>
#include <variant>

namespace analytics::rest {

// What is asked. Of a function called by GET a parameter that is no filter is an argument, and no failure.
enum class Reading : std::uint8_t { table, function };

// The query string as sent, without its '?'. Of several faults the one that PostgREST comes upon first is told.
std::variant<Query, Failure> parse_query(std::string_view query_string, Reading reading);

}  // namespace analytics::rest
