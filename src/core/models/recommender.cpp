#include "core/models/recommender.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <span>
#include <utility>

#include "core/models/item_neighbours.hpp"
#include "core/models/random.hpp"
#include "core/models/top_products.hpp"

namespace analytics::models {
namespace {

constexpr std::size_t kMostTested = 20000;
constexpr std::size_t kNeighbours = 100;
constexpr std::size_t kPartCustomers = 64;  // whose lists one thread makes at a time

using List = std::vector<std::uint32_t>;

SparseRows matrix_of(const Interactions& interactions, MemoryBudget& budget,
                     const std::function<float(const Interaction&)>& value) {
    const auto counts = [&](const Interaction& entry) { return value(entry) > 0; };
    const auto& entries = interactions.entries;
    const auto size = static_cast<std::size_t>(std::count_if(entries.begin(), entries.end(), counts));
    std::vector<Triple> triples;
    budget.reserve(triples, size);
    budget.take(SparseRows::memory(interactions.customers, size));
    for (const Interaction& entry : entries) {
        if (counts(entry)) {
            triples.push_back({entry.customer, entry.product, value(entry)});
        }
    }
    SparseRows rows = SparseRows::from_triples(interactions.customers, interactions.products, triples);
    budget.give_back(triples);
    return rows;
}

// The entries of each customer.
std::vector<std::size_t> begins_of(const Interactions& interactions) {
    std::vector<std::size_t> begins(interactions.customers + 1);
    for (const Interaction& entry : interactions.entries) {
        ++begins[entry.customer + 1];
    }
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    return begins;
}

// What the lists of all methods are made from and held against.
struct Trial {
    const Interactions& interactions;
    std::vector<std::size_t> begins;
    std::vector<std::uint32_t> tested;
    SparseRows had;
    std::vector<std::uint32_t> holders;  // of each product, customers who had it
    std::size_t k;

    std::span<const Interaction> of(std::uint32_t customer) const {
        return {interactions.entries.data() + begins[customer], begins[customer + 1] - begins[customer]};
    }
    bool has(std::uint32_t customer, std::uint32_t product) const {
        const SparseRow row = had.row(customer);
        return std::binary_search(row.columns, row.columns + row.size, product);
    }
    List relevant(std::uint32_t customer) const {
        List products;
        for (const Interaction& entry : of(customer)) {
            if (entry.came_to_it) {
                products.push_back(entry.product);
            }
        }
        return products;
    }
};

// make_list(first, last, lists) makes the lists of a part of the customers tested.
template <typename MakeList>
RankingMetrics judge(const Trial& trial, std::size_t customers, std::size_t catalogue, ThreadPool& pool,
                     const Task& task, MakeList&& make_list) {
    std::vector<List> lists(trial.tested.size());
    pool.run((lists.size() + kPartCustomers - 1) / kPartCustomers, [&](std::size_t part) {
        task.stop_if_cancelled();
        const std::size_t first = part * kPartCustomers;
        make_list(first, std::min(first + kPartCustomers, lists.size()), lists);
    });
    RankingJudge judge(trial.k, trial.holders, customers);
    for (std::size_t n = 0; n < lists.size(); ++n) {
        judge.add(lists[n], trial.relevant(trial.tested[n]));
    }
    return judge.result(catalogue);
}

List popular_list(const Trial& trial, const List& by_popularity, std::uint32_t customer) {
    List list;
    for (const std::uint32_t product : by_popularity) {
        if (list.size() == trial.k || trial.holders[product] == 0) {
            break;
        }
        if (!trial.has(customer, product)) {
            list.push_back(product);
        }
    }
    return list;
}

// Sums the cosines to what the customer has.
List neighbours_list(const Trial& trial, const ItemNeighbours& neighbours, std::uint32_t customer,
                     std::vector<double>& scores) {
    const SparseRow own = trial.had.row(customer);
    List touched;
    for (std::size_t n = 0; n < own.size; ++n) {
        for (const ScoredProduct& neighbour : neighbours.of(own.columns[n])) {
            if (scores[neighbour.product] == 0 && !trial.has(customer, neighbour.product)) {
                touched.push_back(neighbour.product);
            }
            scores[neighbour.product] += static_cast<double>(neighbour.score);
        }
    }
    const std::size_t kept = std::min(trial.k, touched.size());
    List list = touched;
    std::partial_sort(
        list.begin(), list.begin() + static_cast<std::ptrdiff_t>(kept), list.end(),
        [&](std::uint32_t a, std::uint32_t b) { return scores[a] > scores[b] || (scores[a] == scores[b] && a < b); });
    list.resize(kept);
    for (std::size_t n = 0; n < own.size; ++n) {
        for (const ScoredProduct& neighbour : neighbours.of(own.columns[n])) {
            scores[neighbour.product] = 0;
        }
    }
    return list;
}

}  // namespace

std::vector<std::uint32_t> testable_customers(const Interactions& interactions) {
    std::vector<std::uint32_t> customers;
    const auto& entries = interactions.entries;
    for (std::size_t n = 0; n < entries.size();) {
        const std::uint32_t customer = entries[n].customer;
        bool known = false;
        bool bought = false;
        for (; n < entries.size() && entries[n].customer == customer; ++n) {
            known = known || entries[n].early > 0;
            bought = bought || entries[n].came_to_it;
        }
        if (known && bought) {
            customers.push_back(customer);
        }
    }
    return customers;
}

Comparison compare_recommenders(const Interactions& interactions, const AlsOptions& options, std::size_t k,
                                MemoryBudget& budget) {
    Task& task = budget.task();
    task.set_progress("recommender, learning from what was before the split");
    const SparseRows early = matrix_of(interactions, budget, [](const Interaction& entry) { return entry.early; });
    Comparison comparison;
    AlsOptions early_options = options;
    early_options.start = {};
    const auto factors = static_cast<std::size_t>(options.factors);
    budget.take(als_memory(early.rows(), early.columns(), early.entries(), factors));
    comparison.factors = implicit_als(early, early_options, task);

    Trial trial{interactions,
                begins_of(interactions),
                testable_customers(interactions),
                matrix_of(interactions, budget, [](const Interaction& entry) { return entry.had ? 1.0F : 0.0F; }),
                std::vector<std::uint32_t>(interactions.products),
                k};
    if (trial.tested.size() > kMostTested) {
        List drawn;
        for (const std::size_t n : Random(options.seed, 2).sample(trial.tested.size(), kMostTested)) {
            drawn.push_back(trial.tested[n]);
        }
        trial.tested = std::move(drawn);
    }
    std::vector<bool> is_early(interactions.products);
    std::size_t customers = 0;
    for (std::uint32_t customer = 0; customer < interactions.customers; ++customer) {
        customers += early.row(customer).size > 0 ? 1 : 0;
        for (const Interaction& entry : trial.of(customer)) {
            trial.holders[entry.product] += entry.had ? 1 : 0;
            is_early[entry.product] = is_early[entry.product] || entry.had || entry.early > 0;
        }
    }
    const auto catalogue = static_cast<std::size_t>(std::count(is_early.begin(), is_early.end(), true));
    ThreadPool pool(task.threads());
    const auto judged = [&](auto&& make_list) { return judge(trial, customers, catalogue, pool, task, make_list); };

    task.set_progress("recommender, lists of the model");
    budget.take(TopProducts::memory(interactions.products, factors));
    const TopProducts top(comparison.factors.products);
    comparison.model = judged([&](std::size_t first, std::size_t last, std::vector<List>& lists) {
        for (std::size_t n = first; n < last; ++n) {
            const std::uint32_t customer = trial.tested[n];
            const auto found = top.find_unless(comparison.factors.customers.values(customer), k,
                                               [&](std::uint32_t product) { return trial.has(customer, product); });
            for (const ScoredProduct& one : found) {
                lists[n].push_back(one.product);
            }
        }
    });

    task.set_progress("recommender, lists of neighbours");
    budget.take(ItemNeighbours::memory(interactions.products, kNeighbours));
    const ItemNeighbours neighbours(trial.had, kNeighbours, pool, task);
    comparison.item_item = judged([&](std::size_t first, std::size_t last, std::vector<List>& lists) {
        std::vector<double> scores(interactions.products);
        for (std::size_t n = first; n < last; ++n) {
            lists[n] = neighbours_list(trial, neighbours, trial.tested[n], scores);
        }
    });

    List by_popularity(interactions.products);
    std::iota(by_popularity.begin(), by_popularity.end(), std::uint32_t{0});
    std::stable_sort(by_popularity.begin(), by_popularity.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return trial.holders[a] > trial.holders[b]; });
    comparison.popularity = judged([&](std::size_t first, std::size_t last, std::vector<List>& lists) {
        for (std::size_t n = first; n < last; ++n) {
            lists[n] = popular_list(trial, by_popularity, trial.tested[n]);
        }
    });
    return comparison;
}

AlsResult train_recommender(const Interactions& interactions, const AlsOptions& options, MemoryBudget& budget) {
    const SparseRows entries = matrix_of(interactions, budget, [](const Interaction& entry) { return entry.strength; });
    budget.take(
        als_memory(entries.rows(), entries.columns(), entries.entries(), static_cast<std::size_t>(options.factors)));
    return implicit_als(entries, options, budget.task());
}

}  // namespace analytics::models
