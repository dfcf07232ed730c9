// Rows of factors as bytes: a fourth of the memory to read, to say of most rows that their inner product with a query
// cannot be great enough, before it is made.
//
// A row is y = s a + e, with a in whole numbers from -127 to 127; the query is x = t b + d, with b in 16 bits. By the
// inequality of Cauchy and Schwarz
//     x'y = s t b'a + s d'a + x'e <= s (t b'a + |d| |a|) + |x| |e|.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/models/factors.hpp"

namespace analytics::models {

class RoughRows {
public:
    RoughRows() = default;
    explicit RoughRows(const Factors& rows);

    static std::size_t memory(std::size_t rows, std::size_t columns) {
        return rows * (stride_of(columns) + 2 * sizeof(float));
    }

    // What rows are held against.
    class Query {
    public:
        explicit Query(std::span<const float> values);

    private:
        friend class RoughRows;
        std::vector<std::int16_t, CacheAligned<std::int16_t>> values_;
        double scale_;
        double length_;
        double error_;  // what is lost of x'y / s at most
    };

    // For each of `count` rows from the first a bound that its inner product with the query does not exceed, as
    // inner_products() rounds it. NaN where a row's factors are not all finite.
    void bounds(const Query& query, std::size_t first, std::size_t count, double* bounds) const;

private:
    static constexpr std::size_t kLanes = 32;
    static constexpr std::size_t stride_of(std::size_t columns) { return (columns + kLanes - 1) / kLanes * kLanes; }

    std::size_t stride_ = 0;
    std::vector<std::int8_t, CacheAligned<std::int8_t>> values_;
    std::vector<float> scales_;
    std::vector<float> errors_;  // |e|, and what inner_products() rounds by; rounded upwards
};

}  // namespace analytics::models
