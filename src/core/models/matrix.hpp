// Rows of doubles, one after another.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace analytics::models {

class Matrix {
public:
    Matrix() = default;
    Matrix(std::size_t rows, std::size_t columns) : rows_(rows), columns_(columns), values_(rows * columns) {}
    Matrix(std::size_t rows, std::size_t columns, std::vector<double> values)
        : rows_(rows), columns_(columns), values_(std::move(values)) {}

    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    double* row(std::size_t i) { return values_.data() + i * columns_; }
    const double* row(std::size_t i) const { return values_.data() + i * columns_; }
    double& at(std::size_t i, std::size_t j) { return values_[i * columns_ + j]; }
    double at(std::size_t i, std::size_t j) const { return values_[i * columns_ + j]; }

    bool operator==(const Matrix&) const = default;

private:
    std::size_t rows_ = 0;
    std::size_t columns_ = 0;
    std::vector<double> values_;
};

}  // namespace analytics::models
