#include "core/rest/range.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace analytics::rest {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();  // of a bigint

Failure unsatisfiable(std::string details) {
    return {416, "PGRST103", "Requested range not satisfiable", std::move(details), {}};
}

struct Rows {
    std::uint64_t first = 0;
    std::uint64_t last = kMost;
};

// Digits alone; what is too long is the most.
std::optional<std::uint64_t> read_number(std::string_view text) {
    std::uint64_t number = 0;
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
        return std::nullopt;
    }
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
    return result.ec == std::errc() ? std::min(number, kMost) : kMost;
}

std::optional<Rows> read_range(std::string_view range) {
    const auto dash = range.find('-');
    if (dash == std::string_view::npos) {
        return std::nullopt;
    }
    const auto first = read_number(range.substr(0, dash));
    const std::string_view behind = range.substr(dash + 1);
    const auto last = behind.empty() ? kMost : read_number(behind);
    return first && last ? std::optional(Rows{*first, *last}) : std::nullopt;
}

}  // namespace

std::variant<Limits, Failure> rows_asked(const Query& query, std::optional<std::string_view> range) {
    Limits limits;
    for (const auto& [path, asked] : query.limits) {
        if (path.empty()) {
            limits = asked;
        }
    }
    if (limits.limit == 0) {  // no rows, whatever else is said
        return limits;
    }
    const auto rows = range ? read_range(*range) : std::nullopt;
    if (!rows) {
        return limits;
    }
    if (rows->first > rows->last) {
        return unsatisfiable(
            "The lower boundary must be lower than or equal to the upper boundary in the Range header.");
    }
    const std::uint64_t first = std::max(rows->first, limits.offset);
    const std::uint64_t last =
        limits.limit && *limits.limit <= kMost - limits.offset ? limits.offset + *limits.limit - 1 : kMost;
    const std::uint64_t end = std::min(rows->last, last);
    if (first > end) {
        return negative_limit();  // they have no row in common, which PostgREST tells so
    }
    limits.offset = first;
    limits.limit = end == kMost ? std::nullopt : std::optional(end - first + 1);
    return limits;
}

std::string content_range(std::uint64_t offset, std::uint64_t rows, std::optional<std::uint64_t> total) {
    const bool has_rows = rows > 0 && total != 0;
    return (has_rows ? std::to_string(offset) + "-" + std::to_string(offset + rows - 1) : "*") + "/" +
           (total ? std::to_string(*total) : "*");
}

int range_status(std::uint64_t offset, std::uint64_t rows, std::optional<std::uint64_t> total) {
    if (!total) {
        return 200;
    }
    if (offset > *total) {
        return 416;
    }
    return rows < *total ? 206 : 200;
}

Failure out_of_bounds(std::uint64_t offset, std::uint64_t total) {
    return unsatisfiable("An offset of " + std::to_string(offset) + " was requested, but there are only " +
                         std::to_string(total) + " rows.");
}

Failure negative_limit() { return unsatisfiable("Limit should be greater than or equal to zero."); }

}  // namespace analytics::rest
