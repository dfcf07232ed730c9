// The hour, day, week and month that a moment falls into on a store's wall clock: the rules of counted_line
// (sql/functions/lines.sql).
//
// Days count from 2000-01-01, moments in microseconds from then, as PostgreSQL has them; the clock is the wall's.
#pragma once

#include "core/no_postgres.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace analytics::cells {

enum class Grain : std::uint8_t { hour, day, week, month };

struct Buckets {
    std::int64_t hour = 0;  // its start, a moment
    std::int64_t day = 0;
    std::int64_t week = 0;   // its first day
    std::int64_t month = 0;  // its first day

    std::int64_t of(Grain grain) const {
        switch (grain) {
            case Grain::hour:
                return hour;
            case Grain::day:
                return day;
            case Grain::week:
                return week;
            case Grain::month:
                break;
        }
        return month;
    }
};

// first_day: what is left of a store's events begins on this day, whatever its clock says. kept_week: the week that
// holds the event already.
inline Buckets buckets_of(std::int64_t at, std::int64_t clock, std::optional<std::int64_t> first_day,
                          std::string_view week_start, std::optional<std::int64_t> kept_week) {
    constexpr std::int64_t kHour = 3'600'000'000;
    constexpr std::int64_t kDay = 24 * kHour;
    constexpr std::int64_t kEpoch = 10957;  // 2000-01-01, from 1970-01-01
    const auto floor = [](std::int64_t value, std::int64_t unit) { return value / unit - (value % unit < 0 ? 1 : 0); };
    Buckets found;
    found.hour = at - (clock - floor(clock, kHour) * kHour);
    found.day = floor(clock, kDay);
    if (first_day && found.day < *first_day) {
        found.day = *first_day;
    }
    const std::int64_t from_saturday = found.day - floor(found.day, 7) * 7;  // 2000-01-01 was one
    const std::int64_t first = week_start == "saturday" ? 0 : week_start == "sunday" ? 1 : 2;
    found.week = found.day - (from_saturday + 7 - first) % 7;
    if (first_day && found.week < *first_day) {
        found.week += 7;  // the first that can be built
    }
    found.week = kept_week.value_or(found.week);
    const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{found.day + kEpoch}}};
    found.month = std::chrono::sys_days{date.year() / date.month() / 1}.time_since_epoch().count() - kEpoch;
    return found;
}

}  // namespace analytics::cells
