// Points in time as senders write them: RFC 3339 text, or seconds or milliseconds since 1970.
#pragma once

#include "core/decimal.hpp"
#include "core/no_postgres.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace analytics {

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

struct Timestamp {
    std::int64_t micros = 0;  // since 1970-01-01 00:00:00; UTC, or wall time where no zone was given
    bool has_zone = true;
};

// Microseconds from 1970-01-01 to midnight of a date of the proleptic Gregorian calendar.
std::int64_t midnight_micros(int year, int month, int day);

// RFC 3339: 2024-02-29T23:59:59.25+01:00. Also with a blank or t for T, without a zone, and with a zone written as
// +01 or +0100. A second of 60 is the next minute's first; what is finer than a microsecond is cut off, so that an
// event stays on its day. Nullopt when the text is nothing of the kind.
std::optional<Timestamp> parse_rfc3339(std::string_view text);

// Seconds below 10^11, milliseconds from there on; fractions count to the microsecond.
// Nullopt when the result would lie beyond the 64 bits of microseconds.
std::optional<std::int64_t> epoch_to_micros(const Decimal& epoch);

}  // namespace analytics
