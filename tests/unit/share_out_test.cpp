#include "core/decimal.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace analytics {
namespace {

Decimal d(std::string_view text) { return *Decimal::parse(text); }

std::vector<std::string> shares(std::string_view total, const std::vector<std::string>& weights, int digits) {
    std::vector<Decimal> values;
    for (const auto& weight : weights) values.push_back(d(weight));
    std::vector<std::string> result;
    for (const Decimal& share : share_out(d(total), values, digits)) result.push_back(share.to_string());
    return result;
}

using Texts = std::vector<std::string>;

TEST(ShareOut, gives_what_is_left_over_to_the_largest_remainders) {
    // 100 cents by 1:1:1 is 33 1/3 each; equal remainders: the first gets the odd cent.
    EXPECT_EQ(shares("1.00", {"5", "5", "5"}, 2), (Texts{"0.34", "0.33", "0.33"}));
    // 300 cents by 1999:1000:1 of 3000 is 199.9, 100, 0.1: the odd cent goes to the first.
    EXPECT_EQ(shares("3.00", {"19.99", "10.00", "0.01"}, 2), (Texts{"2.00", "1.00", "0.00"}));
    // 100 yen by 1000:500:333 of 1833 is 54.6, 27.3, 18.2.
    EXPECT_EQ(shares("100", {"1000", "500", "333"}, 0), (Texts{"55", "27", "18"}));
    // 101 fils by 1:2 is 33.67, 67.33.
    EXPECT_EQ(shares("0.101", {"1.250", "2.5"}, 3), (Texts{"0.034", "0.067"}));
}

TEST(ShareOut, weights_may_have_different_scales) {
    EXPECT_EQ(shares("10", {"0.5", "1.25", "3.250"}, 2), (Texts{"1.00", "2.50", "6.50"}));
}

TEST(ShareOut, a_line_without_weight_gets_nothing) {
    EXPECT_EQ(shares("0.02", {"0", "1", "1", "1"}, 2), (Texts{"0.00", "0.01", "0.01", "0.00"}));
    EXPECT_EQ(shares("7.77", {"0.00", "3"}, 2), (Texts{"0.00", "7.77"}));
}

TEST(ShareOut, without_any_weight_the_first_gets_all) {
    EXPECT_EQ(shares("1.50", {"0", "0"}, 2), (Texts{"1.50", "0.00"}));
    EXPECT_TRUE(share_out(d("1"), {}, 2).empty());
}

TEST(ShareOut, what_is_finer_than_a_cent_goes_to_the_first_share_that_is_not_zero) {
    // 1.005 is 100 cents by 1:1 and half a cent more.
    EXPECT_EQ(shares("1.005", {"1", "1"}, 2), (Texts{"0.505", "0.50"}));
    // Not one whole cent: to the first weight that is not zero.
    EXPECT_EQ(shares("0.004", {"0", "2", "1"}, 2), (Texts{"0.00", "0.004", "0.00"}));
    EXPECT_EQ(shares("0.5", {"1", "3"}, 0), (Texts{"0.5", "0"}));
}

TEST(ShareOut, holds_extreme_weights_exactly) {
    EXPECT_EQ(shares("9999999999999999999999", {"9999999999999999999999", "0.0000000000000000000001"}, 0),
              (Texts{"9999999999999999999999", "0"}));
    EXPECT_EQ(shares("2.00", {"9999999999999999999999", "9999999999999999999999"}, 2), (Texts{"1.00", "1.00"}));
}

TEST(ShareOut, a_sum_of_weights_beyond_128_bits_does_not_wrap) {
    // 35 times 10^37 is more than 2^128.
    const std::vector<Decimal> weights(35, d("1000000000000000000000") * 1'000'000'000 * 10'000'000);
    const std::vector<Decimal> result = share_out(d("0.01"), weights, 2);
    EXPECT_EQ(result.front(), d("0.01"));
    for (std::size_t i = 1; i < result.size(); ++i) EXPECT_TRUE(result[i].is_zero());
}

TEST(ShareOut, shares_add_up_and_lie_within_a_unit_of_the_exact_share) {
    std::mt19937_64 random(20240501);
    for (int round = 0; round < 5'000; ++round) {
        const int digits = static_cast<int>(random() % 4);
        const int weight_scale = static_cast<int>(random() % 5);
        const std::size_t count = 1 + random() % 20;
        std::vector<std::int64_t> raw;
        std::vector<Decimal> weights;
        std::int64_t weight_sum = 0;
        for (std::size_t i = 0; i < count; ++i) {
            raw.push_back(random() % 4 == 0 ? 0 : static_cast<std::int64_t>(random() % 1'000'000));
            weights.emplace_back(raw.back(), weight_scale);
            weight_sum += raw.back();
        }
        const auto units = static_cast<std::int64_t>(random() % 10'000'000);
        const std::vector<Decimal> result = share_out(Decimal(units, digits), weights, digits);
        Decimal sum;
        for (std::size_t i = 0; i < count; ++i) {
            sum = sum + result[i];
            if (weight_sum == 0) continue;
            // floor(units * w / sum) <= share <= that + 1, and nothing without weight
            ASSERT_EQ(result[i].scale(), digits);
            const __int128 exact = static_cast<__int128>(units) * raw[i] / weight_sum;
            EXPECT_GE(result[i].coefficient(), exact);
            EXPECT_LE(result[i].coefficient(), exact + (raw[i] == 0 ? 0 : 1));
        }
        ASSERT_EQ(sum, Decimal(units, digits));
    }
}

}  // namespace
}  // namespace analytics
