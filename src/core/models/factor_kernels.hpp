// Arithmetic on rows of factors, in float, eight columns at a time.
//
// Sums are made in one order on every processor: wider registers hold more columns, but an eighth of the columns is
// added up by itself always, and nothing is fused. So the results are the same, bit by bit, wherever they are computed.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <limits>

#include "core/models/factors.hpp"
#include "core/models/sparse_rows.hpp"
#include "core/models/task.hpp"

namespace analytics::models {

// Inner products of a row with each of `count` rows that follow each other.
void inner_products(const float* query, const float* rows, std::size_t count, std::size_t stride, float* products);

// By how much of |x| |y| they can differ from exact ones: an eighth of the columns, of which there are at most 128, are
// added up one after another.
inline constexpr double kProductSlack = 1e-5;
// By how much more where products are too small for a float.
constexpr double product_underflow(std::size_t stride) {
    return static_cast<double>(stride) * static_cast<double>(std::numeric_limits<float>::denorm_min());
}

// Adds rows[first]' rows[first] + .. up to rows[last - 1], a stride x stride matrix: its upper part, some of the lower.
void add_gram(const Factors& rows, std::size_t first, std::size_t last, float* gram);

// One row of a half step: lowers
//     x' A x - 2 b' x,   A = gram + sum over entries of (c - 1) y y',   b = sum over entries of c y,
// where y is the entry's row of `others` and c = 1 + alpha * its value, from the x there is, by conjugate gradient.
// gram is stride x stride, with the regularisation on its diagonal; scratch has room for three strides.
void conjugate_gradient(const float* gram, const Factors& others, const SparseRow& entries, float alpha, int steps,
                        float* x, float* scratch, const Task& task);

// Sum over entries of c (1 - x'y)^2 - (x'y)^2: what they cost more than if they were not there.
double cost_of_entries(const Factors& others, const SparseRow& entries, float alpha, const float* x, const Task& task);

}  // namespace analytics::models
