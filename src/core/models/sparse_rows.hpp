// A sparse matrix of floats, row by row (CSR): of each row the columns that are not 0, ascending, and their values.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace analytics::models {

struct Triple {
    std::uint32_t row;
    std::uint32_t column;
    float value;
};

struct SparseRow {
    const std::uint32_t* columns;
    const float* values;
    std::size_t size;
};

class SparseRows {
public:
    SparseRows() = default;

    // In any order, the outcome does not depend on it; values of the same place are added up, places of 0 left out.
    // Throws Error invalid_parameter for a value that is negative or not finite, and for a place outside.
    static SparseRows from_triples(std::size_t rows, std::size_t columns, std::span<const Triple> triples);

    // Bytes of a matrix with that many entries.
    static std::size_t memory(std::size_t rows, std::size_t entries) {
        return (rows + 1) * sizeof(std::size_t) + entries * (sizeof(std::uint32_t) + sizeof(float));
    }

    SparseRows transposed() const;

    std::size_t rows() const { return begins_.empty() ? 0 : begins_.size() - 1; }
    std::size_t columns() const { return columns_; }
    std::size_t entries() const { return places_.size(); }
    SparseRow row(std::size_t i) const {
        return {places_.data() + begins_[i], values_.data() + begins_[i], begins_[i + 1] - begins_[i]};
    }

    bool operator==(const SparseRows&) const = default;

private:
    std::size_t columns_ = 0;
    std::vector<std::size_t> begins_;  // of each row's entries, and the end of the last's
    std::vector<std::uint32_t> places_;
    std::vector<float> values_;
};

}  // namespace analytics::models
