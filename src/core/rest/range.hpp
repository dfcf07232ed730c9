// Which rows of an answer are asked for, and which it holds: limit= and offset=, Range and Content-Range.
//
// Source: https://docs.postgrest.org, version 16, pagination_count.
#pragma once

#include "core/rest/query.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace analytics::rest {

// The rows that both ask for: the query's own limits and the Range header, which counts of GET alone. A header that is
// no range of rows (0-9, 10-) counts as not sent; Range-Unit says nothing.
std::variant<Limits, Failure> rows_asked(const Query& query, std::optional<std::string_view> range);

// 0-9/100, 0-9/* without a total, */0 where there are no rows.
std::string content_range(std::uint64_t offset, std::uint64_t rows, std::optional<std::uint64_t> total);

// 200, 206 where there are more, 416 where the offset lies behind the end: then out_of_bounds() is the answer.
int range_status(std::uint64_t offset, std::uint64_t rows, std::optional<std::uint64_t> total);

Failure out_of_bounds(std::uint64_t offset, std::uint64_t total);

Failure negative_limit();

}  // namespace analytics::rest
