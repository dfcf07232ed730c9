// Recommendation by latent factors from what customers did, not from ratings they gave (implicit feedback): Y. Hu,
// Y. Koren, C. Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008. In the paper's symbols:
//
//     r_ui   strength of what customer u did with product i, at least 0; 0 where there is no entry
//     p_ui   1 where r_ui > 0, else 0: what is to be foretold
//     c_ui   1 + alpha r_ui: how sure that is
//     loss   sum over all u, i of c_ui (p_ui - x_u' y_i)^2 + regularization (sum |x_u|^2 + sum |y_i|^2)
//
// The loss is lowered by alternating least squares: over all customers' factors x with the products' y held, then the
// other way round. Each row is a linear system of its own, whose matrix Y'Y + regularization I + Y' (C_u - I) Y is
// never built: a few steps of conjugate gradient, from the factors there are, make do (G. Takacs, I. Pilaszy, D. Tikk,
// "Applications of the conjugate gradient method for implicit feedback collaborative filtering", RecSys 2011). Y'Y is
// computed once for all rows.
//
// Customers without entries have factors 0, and so have products. The answer depends on the entries, the options and
// the seed; not on the threads.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/models/factors.hpp"
#include "core/models/sparse_rows.hpp"
#include "core/models/task.hpp"
#include "core/models/thread_pool.hpp"

namespace analytics::models {

struct AlsFactors {
    Factors customers;
    Factors products;
};

struct AlsOptions {
    int factors = 64;
    double regularization = 0.01;
    double alpha = 1;
    int iterations = 15;
    std::int64_t seed = 42;
    int steps = 3;              // of conjugate gradient
    AlsFactors start = {};      // to begin with instead of small random numbers; the seed does not count then
    bool trace_losses = false;  // the loss after each iteration, not only after the last
};

struct AlsResult : AlsFactors {
    std::vector<double> losses;  // the last is that of the factors
    double confidence = 0;       // sum of c_ui over all u, i: a loss divided by it is that of an average pair
};

// Rows are customers, columns products, values r_ui. Throws Error invalid_parameter for options that make no sense and
// for c_ui above 1e6; out_of_range when factors did not stay finite; out_of_memory.
AlsResult implicit_als(const SparseRows& entries, const AlsOptions& options, Task& task);

// Bytes that takes, the entries among them.
std::size_t als_memory(std::size_t customers, std::size_t products, std::size_t entries, std::size_t factors);

// ---- what it is made of, and what is asked of its factors later ----

// F'F of factors F; symmetric, columns x columns.
class Gram {
public:
    Gram() = default;
    explicit Gram(std::size_t columns) : columns_(columns), values_(columns * columns) {}

    std::size_t columns() const { return columns_; }
    double& at(std::size_t i, std::size_t j) { return values_[i * columns_ + j]; }
    double at(std::size_t i, std::size_t j) const { return values_[i * columns_ + j]; }

private:
    std::size_t columns_ = 0;
    std::vector<double> values_;
};

Gram gram_of(const Factors& factors, ThreadPool& pool, const Task& task);

// Half an iteration: `own`, a row for each row of entries, by steps of conjugate gradient; `others`, a row for each
// column, and their gram are held.
void improve_factors(const SparseRows& entries, const Factors& others, const Gram& gram, const AlsOptions& options,
                     Factors& own, ThreadPool& pool, const Task& task);

double als_loss(const SparseRows& entries, const AlsFactors& factors, const Gram& customers, const Gram& products,
                const AlsOptions& options, ThreadPool& pool, const Task& task);

struct Strength {
    std::uint32_t product;
    float value;  // r_ui
};

// The factors of a customer who did that, exactly, products' factors held: `gram` is theirs. Strengths of the same
// product add up. Without any of them the factors are 0. Throws Error as implicit_als does, also for a product that is
// not there. Of the products only the rows that strengths name are read: a few, counted afresh, do as well as all, as
// long as gram is that of all. Also the other way round, of a product from its customers.
std::vector<float> fold_in(std::span<const Strength> strengths, const Factors& products, const Gram& gram,
                           double regularization, double alpha);

}  // namespace analytics::models
