// Item-to-item neighbours: for each product the products that the same customers have, by the cosine between the sets
// of their customers, n_ab / sqrt(n_a n_b) (B. Sarwar et al., "Item-based collaborative filtering recommendation
// algorithms", WWW 2001).
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/models/sparse_rows.hpp"
#include "core/models/task.hpp"
#include "core/models/thread_pool.hpp"
#include "core/models/top_products.hpp"

namespace analytics::models {

class ItemNeighbours {
public:
    // Rows are customers, columns products; that there is an entry counts, not its value. Each product has its `most`
    // nearest. Customers of more than 1,000 products tell little of any two of them, and are left out.
    ItemNeighbours(const SparseRows& sets, std::size_t most, ThreadPool& pool, const Task& task);

    static std::size_t memory(std::size_t products, std::size_t most) {
        return products * (sizeof(std::vector<ScoredProduct>) + most * sizeof(ScoredProduct));
    }

    std::size_t size() const { return neighbours_.size(); }
    // In descending order of the cosine, equal ones in ascending order of product.
    std::span<const ScoredProduct> of(std::uint32_t product) const { return neighbours_[product]; }

private:
    std::vector<std::vector<ScoredProduct>> neighbours_;
};

}  // namespace analytics::models
