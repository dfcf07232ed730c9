#include "core/models/basket_rules.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "core/cells/hash.hpp"
#include "core/error.hpp"
#include "core/models/fp_growth.hpp"
#include "core/models/hypergeometric.hpp"
#include "core/models/printed.hpp"

namespace analytics::models {
namespace {

constexpr std::uint32_t kEmptySet = 0;

double lift_of(const RuleCounts& counts) {
    return static_cast<double>(counts.both) * counts.baskets /
           (static_cast<double>(counts.antecedent) * counts.consequent);
}

}  // namespace

void check(const BasketRulesOptions& options) {
    if (!(options.min_support > 0 && options.min_support <= 1)) {
        throw Error(Code::invalid_parameter, "min_support is out of range")
            .detail("It is " + printed(options.min_support) + ".")
            .hint("It is a share of all baskets: more than 0, at most 1.");
    }
    if (!(options.min_confidence >= 0 && options.min_confidence <= 1)) {
        throw Error(Code::invalid_parameter, "min_confidence is out of range")
            .detail("It is " + printed(options.min_confidence) + ".")
            .hint("It is a share of the antecedent's baskets: from 0 to 1.");
    }
    if (options.max_length < 2 || options.max_length > 100) {
        throw Error(Code::invalid_parameter, "max_length is out of range")
            .detail("It is " + std::to_string(options.max_length) + ".")
            .hint("It counts the antecedent and the consequent: from 2 to 100.");
    }
}

// Takes itemsets as they come, subsets first: when a set comes, the counts of its antecedents are known. Sets that are
// as long as a rule may be are no antecedents, and are not kept.
class RuleFinder {
public:
    RuleFinder(const Baskets& baskets, const BasketRulesOptions& options, MemoryBudget& budget)
        : options_(options), budget_(budget) {
        found_.baskets_ = static_cast<std::uint32_t>(baskets.size());
        budget_.resize(found_.of_item_, baskets.item_end(), 0U);
        budget_.push(found_.sets_, {kEmptySet, 0, found_.baskets_});
        budget_.resize(places_, 1024, kEmptySet);
    }

    void take(std::span<const Item> items, std::uint32_t count) {
        std::array<std::uint32_t, 101> prefix{};  // of each length; the last is not set
        for (std::size_t i = 0; i + 1 < items.size(); ++i) {
            prefix[i + 1] = find(prefix[i], items[i]);
        }
        if (items.size() == 1) {
            found_.of_item_[items[0]] = count;
        }
        for (std::size_t out = 0; items.size() > 1 && out < items.size(); ++out) {
            std::uint32_t antecedent = prefix[out];
            for (std::size_t i = out + 1; i < items.size(); ++i) {
                antecedent = find(antecedent, items[i]);
            }
            const RuleCounts counts{found_.baskets_, found_.sets_[antecedent].count, found_.of_item_[items[out]],
                                    count};
            if (static_cast<double>(count) / counts.antecedent >= options_.min_confidence) {
                budget_.push(found_.rules_, {lift_of(counts), antecedent, items[out], count});
            }
        }
        if (items.size() < static_cast<std::size_t>(options_.max_length)) {
            add(prefix[items.size() - 1], items.back(), count);
        }
    }

    BasketRules finish() {
        budget_.task().set_progress("basket rules, sorting " + std::to_string(found_.rules_.size()));
        std::sort(found_.rules_.begin(), found_.rules_.end(),
                  [&](const BasketRules::Stored& a, const BasketRules::Stored& b) {
                      budget_.task().stop_if_cancelled();
                      return a.lift != b.lift               ? a.lift > b.lift
                             : a.both != b.both             ? a.both > b.both
                             : a.antecedent != b.antecedent ? is_before(a.antecedent, b.antecedent)
                                                            : a.consequent < b.consequent;
                  });
        return std::move(found_);
    }

private:
    std::size_t place_of(std::uint32_t parent, Item last) const {
        return cells::mix(parent, last) & (places_.size() - 1);
    }

    std::uint32_t find(std::uint32_t parent, Item last) const {
        for (std::size_t place = place_of(parent, last);; place = (place + 1) & (places_.size() - 1)) {
            const BasketRules::Set& set = found_.sets_[places_[place]];
            if (places_[place] == kEmptySet || (set.parent == parent && set.last == last)) {
                return places_[place];
            }
        }
    }

    void add(std::uint32_t parent, Item last, std::uint32_t count) {
        if (found_.sets_.size() == std::numeric_limits<std::uint32_t>::max()) {
            throw Error(Code::limit_exceeded, "there are too many frequent sets of products")
                .hint("Raise min_support, or lower max_length.");
        }
        budget_.push(found_.sets_, {parent, last, count});
        if (found_.sets_.size() * 2 > places_.size()) {
            std::vector<std::uint32_t> wider;
            budget_.resize(wider, places_.size() * 2, kEmptySet);
            budget_.give_back(places_);
            places_ = std::move(wider);
            for (std::size_t i = 1; i < found_.sets_.size(); ++i) {
                put(static_cast<std::uint32_t>(i));
            }
        } else {
            put(static_cast<std::uint32_t>(found_.sets_.size() - 1));
        }
    }

    void put(std::uint32_t set) {
        std::size_t place = place_of(found_.sets_[set].parent, found_.sets_[set].last);
        while (places_[place] != kEmptySet) {
            place = (place + 1) & (places_.size() - 1);
        }
        places_[place] = set;
    }

    // Item by item.
    bool is_before(std::uint32_t a, std::uint32_t b) const {
        std::array<Item, 100> of_a{};
        std::array<Item, 100> of_b{};
        return std::lexicographical_compare(first_item(a, of_a), of_a.end(), first_item(b, of_b), of_b.end());
    }

    std::array<Item, 100>::iterator first_item(std::uint32_t set, std::array<Item, 100>& items) const {
        auto first = items.end();
        for (; set != kEmptySet; set = found_.sets_[set].parent) {
            *--first = found_.sets_[set].last;
        }
        return first;
    }

    const BasketRulesOptions& options_;
    MemoryBudget& budget_;
    BasketRules found_;
    std::vector<std::uint32_t> places_;  // sets by parent and last item: open addressing
};

BasketRules::Rule BasketRules::operator[](std::size_t rule) const {
    const Stored& stored = rules_[rule];
    Rule result{
        {}, stored.consequent, {baskets_, sets_[stored.antecedent].count, of_item_[stored.consequent], stored.both}};
    for (std::uint32_t set = stored.antecedent; set != kEmptySet; set = sets_[set].parent) {
        result.antecedent.push_back(sets_[set].last);
    }
    std::reverse(result.antecedent.begin(), result.antecedent.end());
    return result;
}

RuleMeasures measures_of(const RuleCounts& counts) {
    const double n = counts.baskets;
    const double a = counts.antecedent;
    const double c = counts.consequent;
    const double both = counts.both;
    // n^2 leverage: the products are exact, and so is their difference
    const std::uint64_t together = std::uint64_t{counts.both} * counts.baskets;
    const std::uint64_t expected = std::uint64_t{counts.antecedent} * counts.consequent;
    const double leverage =
        together >= expected ? static_cast<double>(together - expected) : -static_cast<double>(expected - together);
    const double most = std::max(both * (n - a), a * (c - both));
    RuleMeasures measures;
    measures.support = both / n;
    measures.confidence = both / a;
    measures.lift = lift_of(counts);
    measures.leverage = leverage / n / n;
    measures.conviction =
        counts.both == counts.antecedent ? std::numeric_limits<double>::infinity() : a / n * (n - c) / (a - both);
    measures.zhang = most == 0 ? 0 : leverage / most;
    measures.p_value = fisher_p_value(counts.baskets, counts.antecedent, counts.consequent, counts.both);
    return measures;
}

std::uint64_t min_count_of(double min_support, std::size_t baskets) {
    const auto n = static_cast<double>(baskets);
    // as rounding may have it, one too many or one too few
    double count = std::max(1.0, std::ceil(min_support * n) - 1);
    while (count / n < min_support) {
        ++count;
    }
    return static_cast<std::uint64_t>(count);
}

BasketRules basket_rules(const Baskets& baskets, const BasketRulesOptions& options, Task& task) {
    check(options);
    if (baskets.size() == 0) {
        return {};
    }
    MemoryBudget budget(task);
    RuleFinder finder(baskets, options, budget);
    fp_growth(baskets, {min_count_of(options.min_support, baskets.size()), options.max_length}, budget,
              [&](std::span<const Item> items, std::uint32_t count) { finder.take(items, count); });
    return finder.finish();
}

}  // namespace analytics::models
