// A recommender from what customers did with products: it is judged by what it would have foretold, then learned from
// all there is.
//
// Judged: learned from what was done before a moment (the split), its lists of k products are held against what the
// same customers newly bought from then on, beside those of item-to-item neighbours and of the most popular products.
// A list never holds what the customer has bought before. The product factors learned for that are where the final
// ones begin, so that the work is not done twice.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/models/implicit_als.hpp"
#include "core/models/memory_budget.hpp"
#include "core/models/ranking_metrics.hpp"

namespace analytics::models {

// What one customer did with one product.
struct Interaction {
    std::uint32_t customer;
    std::uint32_t product;
    float strength;   // r_ui of all that was done
    float early;      // of what was done before the split, as it was at the split
    bool bought;      // ever
    bool had;         // bought before the split
    bool came_to_it;  // bought after the split, and not before
};

// In ascending order of customer, then product; each pair once.
struct Interactions {
    std::size_t customers = 0;
    std::size_t products = 0;
    std::vector<Interaction> entries;
};

// With fewer there is nothing to learn, or to judge by.
inline constexpr std::size_t kFewestCustomers = 20;
inline constexpr std::size_t kFewestProducts = 10;
inline constexpr std::size_t kFewestTested = 10;

struct Comparison {
    RankingMetrics model;
    RankingMetrics item_item;
    RankingMetrics popularity;
    AlsFactors factors;  // learned from what was early
};

// Customers who did something before the split, and newly bought something after it.
std::vector<std::uint32_t> testable_customers(const Interactions& interactions);

// Of more than 20,000 testable customers so many are drawn. options.start does not count.
Comparison compare_recommenders(const Interactions& interactions, const AlsOptions& options, std::size_t k,
                                MemoryBudget& budget);

// From all strengths.
AlsResult train_recommender(const Interactions& interactions, const AlsOptions& options, MemoryBudget& budget);

}  // namespace analytics::models
