// Latent factors: a row of floats for each customer or product, one after another.
//
// A row takes a whole number of eights (its stride); what is beyond its columns is 0 and stays so. So loops over rows
// need no remainder. Rows begin where a cache line does if the stride fills some.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <new>
#include <span>
#include <vector>

namespace analytics::models {

inline constexpr std::size_t kFloatLanes = 8;

constexpr std::size_t stride_of(std::size_t columns) { return (columns + kFloatLanes - 1) / kFloatLanes * kFloatLanes; }

template <typename Value>
struct CacheAligned {
    using value_type = Value;
    static constexpr std::align_val_t kAlignment{64};

    CacheAligned() = default;
    template <typename Other>
    CacheAligned(const CacheAligned<Other>&) {}  // NOLINT(google-explicit-constructor): what an allocator has

    Value* allocate(std::size_t count) {
        return static_cast<Value*>(::operator new(count * sizeof(Value), kAlignment));
    }
    void deallocate(Value* values, std::size_t) noexcept { ::operator delete(values, kAlignment); }
    bool operator==(const CacheAligned&) const = default;
};

using AlignedFloats = std::vector<float, CacheAligned<float>>;

class Factors {
public:
    Factors() = default;
    Factors(std::size_t rows, std::size_t columns)
        : rows_(rows), columns_(columns), stride_(stride_of(columns)), values_(rows * stride_) {}

    static std::size_t memory(std::size_t rows, std::size_t columns) {
        return rows * stride_of(columns) * sizeof(float);
    }

    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    std::size_t stride() const { return stride_; }
    float* row(std::size_t i) { return values_.data() + i * stride_; }
    const float* row(std::size_t i) const { return values_.data() + i * stride_; }
    // Without what fills it up.
    std::span<const float> values(std::size_t i) const { return {row(i), columns_}; }
    std::span<float> values(std::size_t i) { return {row(i), columns_}; }

    bool operator==(const Factors&) const = default;

private:
    std::size_t rows_ = 0;
    std::size_t columns_ = 0;
    std::size_t stride_ = 0;
    AlignedFloats values_;
};

}  // namespace analytics::models
