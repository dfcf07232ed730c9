// Product factors of recommenders, kept in this process between calls.
//
// A version is read once, at its first use, and never changes. It is known by its run and when that began, so that a
// database made anew brings no old factors back. Of a store one version is kept: with a newer one the older goes; the
// least recently used go where analytics.model_cache is exceeded. Which version serves is looked up by each call, in
// its own snapshot: that is what switches.
#pragma once

#include "core/models/implicit_als.hpp"
#include "core/models/top_products.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/headers.hpp"

namespace analytics::functions {

class ProductFactors {
public:
    // `ids` as bytes ascending: what TopProducts knows by number.
    ProductFactors(std::vector<std::string> ids, const models::Factors& factors, models::Gram gram,
                   double regularization, double alpha);

    const models::TopProducts& top() const { return top_; }
    const models::Gram& gram() const { return gram_; }
    double regularization() const { return regularization_; }
    double alpha() const { return alpha_; }
    std::size_t bytes() const { return bytes_; }

    std::string_view id(std::uint32_t number) const { return ids_[number]; }
    std::optional<std::uint32_t> number_of(std::string_view id) const;

private:
    std::vector<std::string> ids_;
    models::TopProducts top_;
    models::Gram gram_;
    double regularization_;
    double alpha_;
    std::size_t bytes_;
};

// Needs an open Connection. Throws Error internal where this snapshot has no such version.
std::shared_ptr<const ProductFactors> product_factors(std::int64_t model_id, TimestampTz trained_at,
                                                      std::string_view store);

}  // namespace analytics::functions
