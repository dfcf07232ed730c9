#include "core/models/item_neighbours.hpp"

#include <algorithm>
#include <cmath>

namespace analytics::models {
namespace {

constexpr std::size_t kLargestSet = 1000;
constexpr std::size_t kPartProducts = 64;  // that one thread takes at a time

}  // namespace

ItemNeighbours::ItemNeighbours(const SparseRows& sets, std::size_t most, ThreadPool& pool, const Task& task)
    : neighbours_(sets.columns()) {
    const SparseRows by_product = sets.transposed();
    const auto counts = [&](std::uint32_t customer) { return sets.row(customer).size <= kLargestSet; };
    std::vector<std::uint32_t> holders(sets.columns());
    for (std::uint32_t customer = 0; customer < sets.rows(); ++customer) {
        const SparseRow row = sets.row(customer);
        for (std::size_t n = 0; counts(customer) && n < row.size; ++n) {
            ++holders[row.columns[n]];
        }
    }
    pool.run((size() + kPartProducts - 1) / kPartProducts, [&](std::size_t part) {
        std::vector<std::uint32_t> both(size());
        std::vector<std::uint32_t> touched;
        for (std::size_t a = part * kPartProducts; a < std::min((part + 1) * kPartProducts, size()); ++a) {
            task.stop_if_cancelled();
            const SparseRow customers = by_product.row(a);
            for (std::size_t n = 0; n < customers.size; ++n) {
                const SparseRow row = sets.row(customers.columns[n]);
                for (std::size_t m = 0; counts(customers.columns[n]) && m < row.size; ++m) {
                    const std::uint32_t b = row.columns[m];
                    if (b != a && both[b]++ == 0) {
                        touched.push_back(b);
                    }
                }
            }
            auto& nearest = neighbours_[a];
            for (const std::uint32_t b : touched) {
                const double cosine = both[b] / std::sqrt(static_cast<double>(holders[a]) * holders[b]);
                nearest.push_back({b, static_cast<float>(cosine)});
                both[b] = 0;
            }
            touched.clear();
            const std::size_t kept = std::min(most, nearest.size());
            std::partial_sort(nearest.begin(), nearest.begin() + static_cast<std::ptrdiff_t>(kept), nearest.end(),
                              [](const ScoredProduct& one, const ScoredProduct& other) {
                                  return one.score > other.score ||
                                         (one.score == other.score && one.product < other.product);
                              });
            nearest.resize(kept);
            nearest.shrink_to_fit();
        }
    });
}

}  // namespace analytics::models
