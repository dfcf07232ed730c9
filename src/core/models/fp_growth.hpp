// Frequent itemsets: sets of items that are together in at least so many baskets.
//
// FP-growth (J. Han, J. Pei, Y. Yin, "Mining frequent patterns without candidate generation", SIGMOD 2000). Items are
// ranked by how many baskets hold them, the most frequent first (of equally frequent ones the smaller number). Baskets
// without their rare items, by rank, are paths of one prefix tree; the paths that lead to an item are the baskets that
// hold it, and are a smaller tree, of what is frequent together with it, and so on. A tree that is one path gives its
// sets without further trees. Other than in the paper, smaller trees keep the ranks of the first: their paths need not
// be sorted again, and the order of the sets is known.
//
// That order: sets are compared by their highest rank, where equal by the next highest, and so on; a set comes before
// those that continue it. So every subset of a set comes before the set itself. It depends on the baskets, not on
// their order.
#pragma once

#include "core/no_postgres.hpp"

#include <cstdint>
#include <functional>
#include <span>

#include "core/models/baskets.hpp"
#include "core/models/memory_budget.hpp"

namespace analytics::models {

struct FpGrowthOptions {
    std::uint64_t min_count = 1;
    int max_length = 5;  // items in a set, up to 100
};

// Items ascending, and in how many baskets they are together. The span is valid during the call only.
using ItemsetSink = std::function<void(std::span<const Item> items, std::uint32_t count)>;

// Throws Error invalid_parameter for options that make no sense; out_of_memory when trees, together with the baskets
// and what else was taken of the budget, do not fit; what the sink throws. Cancelled when the budget's task is.
void fp_growth(const Baskets& baskets, const FpGrowthOptions& options, MemoryBudget& budget, const ItemsetSink& sink);

}  // namespace analytics::models
