// Frequent itemsets against counting every set, rules against hand calculation and against counting, p-values against
// exact fractions.
#include "core/models/basket_rules.hpp"

#include "core/error.hpp"
#include "core/models/fp_growth.hpp"
#include "core/models/hypergeometric.hpp"
#include "core/models/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace analytics::models {
namespace {

constexpr std::size_t kPlenty = std::size_t{1} << 40;

using Items = std::vector<Item>;
using Sets = std::vector<std::pair<Items, std::uint32_t>>;

Baskets baskets_of(const std::vector<Items>& all) {
    Baskets baskets;
    for (const Items& items : all) baskets.add(items);
    return baskets;
}

Sets itemsets(const Baskets& baskets, std::uint64_t min_count, int max_length) {
    Task task(1, kPlenty);
    MemoryBudget budget(task);
    Sets found;
    fp_growth(baskets, {min_count, max_length}, budget, [&](std::span<const Item> items, std::uint32_t count) {
        found.emplace_back(Items(items.begin(), items.end()), count);
    });
    return found;
}

std::uint32_t count_of(const std::vector<Items>& all, const Items& wanted) {
    std::uint32_t count = 0;
    for (const Items& items : all) {
        count += std::all_of(wanted.begin(), wanted.end(),
                             [&](Item item) { return std::find(items.begin(), items.end(), item) != items.end(); });
    }
    return count;
}

// Every subset of 0 .. items - 1, in the order of bits.
Sets count_all(const std::vector<Items>& all, Item items, std::uint64_t min_count, int max_length) {
    Sets sets;
    for (std::uint32_t bits = 1; bits < 1U << items; ++bits) {
        Items set;
        for (Item item = 0; item < items; ++item) {
            if ((bits >> item & 1U) != 0) set.push_back(item);
        }
        const std::uint32_t count = count_of(all, set);
        if (set.size() <= static_cast<std::size_t>(max_length) && count >= min_count) sets.emplace_back(set, count);
    }
    return sets;
}

// Items of a basket depend on each other, and low numbers are not the frequent ones. Some are repeated, some baskets
// are empty, some are the same.
std::vector<Items> random_baskets(std::size_t count, Item items, std::int64_t seed) {
    Random random(seed, 0);
    std::vector<Items> all(count);
    for (Items& basket : all) {
        const double eager = random.uniform();
        for (Item item = 0; item < items; ++item) {
            if (random.uniform() < eager * (0.2 + 0.8 * ((item * 7 + 3) % items) / items)) basket.push_back(item);
        }
        if (!basket.empty()) basket.push_back(basket[random.below(basket.size())]);
        std::reverse(basket.begin(), basket.end());
    }
    return all;
}

// Nine transactions of J. Han, M. Kamber, J. Pei, "Data Mining", chapter 6, table 6.1: I1 to I5 are 1 to 5.
const std::vector<Items> kAllElectronics = {{1, 2, 5}, {2, 4}, {2, 3},       {1, 2, 4}, {1, 3},
                                            {2, 3},    {1, 3}, {1, 2, 3, 5}, {1, 2, 3}};

TEST(Baskets, an_item_that_is_repeated_counts_once_and_a_basket_may_be_empty) {
    const Baskets baskets = baskets_of({{7, 3, 7, 3}, {}, {1}});
    ASSERT_EQ(baskets.size(), 3U);
    EXPECT_EQ(Items(baskets[0].begin(), baskets[0].end()), (Items{3, 7}));
    EXPECT_TRUE(baskets[1].empty());
    EXPECT_EQ(Items(baskets[2].begin(), baskets[2].end()), Items{1});
    EXPECT_EQ(baskets.item_end(), 8U);
}

TEST(FpGrowth, a_textbook_s_example) {
    // Figure 6.2 there: five sets of one, six of two, two of three
    Sets found = itemsets(baskets_of(kAllElectronics), 2, 10);
    std::sort(found.begin(), found.end());
    const Sets expected = {{{1}, 6},    {{1, 2}, 4}, {{1, 2, 3}, 2}, {{1, 2, 5}, 2}, {{1, 3}, 4}, {{1, 5}, 2}, {{2}, 7},
                           {{2, 3}, 4}, {{2, 4}, 2}, {{2, 5}, 2},    {{3}, 6},       {{4}, 2},    {{5}, 2}};
    EXPECT_EQ(found, expected);
}

TEST(FpGrowth, finds_what_counting_every_set_finds) {
    for (std::int64_t seed = 0; seed < 60; ++seed) {
        const auto items = static_cast<Item>(1 + seed % 9);
        const auto all = random_baskets(static_cast<std::size_t>(seed) * 2, items, seed);
        const Baskets baskets = baskets_of(all);
        for (const std::uint64_t min_count : {1, 2, 3, 8}) {
            for (const int max_length : {1, 2, 3, 5, 100}) {
                Sets found = itemsets(baskets, min_count, max_length);
                Sets expected = count_all(all, items, min_count, max_length);
                std::sort(found.begin(), found.end());
                std::sort(expected.begin(), expected.end());
                EXPECT_EQ(found, expected)
                    << "seed " << seed << ", min_count " << min_count << ", max_length " << max_length;
            }
        }
    }
}

TEST(FpGrowth, sets_come_by_their_rarest_items_subsets_first_whatever_the_order_of_baskets) {
    for (std::int64_t seed = 0; seed < 20; ++seed) {
        auto all = random_baskets(40, 8, seed);
        const Sets found = itemsets(baskets_of(all), 2, 5);
        std::map<Item, std::size_t> rank;
        for (std::size_t place = 0; place < 8; ++place) {  // the most frequent item that has none yet
            Item next = 8;
            for (Item item = 0; item < 8; ++item) {
                if (!rank.contains(item) && (next == 8 || count_of(all, {item}) > count_of(all, {next}))) next = item;
            }
            rank[next] = place;
        }
        const auto ranks = [&](const Items& items) {
            std::vector<std::size_t> sorted;
            for (const Item item : items) sorted.push_back(rank[item]);
            std::sort(sorted.rbegin(), sorted.rend());
            return sorted;
        };
        Sets expected = count_all(all, 8, 2, 5);
        std::sort(expected.begin(), expected.end(),
                  [&](const auto& a, const auto& b) { return ranks(a.first) < ranks(b.first); });
        EXPECT_EQ(found, expected) << "seed " << seed;
        std::reverse(all.begin(), all.end());
        EXPECT_EQ(itemsets(baskets_of(all), 2, 5), found) << "seed " << seed;
    }
}

TEST(FpGrowth, a_path_gives_its_combinations) {
    // 10 items of a path have 2^10 - 1 sets; up to 3 long are 10 + 45 + 120
    const Items ten = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    EXPECT_EQ(itemsets(baskets_of({ten}), 1, 100).size(), 1023U);
    EXPECT_EQ(itemsets(baskets_of({ten}), 1, 3).size(), 175U);
    EXPECT_EQ(itemsets(baskets_of({ten, {0, 1}, {0}}), 2, 100), (Sets{{{0}, 3}, {{1}, 2}, {{0, 1}, 2}}));
}

TEST(FpGrowth, nothing_of_nothing) {
    EXPECT_TRUE(itemsets(Baskets(), 1, 5).empty());
    EXPECT_TRUE(itemsets(baskets_of({{}, {}}), 1, 5).empty());
    EXPECT_TRUE(itemsets(baskets_of({{1}, {2}}), 2, 5).empty());
}

TEST(FpGrowth, options_that_make_no_sense_are_refused) {
    const Baskets baskets = baskets_of(kAllElectronics);
    for (const auto& [min_count, max_length] : {std::pair{0, 5}, std::pair{1, 0}, std::pair{1, 101}}) {
        try {
            itemsets(baskets, static_cast<std::uint64_t>(min_count), max_length);
            FAIL() << min_count << ", " << max_length;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Code::invalid_parameter);
            EXPECT_FALSE(error.hint().empty());
        }
    }
}

// A tree that is large without being deep.
Baskets many_baskets() {
    Random random(5, 0);
    Baskets baskets;
    for (int i = 0; i < 5000; ++i) {
        Items items;
        for (const std::size_t item : random.sample(200, 8)) items.push_back(static_cast<Item>(item));
        baskets.add(items);
    }
    return baskets;
}

TEST(FpGrowth, memory_is_bounded_and_the_hint_names_the_setting) {
    const Baskets baskets = many_baskets();
    // what it is refused with: at the start, while the first tree grows, and in the midst of it
    for (const std::size_t memory : {std::size_t{1000}, baskets.memory() + 10000, baskets.memory() + 400000}) {
        Task task(1, memory);
        MemoryBudget budget(task);
        try {
            fp_growth(baskets, {2, 3}, budget, [](std::span<const Item>, std::uint32_t) {});
            FAIL() << memory;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Code::out_of_memory);
            EXPECT_NE(error.hint().find("analytics.work_mem"), std::string::npos);
        }
        EXPECT_LE(budget.used(), memory);
    }
    Task task(1, baskets.memory() + 4'000'000);
    MemoryBudget budget(task);
    std::size_t sets = 0;
    fp_growth(baskets, {2, 3}, budget, [&](std::span<const Item>, std::uint32_t) { ++sets; });
    EXPECT_GT(sets, 20000U);  // 19,900 pairs are all more than once among 140,000
}

TEST(FpGrowth, stops_when_it_is_told_to_and_says_how_far_it_is) {
    const Baskets baskets = many_baskets();
    Task task(1, kPlenty);
    MemoryBudget budget(task);
    std::size_t sets = 0;
    std::string progress;
    EXPECT_THROW(fp_growth(baskets, {2, 3}, budget,
                           [&](std::span<const Item>, std::uint32_t) {
                               if (++sets == 1000) {
                                   task.cancel();
                                   task.take_progress(progress);
                               }
                           }),
                 Cancelled);
    EXPECT_EQ(sets, 1000U);
    EXPECT_TRUE(progress.starts_with("frequent itemsets, item ")) << progress;
    EXPECT_TRUE(progress.ends_with(" of 200")) << progress;
}

TEST(FpGrowth, stops_in_the_midst_of_a_path_too) {
    Items items;
    for (Item item = 0; item < 20; ++item) items.push_back(item);
    Task task(1, kPlenty);
    MemoryBudget budget(task);
    std::size_t sets = 0;
    EXPECT_THROW(fp_growth(baskets_of({items}), {1, 100}, budget,
                           [&](std::span<const Item>, std::uint32_t) {
                               if (++sets == 1000) task.cancel();
                           }),
                 Cancelled);
    EXPECT_EQ(sets, 1000U);
}

BasketRules rules_of(const Baskets& baskets, const BasketRulesOptions& options) {
    Task task(1, kPlenty);
    return basket_rules(baskets, options, task);
}

TEST(BasketRules, a_rule_by_hand) {
    // 10 baskets, 4 with A, 5 with C, 3 with both:
    //   support 3/10, confidence 3/4, lift (3/10) / (4/10 5/10) = 3/2, leverage 3/10 - 2/10 = 1/10,
    //   conviction (4/10 5/10) / (1/10) = 2, Zhang (1/10) / max(3/10 6/10, 4/10 2/10) = 5/9,
    //   p (4 over 3)(6 over 2) + (4 over 4)(6 over 1) of (10 over 5) = (60 + 6) / 252 = 11/42
    const RuleMeasures m = measures_of({10, 4, 5, 3});
    EXPECT_DOUBLE_EQ(m.support, 0.3);
    EXPECT_DOUBLE_EQ(m.confidence, 0.75);
    EXPECT_DOUBLE_EQ(m.lift, 1.5);
    EXPECT_DOUBLE_EQ(m.leverage, 0.1);
    EXPECT_DOUBLE_EQ(m.conviction, 2);
    EXPECT_DOUBLE_EQ(m.zhang, 5.0 / 9);
    EXPECT_NEAR(m.p_value, 11.0 / 42, 1e-14);
}

TEST(BasketRules, measures_at_their_ends) {
    // less often together than by chance: 1/10 - 2/10 over max(1/10 6/10, 4/10 4/10)
    EXPECT_DOUBLE_EQ(measures_of({10, 4, 5, 1}).zhang, -0.1 / 0.16);
    EXPECT_DOUBLE_EQ(measures_of({10, 4, 5, 1}).leverage, -0.1);
    EXPECT_DOUBLE_EQ(measures_of({10, 4, 5, 1}).conviction, 2.0 / 3);  // (4/10 5/10) / (3/10)
    // independent
    const RuleMeasures independent = measures_of({100, 20, 30, 6});
    EXPECT_EQ(independent.lift, 1);
    EXPECT_EQ(independent.leverage, 0);
    EXPECT_EQ(independent.zhang, 0);
    EXPECT_EQ(independent.conviction, 1);
    // always
    const RuleMeasures always = measures_of({10, 4, 4, 4});
    EXPECT_EQ(always.confidence, 1);
    EXPECT_EQ(always.conviction, std::numeric_limits<double>::infinity());
    EXPECT_EQ(always.zhang, 1);
    EXPECT_NEAR(always.p_value, 1.0 / 210, 1e-15);
    // a consequent, and an antecedent, of all baskets say nothing
    const RuleMeasures all = measures_of({10, 4, 10, 4});
    EXPECT_EQ(all.lift, 1);
    EXPECT_EQ(all.zhang, 0);
    EXPECT_EQ(all.conviction, std::numeric_limits<double>::infinity());
    EXPECT_EQ(all.p_value, 1);
    EXPECT_EQ(measures_of({10, 10, 10, 10}).zhang, 0);
    EXPECT_EQ(measures_of({10, 10, 10, 10}).p_value, 1);
    // leverage does not cancel: (2^32 - 2)(2^32 - 1) - (2^32 - 2)^2 = 2^32 - 2
    const double n = 4294967295.0;
    EXPECT_DOUBLE_EQ(measures_of({4294967295U, 4294967294U, 4294967294U, 4294967294U}).leverage, (n - 1) / n / n);
}

struct Tail {
    RuleCounts counts;
    double p_value;
};

TEST(BasketRules, p_values_are_those_of_fisher_s_exact_test) {
    const std::vector<Tail> tails = {
        // Fisher's lady who tasted tea ("The Design of Experiments", 1935): 1/70, and 17/70 with a pair mistaken
        {{8, 4, 4, 4}, 1.0 / 70},
        {{8, 4, 4, 3}, 17.0 / 70},
        // his convicts with twins ("The logic of inductive inference", 1935): 619 of 1,330,665
        {{30, 12, 13, 10}, 619.0 / 1330665},
        // exact, by Python's fractions
        {{20, 11, 9, 2}, 8393.0 / 8398},
        {{1000, 30, 40, 1}, 0.7115279680343389},
        {{1000, 500, 500, 250}, 0.5252124088365806},
        {{9835, 2513, 1903, 736}, 1.443891554743753e-45},
        {{9835, 21, 792, 19}, 2.4032440202459893e-19},
        {{9835, 2513, 1809, 557}, 1.4987638584871967e-08},
        // by mpmath with 60 digits
        {{1000000, 1000, 1000, 150}, 5.0816542809047829e-274},
        {{1000000, 500000, 500000, 250000}, 0.50079788396238967},
        {{10000000, 200000, 300000, 6300}, 4.1250285386097546e-05},
        {{10000000, 200000, 300000, 6001}, 0.49656436655826692},
        {{10000000, 200000, 300000, 5800}, 0.99617436115592253},
        {{4000000000, 100000000, 200000000, 5010000}, 1.6989634136748829e-06},
        {{3000000, 40000, 50000, 2000}, 0},  // 9.9e-396
        {{4000000000, 1000000, 1000000, 1}, 1},
    };
    for (const auto& [counts, p_value] : tails) {
        const double p = fisher_p_value(counts.baskets, counts.antecedent, counts.consequent, counts.both);
        EXPECT_NEAR(p, p_value, p_value * 1e-12) << counts.baskets << " " << counts.both;
        EXPECT_NEAR(fisher_p_value(counts.baskets, counts.consequent, counts.antecedent, counts.both), p_value,
                    p_value * 1e-12)
            << "the other way round, " << counts.baskets << " " << counts.both;
    }
}

TEST(BasketRules, every_p_value_of_small_tables) {
    const auto choose = [](std::uint32_t n, std::uint32_t k) {
        double result = 1;
        for (std::uint32_t i = 0; i < k; ++i) result = result * (n - i) / (i + 1);
        return k > n ? 0 : result;
    };
    for (std::uint32_t n = 1; n <= 20; ++n) {
        for (std::uint32_t a = 0; a <= n; ++a) {
            for (std::uint32_t c = 0; c <= n; ++c) {
                double tail = 0;
                for (std::uint32_t both = std::min(a, c) + 1; both-- > 0;) {
                    tail += choose(c, both) * choose(n - c, a - both) / choose(n, a);
                    ASSERT_NEAR(fisher_p_value(n, a, c, both), tail, 1e-13) << n << " " << a << " " << c << " " << both;
                }
                ASSERT_EQ(fisher_p_value(n, a, c, std::min(a, c) + 1), 0);
            }
        }
    }
}

TEST(BasketRules, a_textbook_s_example) {
    // Han, Kamber, Pei, example 6.4: of {I1, I2, I5} confidences are 2/4 for I1, I2 => I5, 1 for I1, I5 => I2 and
    // I2, I5 => I1; and with the rules of pairs, of at least 0.7, by hand
    const BasketRules rules = rules_of(baskets_of(kAllElectronics), {2.0 / 9, 0.7, 5});
    std::vector<std::pair<Items, Item>> found;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        found.emplace_back(rules[i].antecedent, rules[i].consequent);
        EXPECT_EQ(rules[i].counts.both, rules[i].counts.antecedent);  // all of confidence 1
    }
    // lift 9/6 for I1, of two baskets each; 9/7 for I2
    const std::vector<std::pair<Items, Item>> expected = {{{2, 5}, 1}, {{5}, 1}, {{1, 5}, 2}, {{4}, 2}, {{5}, 2}};
    EXPECT_EQ(found, expected);
}

TEST(BasketRules, are_those_that_counting_finds_in_the_order_that_is_said) {
    for (std::int64_t seed = 0; seed < 40; ++seed) {
        const auto items = static_cast<Item>(2 + seed % 7);
        const auto all = random_baskets(static_cast<std::size_t>(10 + seed * 3), items, seed);
        for (const auto& [min_support, min_confidence, max_length] :
             {std::tuple{0.05, 0.0, 100}, std::tuple{0.1, 0.5, 3}, std::tuple{0.2, 0.75, 2}}) {
            struct Row {
                double lift;
                std::uint32_t both;
                Items antecedent;
                Item consequent;
            };
            std::vector<Row> expected;
            for (const auto& [set, both] : count_all(all, items, 1, max_length)) {
                for (std::size_t out = 0; set.size() > 1 && out < set.size(); ++out) {
                    Items antecedent = set;
                    antecedent.erase(antecedent.begin() + static_cast<std::ptrdiff_t>(out));
                    const double a = count_of(all, antecedent);
                    const double c = count_of(all, {set[out]});
                    const auto n = static_cast<double>(all.size());
                    if (both / n >= min_support && both / a >= min_confidence) {
                        expected.push_back({both * n / (a * c), both, antecedent, set[out]});
                    }
                }
            }
            std::sort(expected.begin(), expected.end(), [](const Row& x, const Row& y) {
                return std::tuple(-x.lift, -static_cast<double>(x.both), x.antecedent, x.consequent) <
                       std::tuple(-y.lift, -static_cast<double>(y.both), y.antecedent, y.consequent);
            });
            const BasketRules rules = rules_of(baskets_of(all), {min_support, min_confidence, max_length});
            ASSERT_EQ(rules.size(), expected.size()) << "seed " << seed;
            for (std::size_t i = 0; i < rules.size(); ++i) {
                const auto rule = rules[i];
                ASSERT_EQ(rule.antecedent, expected[i].antecedent) << "seed " << seed << ", rule " << i;
                ASSERT_EQ(rule.consequent, expected[i].consequent) << "seed " << seed << ", rule " << i;
                ASSERT_EQ(rule.counts.baskets, all.size());
                ASSERT_EQ(rule.counts.both, expected[i].both);
                ASSERT_EQ(rule.counts.antecedent, count_of(all, rule.antecedent));
                ASSERT_EQ(rule.counts.consequent, count_of(all, {rule.consequent}));
                ASSERT_DOUBLE_EQ(measures_of(rule.counts).lift, expected[i].lift);
            }
        }
    }
}

TEST(BasketRules, the_least_support_is_met_exactly) {
    EXPECT_EQ(min_count_of(0.001, 9835), 10U);
    EXPECT_EQ(min_count_of(0.07, 100), 7U);  // 0.07 * 100 is a little more than 7
    EXPECT_EQ(min_count_of(1, 3), 3U);
    EXPECT_EQ(min_count_of(1e-300, 10), 1U);
    for (std::size_t n = 1; n < 300; ++n) {
        for (std::size_t count = 1; count <= n; ++count) {
            ASSERT_EQ(min_count_of(static_cast<double>(count) / static_cast<double>(n), n), count) << n;
        }
    }
}

TEST(BasketRules, none_of_nothing) {
    EXPECT_EQ(rules_of(Baskets(), {0.1, 0, 5}).size(), 0U);
    EXPECT_EQ(rules_of(baskets_of({{}, {4}, {5}}), {0.1, 0, 5}).size(), 0U);
}

TEST(BasketRules, options_that_make_no_sense_are_refused) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const Baskets baskets = baskets_of(kAllElectronics);
    for (const BasketRulesOptions& options : std::vector<BasketRulesOptions>{{0, 0.5, 5},
                                                                             {1.1, 0.5, 5},
                                                                             {nan, 0.5, 5},
                                                                             {0.1, -0.1, 5},
                                                                             {0.1, 1.1, 5},
                                                                             {0.1, nan, 5},
                                                                             {0.1, 0.5, 1},
                                                                             {0.1, 0.5, 101}}) {
        for (const Baskets& given : {baskets, Baskets()}) {
            try {
                rules_of(given, options);
                FAIL() << options.min_support << " " << options.min_confidence << " " << options.max_length;
            } catch (const Error& error) {
                EXPECT_EQ(error.code(), Code::invalid_parameter);
                EXPECT_FALSE(error.hint().empty());
            }
        }
    }
}

TEST(BasketRules, what_is_found_is_in_the_bound_of_memory) {
    // 14 items that are always together have 2^14 - 1 sets, and 14 (2^13 - 1) rules of 24 bytes: 2.8 MB
    Items items;
    for (Item item = 0; item < 14; ++item) items.push_back(item);
    const Baskets baskets = baskets_of({items});
    Task small(1, std::size_t{2} << 20);
    EXPECT_THROW(basket_rules(baskets, {1, 0, 100}, small), Error);
    Task large(1, std::size_t{16} << 20);
    EXPECT_EQ(basket_rules(baskets, {1, 0, 100}, large).size(), 14U * 8191);
}

TEST(BasketRules, stop_when_they_are_told_to) {
    Task task(1, kPlenty);
    task.cancel();
    EXPECT_THROW(basket_rules(baskets_of(kAllElectronics), {0.1, 0.5, 5}, task), Cancelled);
}

TEST(Baskets, items_become_others_and_stay_in_order) {
    Baskets baskets;
    for (const Items& items : {Items{3, 0, 1}, Items{}, Items{2}, Items{1, 3}}) baskets.add(items);
    const Items numbers = {7, 2, 0, 5};
    baskets.renumber(numbers);
    EXPECT_EQ(baskets.size(), 4U);
    EXPECT_TRUE(std::ranges::equal(baskets[0], Items{2, 5, 7}));
    EXPECT_TRUE(baskets[1].empty());
    EXPECT_TRUE(std::ranges::equal(baskets[2], Items{0}));
    EXPECT_TRUE(std::ranges::equal(baskets[3], Items{2, 5}));
    EXPECT_EQ(baskets.item_end(), 8U);
}

TEST(SampleBasket, small_ones_stay_whole) {
    Items items = {5, 1, 5, 3};
    sample_basket(items, 42, 3);
    EXPECT_EQ(items, (Items{1, 3, 5}));
    Items none;
    sample_basket(none, 42);
    EXPECT_TRUE(none.empty());
}

TEST(SampleBasket, a_hash_says_which_of_a_large_one_stay) {
    Items all;
    for (Item item = 0; item < 250; ++item) all.push_back(item * 3);
    Items one = all;
    sample_basket(one, 42);
    EXPECT_EQ(one.size(), kLargestBasket);
    EXPECT_TRUE(std::is_sorted(one.begin(), one.end()));
    EXPECT_EQ(std::set<Item>(one.begin(), one.end()).size(), kLargestBasket);
    EXPECT_TRUE(std::includes(all.begin(), all.end(), one.begin(), one.end()));
    // the order in which they come and how often do not matter
    Items again(all.rbegin(), all.rend());
    again.insert(again.end(), all.begin(), all.begin() + 50);
    sample_basket(again, 42);
    EXPECT_EQ(again, one);
    // nor do the numbers, as long as their order is the same
    Items renumbered;
    for (const Item item : all) renumbered.push_back(item / 3 + 1000);
    sample_basket(renumbered, 42);
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_EQ(renumbered[i], one[i] / 3 + 1000);
    Items other = all;
    sample_basket(other, 43);
    EXPECT_NE(other, one);
}

TEST(SampleBasket, all_items_are_as_likely) {
    // 4,000 orders of 200 keep each item 2,000 times on average, with a standard deviation of 32; pairs of neighbours
    // 995 times (100/200 99/199), with one of 27: six of them, for all 200
    std::vector<int> kept(200);
    std::vector<int> pairs(200);
    for (std::uint64_t order = 0; order < 4000; ++order) {
        Items items;
        for (Item item = 0; item < 200; ++item) items.push_back(item);
        sample_basket(items, order);
        for (std::size_t i = 0; i < items.size(); ++i) {
            ++kept[items[i]];
            if (i > 0 && items[i - 1] + 1 == items[i]) ++pairs[items[i]];
        }
    }
    for (std::size_t item = 0; item < 200; ++item) {
        EXPECT_NEAR(kept[item], 2000, 190) << item;
    }
    for (std::size_t item = 1; item < 200; ++item) {
        EXPECT_NEAR(pairs[item], 995, 164) << item;
    }
}

}  // namespace
}  // namespace analytics::models
