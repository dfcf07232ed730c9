#include "core/timestamp.hpp"

#include <gtest/gtest.h>

namespace analytics {
namespace {

// Seconds since 1970 from `date -u -d ... +%s`.
constexpr std::int64_t kLeapDay = 1'709'208'000;  // 2024-02-29 12:00:00 UTC

std::int64_t micros(std::string_view text) {
    const auto time = parse_rfc3339(text);
    EXPECT_TRUE(time.has_value()) << text;
    return time ? time->micros : -1;
}

TEST(Timestamp, reads_rfc_3339) {
    EXPECT_EQ(micros("2024-02-29T12:00:00Z"), kLeapDay * kMicrosPerSecond);
    EXPECT_EQ(micros("2024-02-29t12:00:00z"), kLeapDay * kMicrosPerSecond);
    EXPECT_EQ(micros("2024-02-29 12:00:00Z"), kLeapDay * kMicrosPerSecond);
    EXPECT_EQ(micros("2024-02-29T13:30:00+01:30"), kLeapDay * kMicrosPerSecond);
    EXPECT_EQ(micros("2024-02-29T02:00:00-10:00"), kLeapDay * kMicrosPerSecond);
    EXPECT_EQ(micros("2024-02-29 13:00:00+01"), kLeapDay * kMicrosPerSecond);
    EXPECT_EQ(micros("2024-02-29T13:00:00+0100"), kLeapDay * kMicrosPerSecond);
    EXPECT_EQ(micros("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(micros("1969-12-31T23:59:59.5Z"), -500'000);
    EXPECT_EQ(micros("2000-03-01T00:00:00Z"), 951'868'800 * kMicrosPerSecond);
    EXPECT_EQ(micros("0001-01-01T00:00:00Z"), -62'135'596'800 * kMicrosPerSecond);
}

TEST(Timestamp, fractions_count_to_the_microsecond_and_what_is_finer_is_cut_off) {
    EXPECT_EQ(micros("1970-01-01T00:00:00.5Z"), 500'000);
    EXPECT_EQ(micros("1970-01-01T00:00:00.123456Z"), 123'456);
    EXPECT_EQ(micros("1970-01-01T00:00:00.000001Z"), 1);
    EXPECT_EQ(micros("1970-01-01T23:59:59.999999999Z"), kMicrosPerDay - 1);
    EXPECT_EQ(micros("1970-01-01T00:00:00.1234567890123456789012345678901234567890Z"), 123'456);
}

TEST(Timestamp, a_leap_second_is_the_next_minutes_first) {
    EXPECT_EQ(micros("2016-12-31T23:59:60Z"), micros("2017-01-01T00:00:00Z"));
}

TEST(Timestamp, tells_wall_time_from_an_instant) {
    EXPECT_FALSE(parse_rfc3339("2024-02-29T12:00:00")->has_zone);
    EXPECT_FALSE(parse_rfc3339("2024-02-29 12:00:00.5")->has_zone);
    EXPECT_TRUE(parse_rfc3339("2024-02-29T12:00:00Z")->has_zone);
    EXPECT_EQ(parse_rfc3339("2024-02-29T12:00:00")->micros, kLeapDay * kMicrosPerSecond);
}

TEST(Timestamp, refuses_what_is_no_point_in_time) {
    for (const char* text : {"",
                             "yesterday",
                             "2024-02-29",
                             "2024-02-29T",
                             "2024-02-29T12:00Z",
                             "2024-02-29T12",
                             "2023-02-29T12:00:00Z",
                             "1900-02-29T00:00:00Z",
                             "2024-04-31T00:00:00Z",
                             "2024-13-01T00:00:00Z",
                             "2024-00-01T00:00:00Z",
                             "2024-01-00T00:00:00Z",
                             "2024-01-01T24:00:00Z",
                             "2024-01-01T00:60:00Z",
                             "2024-01-01T00:00:61Z",
                             "2024-01-01T00:00:00.Z",
                             "2024-01-01T00:00:00,5Z",
                             "2024-01-01T00:00:00+24:00",
                             "2024-01-01T00:00:00+01:60",
                             "2024-01-01T00:00:00+1",
                             "2024-01-01T00:00:00+01:",
                             "2024-01-01T00:00:00 Z",
                             "2024-01-01T00:00:00ZZ",
                             "2024-01-01T00:00:00Z ",
                             " 2024-01-01T00:00:00Z",
                             "24-01-01T00:00:00Z",
                             "2024/01/01T00:00:00Z",
                             "2024-1-1T00:00:00Z",
                             "+2024-01-01T00:00:00Z",
                             "2024-01-01T00:00:00+01:00:00",
                             "2024-01-01T-1:00:00Z"}) {
        EXPECT_FALSE(parse_rfc3339(text).has_value()) << text;
    }
}

TEST(Timestamp, epoch_below_1e11_is_seconds) {
    const auto epoch = [](std::string_view text) { return epoch_to_micros(*Decimal::parse(text)); };
    EXPECT_EQ(epoch("1709208000"), kLeapDay * kMicrosPerSecond);
    EXPECT_EQ(epoch("1709208000000"), kLeapDay * kMicrosPerSecond);
    EXPECT_EQ(epoch("1709208000.123456"), kLeapDay * kMicrosPerSecond + 123'456);
    EXPECT_EQ(epoch("1709208000.1234567"), kLeapDay * kMicrosPerSecond + 123'456);
    EXPECT_EQ(epoch("1709208000123.4567"), kLeapDay * kMicrosPerSecond + 123'456);
    EXPECT_EQ(epoch("1.709208e9"), kLeapDay * kMicrosPerSecond);
    EXPECT_EQ(epoch("99999999999"), 99'999'999'999 * kMicrosPerSecond);
    EXPECT_EQ(epoch("100000000000"), 100'000'000 * kMicrosPerSecond);
    EXPECT_EQ(epoch("-0.0000001"), -1);  // down, as for times after 1970
    EXPECT_EQ(epoch("-1"), -kMicrosPerSecond);
    EXPECT_EQ(epoch("0.0000000000000000000001"), 0);
    EXPECT_EQ(epoch("9999999999999999999999"), std::nullopt);
    EXPECT_EQ(epoch("-9999999999999999999999"), std::nullopt);
}

TEST(Timestamp, midnights_follow_one_another) {
    // Independent of the formula: counting day by day through 400 years and their leap years.
    std::int64_t expected = 0;
    constexpr int kLengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int year = 1970; year < 2370; ++year) {
        const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; ++month) {
            const int days = kLengths[month - 1] + (leap && month == 2 ? 1 : 0);
            for (int day = 1; day <= days; ++day) {
                ASSERT_EQ(midnight_micros(year, month, day), expected * kMicrosPerDay)
                    << year << '-' << month << '-' << day;
                ++expected;
            }
        }
    }
}

}  // namespace
}  // namespace analytics
