#include "core/decimal.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <random>

namespace analytics {
namespace {

Decimal d(std::string_view text) { return *Decimal::parse(text); }

TEST(Decimal, keeps_the_digits_that_were_sent) {
    for (const char* text : {"0", "19.90", "0.001", "-3.50", "7", "1234567890123456789012", "0.0000000000000000000001",
                             "12345678901.12345678901", "100.00"}) {
        EXPECT_EQ(d(text).to_string(), text);
    }
}

TEST(Decimal, reads_exponents_as_digits) {
    EXPECT_EQ(d("1e2").to_string(), "100");
    EXPECT_EQ(d("1.50E1").to_string(), "15.0");
    EXPECT_EQ(d("1.5e1").to_string(), "15");
    EXPECT_EQ(d("25e-3").to_string(), "0.025");
    EXPECT_EQ(d("1E+3").to_string(), "1000");
    EXPECT_EQ(d("0e99").to_string(), "0");
}

TEST(Decimal, zero_has_no_sign) {
    EXPECT_FALSE(d("-0.00").is_negative());
    EXPECT_TRUE(d("-0.00").is_zero());
    EXPECT_EQ(d("-0.00").to_string(), "0.00");
}

TEST(Decimal, refuses_what_is_no_json_number) {
    for (const char* text : {"",   "-",  "+1",  ".5",       "1.",   "01",   "-01",   "1e",    "1e+", "1.2.3",   "1,5",
                             " 1", "1 ", "NaN", "Infinity", "-inf", "0x10", "1_000", "1e1.5", "--1", "\xD9\xA1"}) {
        EXPECT_FALSE(Decimal::parse(text).has_value()) << text;
    }
}

TEST(Decimal, refuses_more_than_22_digits) {
    EXPECT_EQ(d("9999999999999999999999").to_string(), "9999999999999999999999");
    for (const char* text : {"12345678901234567890123", "1234567890123456789012.3", "1e22", "0.00000000000000000000001",
                             "1e-23", "1e999999999999999999999", "1e-999999999999999999999",
                             "123456789012345678901234567890123456789012345678901234567890"}) {
        EXPECT_THROW(Decimal::parse(text), Error) << text;
    }
    EXPECT_EQ(d("1e21").to_string(), "1000000000000000000000");
    EXPECT_EQ(d("0.000000000000000000000").to_string(), "0.000000000000000000000");
}

TEST(Decimal, adds_and_subtracts_at_the_finer_scale) {
    EXPECT_EQ((d("1.5") + d("2.25")).to_string(), "3.75");
    EXPECT_EQ((d("1.50") - d("1.5")).to_string(), "0.00");
    EXPECT_EQ((d("0.1") + d("0.2")).to_string(), "0.3");
    EXPECT_EQ((d("1") - d("0.001")).to_string(), "0.999");
    EXPECT_EQ((d("5") - d("7.5")).to_string(), "-2.5");
}

TEST(Decimal, multiplies_by_a_quantity_exactly) {
    EXPECT_EQ((d("19.90") * 3).to_string(), "59.70");
    EXPECT_EQ((d("1234567890123456789012") * 2147483647).to_string(), "2651214355151416265514399286764");
}

TEST(Decimal, refuses_what_needs_more_than_38_digits) {
    const Decimal largest =
        Decimal(static_cast<__int128>(9'999'999'999'999'999'999ULL) * 10'000'000'000'000'000'000ULL, 0);
    EXPECT_NO_THROW(largest + d("9"));
    EXPECT_THROW(largest + d("9999999999999999999999"), Error);
    EXPECT_THROW(largest * 2, Error);
    EXPECT_THROW(largest + d("0.1"), Error);
    EXPECT_THROW(multiply_divide(largest, d("20"), d("1"), 0), Error);
}

TEST(Decimal, compares_by_value) {
    EXPECT_EQ(d("1.0"), d("1.00"));
    EXPECT_LT(d("1.09"), d("1.1"));
    EXPECT_LT(d("-2"), d("-1.5"));
    EXPECT_GT(d("0.1"), d("-5"));
    EXPECT_EQ(d("0"), d("0.0000"));
    EXPECT_LT(d("0.0000000000000000000001"), d("9999999999999999999999"));
    EXPECT_GT(d("-0.0000000000000000000001"), d("-9999999999999999999999"));
}

TEST(MultiplyDivide, rounds_half_away_from_zero) {
    EXPECT_EQ(multiply_divide(d("1"), d("1"), d("8"), 2).to_string(), "0.13");    // 0.125
    EXPECT_EQ(multiply_divide(d("-1"), d("1"), d("8"), 2).to_string(), "-0.13");  // -0.125
    EXPECT_EQ(multiply_divide(d("1"), d("-1"), d("-8"), 2).to_string(), "0.13");
    EXPECT_EQ(multiply_divide(d("1"), d("1"), d("3"), 3).to_string(), "0.333");
    EXPECT_EQ(multiply_divide(d("2"), d("1"), d("3"), 0).to_string(), "1");
    EXPECT_EQ(multiply_divide(d("19.99"), d("14.99"), d("17.99"), 2).to_string(), "16.66");  // 16.6564...
    EXPECT_EQ(multiply_divide(d("5"), d("1"), d("2"), 0).to_string(), "3");
    EXPECT_EQ(multiply_divide(d("0"), d("1"), d("2"), 2).to_string(), "0.00");
}

TEST(MultiplyDivide, holds_the_whole_product) {
    // (10^22 - 1)^2 / (10^22 - 1): the product has 44 digits.
    const Decimal large = d("9999999999999999999999");
    EXPECT_EQ(multiply_divide(large, large, large, 0), large);
    EXPECT_EQ(multiply_divide(large, d("0.0000000000000000000001"), d("1"), 22).to_string(),
              "0.9999999999999999999999");
    EXPECT_THROW(multiply_divide(d("1"), d("1"), d("0.00"), 2), Error);
}

TEST(Decimal, agrees_with_128_bit_integers) {
    std::mt19937_64 random(7);
    for (int i = 0; i < 20'000; ++i) {
        const auto a = static_cast<std::int64_t>(random() % 2'000'000'000) - 1'000'000'000;
        const auto b = static_cast<std::int64_t>(random() % 2'000'000'000) - 1'000'000'000;
        EXPECT_EQ(Decimal(a, 3) + Decimal(b, 3), Decimal(a + b, 3));
        EXPECT_EQ(Decimal(a, 3) - Decimal(b, 3), Decimal(a - b, 3));
        EXPECT_EQ(Decimal(a, 2) <=> Decimal(b, 3), a * 10 <=> b);
        EXPECT_EQ(Decimal::parse(Decimal(a, 4).to_string()), Decimal(a, 4));
        if (b != 0) {
            // round(a / b) by integers: (2|a| + |b|) / 2|b|
            const std::int64_t rounded = (2 * std::abs(a) + std::abs(b)) / (2 * std::abs(b));
            EXPECT_EQ(multiply_divide(Decimal(a, 0), Decimal(1, 0), Decimal(b, 0), 0),
                      Decimal((a < 0) != (b < 0) ? -rounded : rounded, 0));
        }
    }
}

}  // namespace
}  // namespace analytics
