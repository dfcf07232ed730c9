// Association rules: who has these products in the basket has that one, too, so often (R. Agrawal, T. Imielinski,
// A. Swami, "Mining association rules between sets of items in large databases", SIGMOD 1993).
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/models/baskets.hpp"
#include "core/models/memory_budget.hpp"
#include "core/models/task.hpp"

namespace analytics::models {

// How many baskets there are, and how many hold the antecedent A, the consequent C, both.
// 0 < both <= antecedent, consequent <= baskets.
struct RuleCounts {
    std::uint32_t baskets = 0;
    std::uint32_t antecedent = 0;
    std::uint32_t consequent = 0;
    std::uint32_t both = 0;
};

// With P(A) = antecedent / baskets, and so on.
struct RuleMeasures {
    double support = 0;     // P(AC)
    double confidence = 0;  // P(AC) / P(A)
    double lift = 0;        // P(AC) / (P(A) P(C)): 1 is independence
    double leverage = 0;    // P(AC) - P(A) P(C) (G. Piatetsky-Shapiro 1991)
    double conviction = 0;  // P(A) P(not C) / P(A, not C) (S. Brin et al. 1997); infinity at confidence 1
    // leverage / max(P(AC) (1 - P(A)), P(A) (P(C) - P(AC))) (T. Zhang, "Association rules", PAKDD 2000): from -1, never
    // together, over 0, independent, to 1, always together; 0 where A is in all baskets
    double zhang = 0;
    double p_value = 0;  // of independence (hypergeometric.hpp); one rule's, not corrected for how many rules there are
};

RuleMeasures measures_of(const RuleCounts& counts);

struct BasketRulesOptions {
    double min_support = 0.01;    // more than 0, up to 1
    double min_confidence = 0.5;  // 0 to 1
    int max_length = 5;           // antecedent and consequent, 2 to 100
};

// Throws Error invalid_parameter for options that make no sense.
void check(const BasketRulesOptions& options);

// The least count, 1 or more, whose share of the baskets, as a double, is at least so much.
std::uint64_t min_count_of(double min_support, std::size_t baskets);

// What was found, 24 bytes a rule, and measures when they are asked for.
class BasketRules {
public:
    struct Rule {
        std::vector<Item> antecedent;  // ascending
        Item consequent = 0;
        RuleCounts counts;
    };

    std::size_t size() const { return rules_.size(); }
    // Rules by their lift, the highest first; where equal those of more baskets; then by their antecedents, item by
    // item; then by their consequents.
    Rule operator[](std::size_t rule) const;

private:
    friend class RuleFinder;

    struct Set {
        std::uint32_t parent;  // all but the last item
        Item last;
        std::uint32_t count;
    };
    struct Stored {
        double lift;
        std::uint32_t antecedent;
        Item consequent;
        std::uint32_t both;
    };

    std::uint32_t baskets_ = 0;
    std::vector<Set> sets_;               // 0: the empty set
    std::vector<std::uint32_t> of_item_;  // in how many baskets it is; 0 where that is not often enough
    std::vector<Stored> rules_;
};

// All rules with one consequent, an antecedent that is not empty, and at least these supports and confidences. Throws
// Error invalid_parameter for options that make no sense; out_of_memory when baskets, itemsets and rules do not fit.
BasketRules basket_rules(const Baskets& baskets, const BasketRulesOptions& options, Task& task);

}  // namespace analytics::models
