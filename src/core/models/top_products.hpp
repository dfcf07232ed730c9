// The products with the greatest inner products with a customer's factors, exactly, without a look at most of them.
//
// Products are kept in descending order of their factors' length: x'y is at most |x| |y|, so that the search is over
// as soon as that is less than the least of the k best so far (C. Teflioudi, R. Gemulla, O. Mykytiuk, "LEMP: fast
// retrieval of large entries in a matrix product", SIGMOD 2015, the bound by length). Until then a closer bound, from
// the factors as bytes (rough_rows.hpp), tells whose inner products are made.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/models/factors.hpp"
#include "core/models/rough_rows.hpp"

namespace analytics::models {

struct ScoredProduct {
    std::uint32_t product;
    float score;

    bool operator==(const ScoredProduct&) const = default;
};

class TopProducts {
public:
    explicit TopProducts(const Factors& products);

    static std::size_t memory(std::size_t products, std::size_t factors) {
        return Factors::memory(products, factors) + RoughRows::memory(products, factors) +
               products * (2 * sizeof(std::uint32_t) + sizeof(float));
    }

    std::size_t size() const { return numbers_.size(); }
    std::size_t factors() const { return rows_.columns(); }
    // The factors of a product.
    std::span<const float> values(std::uint32_t product) const { return rows_.values(places_[product]); }

    // At most k, in descending order of score, equal ones in ascending order of product, without those excluded (in any
    // order). `looked_at`, if any, becomes the number of products before the search was over. Throws Error
    // invalid_parameter when the customer has another number of factors.
    std::vector<ScoredProduct> find(std::span<const float> customer, std::size_t k,
                                    std::span<const std::uint32_t> excluded = {},
                                    std::size_t* looked_at = nullptr) const;
    // Without those for which `skip` holds; it's asked only of products that would be among the k.
    std::vector<ScoredProduct> find_unless(std::span<const float> customer, std::size_t k,
                                           const std::function<bool(std::uint32_t)>& skip,
                                           std::size_t* looked_at = nullptr) const;
    // At most k whose factors point most nearly where the product's do: by the cosine between them, which is the score,
    // without the product itself and those for which `skip` holds.
    std::vector<ScoredProduct> similar(std::uint32_t product, std::size_t k,
                                       const std::function<bool(std::uint32_t)>& skip) const;
    // The cosine between the factors of two products; 0 where one has none.
    double cosine(std::uint32_t a, std::uint32_t b) const;

private:
    struct Query;

    // Offers `best` those of a block of rows whose bounds are good enough, without those to skip. `score`, of an inner
    // product and its row, never falls where the inner product rises.
    template <typename Score, typename Skip, typename Best>
    void offer(const Query& query, std::size_t first, const Score& score, const Skip& skip, Best& best) const;

    Factors rows_;                        // by length
    RoughRows rough_;                     // the same
    std::vector<std::uint32_t> numbers_;  // of the products
    std::vector<std::uint32_t> places_;   // of each product's row
    std::vector<float> lengths_;          // rounded upwards
};

}  // namespace analytics::models
