// Judging recommenders: the metrics by hand, neighbours by hand, and a checkerboard whose missing squares are foretold.
#include "core/models/recommender.hpp"

#include "core/error.hpp"
#include "core/models/item_neighbours.hpp"
#include "core/models/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <utility>
#include <vector>

namespace analytics::models {
namespace {

constexpr std::size_t kPlenty = std::size_t{1} << 40;
using List = std::vector<std::uint32_t>;

TEST(RankingMetrics, by_hand) {
    const List holders = {1, 4, 2, 0, 0, 8, 0, 0, 0, 0};
    RankingJudge judge(3, holders, 8);
    // hits at places 2 and 3, of three relevant ones
    judge.add(List{5, 1, 2}, List{1, 2, 9});
    const double third = 1 / std::log2(3.0);
    RankingMetrics metrics = judge.result(10);
    EXPECT_EQ(metrics.customers, 1U);
    EXPECT_DOUBLE_EQ(metrics.precision, 2.0 / 3);
    EXPECT_DOUBLE_EQ(metrics.recall, 2.0 / 3);
    EXPECT_DOUBLE_EQ(metrics.ndcg, (third + 0.5) / (1 + third + 0.5));
    EXPECT_NEAR(metrics.ndcg, 0.530721, 1e-6);
    EXPECT_DOUBLE_EQ(metrics.map, (1.0 / 2 + 2.0 / 3) / 3);
    EXPECT_DOUBLE_EQ(metrics.mrr, 0.5);
    EXPECT_DOUBLE_EQ(metrics.hit_rate, 1);
    // nothing found; a short list
    judge.add(List{0}, List{3});
    metrics = judge.result(10);
    EXPECT_DOUBLE_EQ(metrics.precision, 1.0 / 3);
    EXPECT_DOUBLE_EQ(metrics.mrr, 0.25);
    EXPECT_DOUBLE_EQ(metrics.hit_rate, 0.5);
    EXPECT_DOUBLE_EQ(metrics.coverage, 0.4);                   // 5, 1, 2, 0
    EXPECT_DOUBLE_EQ(metrics.novelty, (0.0 + 1 + 2 + 3) / 4);  // all, a half, a quarter, an eighth have it
}

TEST(RankingMetrics, one_relevant_product_in_front_is_perfect) {
    const List holders(5, 1);
    RankingJudge judge(10, holders, 5);
    judge.add(List{2, 1, 0}, List{2});
    const RankingMetrics metrics = judge.result(5);
    EXPECT_DOUBLE_EQ(metrics.ndcg, 1);
    EXPECT_DOUBLE_EQ(metrics.map, 1);
    EXPECT_DOUBLE_EQ(metrics.precision, 0.1);
}

TEST(RankingMetrics, what_is_beyond_k_does_not_count) {
    const List holders(5, 1);
    RankingJudge judge(1, holders, 5);
    judge.add(List{0, 2}, List{2});
    EXPECT_DOUBLE_EQ(judge.result(5).ndcg, 0);
    EXPECT_DOUBLE_EQ(judge.result(5).coverage, 0.2);
}

TEST(RankingMetrics, no_lists_are_no_nan) {
    const List holders(5, 1);
    const RankingMetrics metrics = RankingJudge(1, holders, 5).result(0);
    EXPECT_EQ(metrics.ndcg, 0);
    EXPECT_EQ(metrics.novelty, 0);
    EXPECT_EQ(metrics.coverage, 0);
}

TEST(ItemNeighbours, by_hand) {
    const std::vector<Triple> has = {{0, 0, 1}, {0, 1, 1}, {1, 0, 1}, {1, 1, 5}, {1, 2, 1}, {2, 0, 1}, {3, 3, 1}};
    Task task(2, kPlenty);
    ThreadPool pool(2);
    const SparseRows sets = SparseRows::from_triples(4, 4, has);
    const ItemNeighbours all(sets, 10, pool, task);
    ASSERT_EQ(all.of(0).size(), 2U);
    EXPECT_EQ(all.of(0)[0].product, 1U);
    EXPECT_FLOAT_EQ(all.of(0)[0].score, static_cast<float>(2 / std::sqrt(6.0)));
    EXPECT_EQ(all.of(0)[1].product, 2U);
    EXPECT_FLOAT_EQ(all.of(0)[1].score, static_cast<float>(1 / std::sqrt(3.0)));
    EXPECT_FLOAT_EQ(all.of(2)[0].score, static_cast<float>(1 / std::sqrt(2.0)));
    EXPECT_TRUE(all.of(3).empty());
    EXPECT_EQ(ItemNeighbours(sets, 1, pool, task).of(0).size(), 1U);
}

TEST(ItemNeighbours, who_has_everything_tells_nothing) {
    std::vector<Triple> has;
    for (std::uint32_t product = 0; product < 1001; ++product) has.push_back({0, product, 1});
    Task task(1, kPlenty);
    ThreadPool pool(1);
    const ItemNeighbours none(SparseRows::from_triples(1, 1001, has), 10, pool, task);
    EXPECT_TRUE(none.of(0).empty());
}

// Customers take the products of their own colour; a sixth of them late.
Interactions checkerboard(std::uint32_t size) {
    Interactions board{size, size, {}};
    Random random(3, 0);
    for (std::uint32_t u = 0; u < size; ++u) {
        for (std::uint32_t i = u % 2; i < size; i += 2) {
            const bool late = random.below(6) == 0;
            board.entries.push_back({u, i, 5, late ? 0.0F : 5.0F, true, !late, late});
        }
    }
    return board;
}

TEST(Recommender, foretells_a_checkerboard) {
    const Interactions board = checkerboard(40);
    AlsOptions options;
    options.factors = 4;
    Task task(2, kPlenty);
    MemoryBudget budget(task);
    const Comparison found = compare_recommenders(board, options, 3, budget);
    EXPECT_EQ(found.model.customers, testable_customers(board).size());
    EXPECT_GT(found.model.ndcg, 0.95);
    EXPECT_GT(found.item_item.ndcg, 0.95);
    EXPECT_LT(found.popularity.ndcg, 0.7);  // knows nothing of colours
    // one after the other, on any number of threads, the same
    Task alone(1, kPlenty);
    MemoryBudget its(alone);
    const Comparison again = compare_recommenders(board, options, 3, its);
    EXPECT_EQ(again.factors.products, found.factors.products);
    EXPECT_EQ(again.model.map, found.model.map);
    EXPECT_EQ(again.item_item.novelty, found.item_item.novelty);
    // learned from all, from where the comparison ended: the board itself
    AlsOptions more = options;
    more.start = found.factors;
    const AlsResult all = train_recommender(board, more, budget);
    for (std::uint32_t u = 0; u < 40; ++u) {
        for (std::uint32_t i = 0; i < 40; ++i) {
            double score = 0;
            for (std::size_t f = 0; f < 4; ++f) score += all.customers.values(u)[f] * all.products.values(i)[f];
            EXPECT_NEAR(score, (u + i) % 2 == 0 ? 1 : 0, 0.1) << u << ' ' << i;
        }
    }
}

TEST(Recommender, lists_by_hand) {
    // Three had 0 and two had 1, one had 2. The fourth, who had 0, came to 1: popular, and a neighbour of 0.
    const Interactions few{4,
                           3,
                           {{0, 0, 1, 1, true, true, false},
                            {0, 1, 1, 1, true, true, false},
                            {1, 0, 1, 1, true, true, false},
                            {1, 1, 1, 1, true, true, false},
                            {2, 2, 1, 1, true, true, false},
                            {3, 0, 1, 1, true, true, false},
                            {3, 1, 1, 0, true, false, true}}};
    EXPECT_EQ(testable_customers(few), List{3});
    AlsOptions options;
    options.factors = 2;
    Task task(1, kPlenty);
    MemoryBudget budget(task);
    const Comparison found = compare_recommenders(few, options, 1, budget);
    EXPECT_EQ(found.popularity.ndcg, 1);
    EXPECT_EQ(found.item_item.ndcg, 1);
    EXPECT_EQ(found.model.ndcg, 1);
    EXPECT_DOUBLE_EQ(found.popularity.novelty, 1);  // 2 of 4 had it
    EXPECT_DOUBLE_EQ(found.popularity.coverage, 1.0 / 3);
}

TEST(Recommender, takes_no_more_memory_than_it_may) {
    const Interactions board = checkerboard(40);
    Task task(1, 20000);
    MemoryBudget budget(task);
    EXPECT_THROW(compare_recommenders(board, {}, 3, budget), Error);
}

TEST(Recommender, who_did_nothing_before_is_not_tested) {
    const Interactions late{1, 2, {{0, 0, 1, 0, true, false, true}, {0, 1, 1, 0, true, false, true}}};
    EXPECT_TRUE(testable_customers(late).empty());
}

}  // namespace
}  // namespace analytics::models
