// The search for the best products, against all of them scored and sorted.
#include "core/models/top_products.hpp"

#include "core/error.hpp"
#include "core/models/factor_kernels.hpp"
#include "core/models/random.hpp"
#include "core/models/rough_rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace analytics::models {
namespace {

// Of lengths that differ by a factor of up to 2^spread.
Factors random_rows(std::size_t rows, std::size_t columns, double spread, std::int64_t seed) {
    Random random(seed, 0);
    Factors factors(rows, columns);
    for (std::size_t i = 0; i < rows; ++i) {
        const double length = std::exp2(-spread * random.uniform());
        for (float& value : factors.values(i)) value = static_cast<float>(length * (random.uniform() - 0.5));
    }
    return factors;
}

// In -1, 0, 1: many equal scores.
Factors small_whole_rows(std::size_t rows, std::size_t columns, std::int64_t seed) {
    Random random(seed, 1);
    Factors factors(rows, columns);
    for (std::size_t i = 0; i < rows; ++i) {
        for (float& value : factors.values(i)) value = static_cast<float>(random.below(3)) - 1;
    }
    return factors;
}

std::vector<ScoredProduct> brute_force(const Factors& products, const Factors& customers, std::size_t customer,
                                       std::size_t k, const std::vector<std::uint32_t>& excluded) {
    std::vector<ScoredProduct> all;
    for (std::uint32_t i = 0; i < products.rows(); ++i) {
        if (std::find(excluded.begin(), excluded.end(), i) != excluded.end()) continue;
        float score = 0;
        inner_products(customers.row(customer), products.row(i), 1, products.stride(), &score);
        all.push_back({i, score});
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const ScoredProduct& a, const ScoredProduct& b) { return a.score > b.score; });
    all.resize(std::min(k, all.size()));
    return all;
}

void expect_the_same(const Factors& products, const Factors& customers, std::int64_t seed) {
    const TopProducts top(products);
    Random random(seed, 2);
    for (std::size_t u = 0; u < customers.rows(); ++u) {
        for (const std::size_t k : {std::size_t{0}, std::size_t{1}, std::size_t{10}, products.rows() + 5}) {
            std::vector<std::uint32_t> excluded;
            for (std::size_t n = random.below(40); n > 0; --n) {
                excluded.push_back(static_cast<std::uint32_t>(random.below(products.rows() + 3)));
            }
            const auto found = top.find(customers.values(u), k, excluded);
            const auto expected = brute_force(products, customers, u, k, excluded);
            ASSERT_EQ(found.size(), expected.size());
            for (std::size_t i = 0; i < found.size(); ++i) {
                ASSERT_EQ(found[i].product, expected[i].product) << "customer " << u << ", k " << k << ", place " << i;
                ASSERT_EQ(found[i].score, expected[i].score);
            }
        }
    }
}

TEST(TopProducts, inner_products_are_those) {
    for (const std::size_t columns : {1, 7, 8, 9, 33, 64}) {
        const Factors rows = random_rows(11, columns, 0, 1);
        const Factors query = random_rows(1, columns, 0, 2);
        for (std::size_t count = 0; count <= 11; ++count) {
            std::vector<float> products(12, 77);
            inner_products(query.row(0), rows.row(0), count, rows.stride(), products.data());
            for (std::size_t i = 0; i < count; ++i) {
                double sum = 0;
                for (std::size_t j = 0; j < columns; ++j) {
                    sum += static_cast<double>(query.row(0)[j]) * static_cast<double>(rows.row(i)[j]);
                }
                EXPECT_NEAR(products[i], sum, 1e-6);
            }
            EXPECT_EQ(products[count], 77.0F);
        }
    }
}

TEST(TopProducts, finds_what_scoring_all_products_finds) {
    for (const std::size_t columns : {1, 5, 8, 20, 64}) {
        for (const double spread : {0.0, 3.0, 20.0}) {
            expect_the_same(random_rows(700, columns, spread, 3), random_rows(20, columns, 1, 4), 5);
        }
    }
    expect_the_same(random_rows(1, 4, 0, 3), random_rows(5, 4, 0, 4), 5);
    expect_the_same(random_rows(64, 4, 0, 3), random_rows(5, 4, 0, 4), 5);
}

TEST(TopProducts, equally_good_ones_come_in_the_order_of_products) {
    for (const std::size_t columns : {1, 2, 6}) {
        expect_the_same(small_whole_rows(500, columns, 6), small_whole_rows(30, columns, 7), 8);
    }
}

// x'y is |x| |y| for each, but for rounding: a bound that forgot about that would stop too early.
TEST(TopProducts, rounding_hides_none_that_point_where_the_customer_does) {
    for (std::int64_t seed = 20; seed < 40; ++seed) {
        const Factors direction = random_rows(1, 64, 0, seed);
        Random random(seed, 3);
        Factors products(1000, 64);
        for (std::size_t i = 0; i < products.rows(); ++i) {
            const double length = 1 + 1e-7 * random.uniform();
            for (std::size_t j = 0; j < 64; ++j) {
                products.row(i)[j] = static_cast<float>(length * static_cast<double>(direction.row(0)[j]));
            }
        }
        expect_the_same(products, direction, 11);
    }
}

// What bytes tell of rows badly: one great number among small ones, lengths that hardly fit a float, those that hardly
// differ from 0, all equal, none but 0.
std::vector<Factors> awkward_rows(std::size_t rows, std::size_t columns) {
    std::vector<Factors> all;
    for (const float length : {1.0F, 1e15F, 1e-15F, 1e-30F, 1e-42F, 0.0F}) {
        Factors spiked = random_rows(rows, columns, 3, 50);
        Factors equal(rows, columns);
        for (std::size_t i = 0; i < rows; ++i) {
            spiked.row(i)[i % columns] = 1000;
            for (std::size_t j = 0; j < columns; ++j) {
                spiked.row(i)[j] *= length;
                equal.row(i)[j] = length * (j % 2 == 0 ? 1.0F : -0.3F);
            }
        }
        all.push_back(spiked);
        all.push_back(equal);
    }
    Factors mixed(rows, columns);
    for (std::size_t i = 0; i < rows; ++i) {
        const Factors& from = all[i % all.size()];
        std::copy_n(from.row(i), columns, mixed.row(i));
    }
    all.push_back(mixed);
    return all;
}

TEST(TopProducts, awkward_factors_hide_none) {
    for (const std::size_t columns : {1, 31, 64, 130}) {
        const auto sets = awkward_rows(300, columns);
        for (const Factors& products : sets) {
            for (std::size_t n = 0; n < sets.size(); n += 2) {
                Factors customers(3, columns);
                for (std::size_t i = 0; i < 3; ++i) std::copy_n(sets[n].row(i), columns, customers.row(i));
                expect_the_same(products, customers, 52);
            }
            expect_the_same(products, random_rows(3, columns, 1, 51), 53);
        }
    }
}

TEST(RoughRows, no_inner_product_exceeds_its_bound) {
    for (const std::size_t columns : {1, 31, 64, 130, 512}) {
        const auto sets = awkward_rows(100, columns);
        for (const Factors& rows : sets) {
            const RoughRows rough(rows);
            for (const Factors& queries : sets) {
                for (std::size_t u = 0; u < 3; ++u) {
                    std::vector<double> bounds(rows.rows());
                    std::vector<float> products(rows.rows());
                    rough.bounds(RoughRows::Query(queries.values(u)), 0, rows.rows(), bounds.data());
                    inner_products(queries.row(u), rows.row(0), rows.rows(), rows.stride(), products.data());
                    for (std::size_t i = 0; i < rows.rows(); ++i) {
                        ASSERT_LE(static_cast<double>(products[i]), bounds[i]) << columns << " columns, row " << i;
                    }
                }
            }
        }
    }
}

// All of the query but one number is rounded off, and all rows have is in the same direction.
TEST(RoughRows, a_query_that_is_rounded_off_counts) {
    Factors rows(1, 64);
    Factors query(1, 64);
    std::fill_n(rows.row(0), 64, 1.0F);
    std::fill_n(query.row(0), 64, 0.49F);
    query.row(0)[0] = 32767;
    float product = 0;
    double bound = 0;
    inner_products(query.row(0), rows.row(0), 1, rows.stride(), &product);
    RoughRows(rows).bounds(RoughRows::Query(query.values(0)), 0, 1, &bound);
    EXPECT_GE(bound, static_cast<double>(product));
}

// All columns at their most: the sum of whole numbers must fit.
TEST(RoughRows, bounds_are_close) {
    for (const std::size_t columns : {8, 64, 512, 1024}) {
        Factors rows = random_rows(200, columns, 0, 54);
        std::fill_n(rows.row(0), columns, 3.0F);
        std::fill_n(rows.row(1), columns, -3.0F);
        const RoughRows rough(rows);
        for (std::size_t u = 0; u < 5; ++u) {
            std::vector<double> bounds(rows.rows());
            std::vector<float> products(rows.rows());
            rough.bounds(RoughRows::Query(rows.values(u)), 0, rows.rows(), bounds.data());
            inner_products(rows.row(u), rows.row(0), rows.rows(), rows.stride(), products.data());
            float own = 0;
            inner_products(rows.row(u), rows.row(u), 1, rows.stride(), &own);
            for (std::size_t i = 0; i < rows.rows(); ++i) {
                float other = 0;
                inner_products(rows.row(i), rows.row(i), 1, rows.stride(), &other);
                ASSERT_GE(bounds[i], static_cast<double>(products[i]));
                ASSERT_LE(bounds[i] - static_cast<double>(products[i]), 0.02 * std::sqrt(own) * std::sqrt(other));
            }
        }
    }
}

TEST(TopProducts, short_products_are_not_looked_at) {
    const Factors products = random_rows(20000, 16, 10, 12);
    const Factors customers = random_rows(10, 16, 0, 13);
    const TopProducts top(products);
    for (std::size_t u = 0; u < customers.rows(); ++u) {
        std::size_t looked_at = 0;
        const auto found = top.find(customers.values(u), 10, {}, &looked_at);
        EXPECT_EQ(found, brute_force(products, customers, u, 10, {}));
        EXPECT_LT(looked_at, products.rows() / 2);
        EXPECT_GE(looked_at, 10U);
    }
}

TEST(TopProducts, what_is_skipped_makes_room_for_others) {
    const Factors products = random_rows(900, 8, 2, 14);
    const Factors customers = random_rows(1, 8, 0, 15);
    std::vector<std::uint32_t> odd;
    for (std::uint32_t i = 1; i < 900; i += 2) odd.push_back(i);
    const TopProducts top(products);
    const auto found = top.find_unless(customers.values(0), 12, [](std::uint32_t product) { return product % 2 == 1; });
    EXPECT_EQ(found, brute_force(products, customers, 0, 12, odd));
    EXPECT_TRUE(top.find_unless(customers.values(0), 12, [](std::uint32_t) { return true; }).empty());
}

TEST(TopProducts, a_customer_of_another_model_is_refused) {
    const TopProducts top(random_rows(5, 8, 0, 16));
    const std::vector<float> customer(7);
    try {
        top.find(customer, 1);
        FAIL() << "seven factors were taken for eight";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::invalid_parameter);
        EXPECT_FALSE(error.hint().empty());
    }
    EXPECT_TRUE(TopProducts(Factors(0, 7)).find(customer, 3).empty());
}

TEST(TopProducts, similar_by_cosine) {
    Factors products(5, 2);
    const std::vector<std::vector<float>> rows = {{2, 0}, {8, 6}, {0, 0}, {0.3F, 0.4F}, {-1, 0}};
    for (std::size_t i = 0; i < rows.size(); ++i) std::copy(rows[i].begin(), rows[i].end(), products.row(i));
    const TopProducts top(products);
    const auto nothing = [](std::uint32_t) { return false; };
    const auto found = top.similar(0, 10, nothing);  // by hand: 0.8, 0.6, -1; of a product without factors none
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0].product, 1U);
    EXPECT_NEAR(found[0].score, 0.8, 1e-6);
    EXPECT_EQ(found[1].product, 3U);
    EXPECT_NEAR(found[1].score, 0.6, 1e-6);
    EXPECT_NEAR(found[2].score, -1, 1e-6);
    EXPECT_EQ(top.similar(0, 1, [](std::uint32_t other) { return other == 1; })[0].product, 3U);
    EXPECT_TRUE(top.similar(2, 10, nothing).empty());
    EXPECT_TRUE(top.similar(0, 0, nothing).empty());
    EXPECT_NEAR(top.cosine(0, 1), 0.8, 1e-6);
    EXPECT_EQ(top.cosine(0, 2), 0);
    EXPECT_EQ(top.values(1)[1], 6);
}

TEST(TopProducts, similar_is_that_of_all_of_them) {
    const Factors products = random_rows(500, 12, 6, 4);
    const TopProducts top(products);
    for (std::uint32_t product = 0; product < 500; product += 37) {
        std::vector<ScoredProduct> all;
        for (std::uint32_t other = 0; other < 500; ++other) {
            if (other != product && other % 5 != 0) {
                all.push_back({other, static_cast<float>(top.cosine(product, other))});
            }
        }
        std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
        const auto found = top.similar(product, 20, [](std::uint32_t other) { return other % 5 == 0; });
        ASSERT_EQ(found.size(), 20U);
        for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i].score, all[i].score, 1e-5);
    }
}

// A list of all is made without bounds.
TEST(TopProducts, a_short_list_of_similar_ones_begins_the_long_one) {
    std::vector<Factors> sets = awkward_rows(300, 31);
    sets.push_back(small_whole_rows(500, 6, 55));
    sets.push_back(random_rows(900, 64, 8, 56));
    const auto nothing = [](std::uint32_t) { return false; };
    for (const Factors& products : sets) {
        const TopProducts top(products);
        for (std::uint32_t product = 0; product < products.rows(); product += 17) {
            auto all = top.similar(product, products.rows(), nothing);
            const auto found = top.similar(product, 10, nothing);
            all.resize(std::min<std::size_t>(10, all.size()));
            ASSERT_EQ(found, all) << "product " << product;
        }
    }
}

}  // namespace
}  // namespace analytics::models
