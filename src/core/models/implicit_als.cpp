#include "core/models/implicit_als.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "core/models/factor_kernels.hpp"
#include "core/models/printed.hpp"
#include "core/models/random.hpp"

namespace analytics::models {
namespace {

constexpr double kSurest = 1e6;         // floats hold what is made of such confidences
constexpr double kLargestStart = 0.01;  // of random factors: their products are near 0 then
constexpr std::size_t kPartRows = 64;   // of a half step that one thread takes at a time
constexpr std::size_t kGramParts = 32;  // at most
constexpr std::size_t kGramRows = 512;  // that are added up as floats, and that a part has at least
constexpr std::size_t kMostFactors = 1024;

std::size_t parts_of(std::size_t rows) { return (rows + kPartRows - 1) / kPartRows; }

std::size_t gram_parts_of(std::size_t rows) {
    return std::clamp<std::size_t>((rows + kGramRows - 1) / kGramRows, 1, kGramParts);
}

template <typename Work>
void each_part(std::size_t rows, ThreadPool& pool, const Task& task, Work&& work) {
    pool.run(parts_of(rows), [&](std::size_t part) {
        task.stop_if_cancelled();
        work(part, part * kPartRows, std::min((part + 1) * kPartRows, rows));
    });
}

// Positive, as the first and by far the largest thing to learn is: how much all products are bought.
Factors random_factors(std::size_t rows, std::size_t columns, std::int64_t seed, std::uint32_t stream) {
    Random random(seed, stream);
    Factors factors(rows, columns);
    for (std::size_t i = 0; i < rows; ++i) {
        for (float& value : factors.values(i)) {
            value = static_cast<float>(random.uniform() * kLargestStart);
        }
    }
    return factors;
}

// As floats, with the regularisation on its diagonal.
AlignedFloats regularized(const Gram& gram, double regularization) {
    const std::size_t stride = stride_of(gram.columns());
    AlignedFloats values(stride * stride);
    for (std::size_t i = 0; i < gram.columns(); ++i) {
        for (std::size_t j = 0; j < gram.columns(); ++j) {
            values[i * stride + j] = static_cast<float>(gram.at(i, j) + (i == j ? regularization : 0));
        }
    }
    return values;
}

double trace(const Gram& gram) {
    double sum = 0;
    for (std::size_t i = 0; i < gram.columns(); ++i) {
        sum += gram.at(i, i);
    }
    return sum;
}

// Sum over all pairs of (x_u' y_i)^2, which is that of the products of their grams' elements.
double inner_product(const Gram& a, const Gram& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.columns(); ++i) {
        for (std::size_t j = 0; j < a.columns(); ++j) {
            sum += a.at(i, j) * b.at(i, j);
        }
    }
    return sum;
}

double confidence_of(const SparseRows& entries, double alpha) {
    double sum = static_cast<double>(entries.rows()) * static_cast<double>(entries.columns());
    for (std::size_t i = 0; i < entries.rows(); ++i) {
        const SparseRow row = entries.row(i);
        sum += alpha * std::accumulate(row.values, row.values + row.size, 0.0);
    }
    return sum;
}

[[noreturn]] void fail_too_sure(double confidence) {
    throw Error(Code::invalid_parameter, "a confidence is out of range")
        .detail("1 + alpha times the strength is " + printed(confidence) + ".")
        .hint("It may be up to 1000000: lower alpha or the weights.");
}

void check_confidence(float strength, double alpha) {
    const double confidence = 1 + alpha * static_cast<double>(strength);
    if (!(confidence <= kSurest)) {
        fail_too_sure(confidence);
    }
}

void check_entries(const SparseRows& entries, double alpha) {
    if (entries.rows() == 0 || entries.columns() == 0 || entries.entries() == 0) {
        throw Error(Code::invalid_parameter, "there is nothing to learn from")
            .hint("Pass at least one customer who did something with a product.");
    }
    for (std::size_t i = 0; i < entries.rows(); ++i) {
        const SparseRow row = entries.row(i);
        for (std::size_t n = 0; n < row.size; ++n) {
            check_confidence(row.values[n], alpha);
        }
    }
}

void check_range(const char* name, double value, double least, double most) {
    if (!(value >= least && value <= most)) {
        throw Error(Code::invalid_parameter, std::string(name) + " is out of range")
            .detail("It is " + printed(value) + ".")
            .hint("It may be from " + printed(least) + " to " + printed(most) + ".");
    }
}

void check_weights(double regularization, double alpha) {
    check_range("regularization", regularization, 1e-6, 1e6);
    check_range("alpha", alpha, 1e-6, 1e6);
}

void check_start(const Factors& factors, std::size_t rows, std::size_t columns) {
    if (factors.rows() != rows || factors.columns() != columns) {
        throw Error(Code::invalid_parameter, "the factors to begin with are of another shape")
            .detail("They are " + std::to_string(factors.rows()) + " x " + std::to_string(factors.columns()) +
                    ", and should be " + std::to_string(rows) + " x " + std::to_string(columns) + ".")
            .hint("Pass a row for each customer and each product.");
    }
}

void check_options(const SparseRows& entries, const AlsOptions& options) {
    check_range("factors", options.factors, 1, static_cast<double>(kMostFactors));
    check_range("iterations", options.iterations, 1, 1000);
    check_range("steps", options.steps, 1, 10000);
    check_weights(options.regularization, options.alpha);
    if (options.start.customers.rows() != 0 || options.start.products.rows() != 0) {
        const auto factors = static_cast<std::size_t>(options.factors);
        check_start(options.start.customers, entries.rows(), factors);
        check_start(options.start.products, entries.columns(), factors);
    }
}

void check_finite(double loss) {
    if (!std::isfinite(loss)) {
        throw Error(Code::out_of_range, "the factors grew beyond all bounds")
            .hint("Raise regularization, or lower alpha or the weights.");
    }
}

// Solves matrix * x = right by Cholesky's decomposition, in place. A positive definite matrix has positive pivots; one
// that rounding left without tells nothing about its unknown, which is 0 then.
std::vector<double> solve(Gram& matrix, std::vector<double> right) {
    const std::size_t columns = matrix.columns();
    for (std::size_t i = 0; i < columns; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
            const double own = matrix.at(i, j);
            double sum = own;
            for (std::size_t k = 0; k < j; ++k) {
                sum -= matrix.at(i, k) * matrix.at(j, k);
            }
            if (i != j) {
                const double pivot = matrix.at(j, j);
                matrix.at(i, j) = pivot > 0 ? sum / pivot : 0;
            } else {
                matrix.at(i, i) = sum > own * 1e-14 ? std::sqrt(sum) : 0;
            }
        }
    }
    for (std::size_t i = 0; i < columns; ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            right[i] -= matrix.at(i, k) * right[k];
        }
        right[i] = matrix.at(i, i) > 0 ? right[i] / matrix.at(i, i) : 0;
    }
    for (std::size_t i = columns; i-- > 0;) {
        for (std::size_t k = i + 1; k < columns; ++k) {
            right[i] -= matrix.at(k, i) * right[k];
        }
        right[i] = matrix.at(i, i) > 0 ? right[i] / matrix.at(i, i) : 0;
    }
    return right;
}

}  // namespace

Gram gram_of(const Factors& factors, ThreadPool& pool, const Task& task) {
    const std::size_t stride = factors.stride();
    const std::size_t parts = gram_parts_of(factors.rows());
    const std::size_t part_rows = (factors.rows() + parts - 1) / parts;
    std::vector<std::vector<double>> sums(parts);
    pool.run(parts, [&](std::size_t part) {
        sums[part].resize(stride * stride);
        AlignedFloats some(stride * stride);
        const std::size_t end = std::min((part + 1) * part_rows, factors.rows());
        for (std::size_t first = part * part_rows; first < end; first += kGramRows) {
            task.stop_if_cancelled();
            std::fill(some.begin(), some.end(), 0.0F);
            add_gram(factors, first, std::min(first + kGramRows, end), some.data());
            std::transform(some.begin(), some.end(), sums[part].begin(), sums[part].begin(),
                           [](float more, double sum) { return sum + more; });
        }
    });
    Gram gram(factors.columns());
    for (const auto& sum : sums) {
        for (std::size_t i = 0; i < gram.columns(); ++i) {
            for (std::size_t j = i; j < gram.columns(); ++j) {
                gram.at(i, j) += sum[i * stride + j];
                gram.at(j, i) = gram.at(i, j);
            }
        }
    }
    return gram;
}

void improve_factors(const SparseRows& entries, const Factors& others, const Gram& gram, const AlsOptions& options,
                     Factors& own, ThreadPool& pool, const Task& task) {
    const AlignedFloats matrix = regularized(gram, options.regularization);
    const auto alpha = static_cast<float>(options.alpha);
    each_part(own.rows(), pool, task, [&](std::size_t, std::size_t first, std::size_t last) {
        AlignedFloats scratch(3 * others.stride());
        for (std::size_t i = first; i < last; ++i) {
            const SparseRow row = entries.row(i);
            if (row.size == 0) {
                std::fill_n(own.row(i), own.stride(), 0.0F);
            } else {
                conjugate_gradient(matrix.data(), others, row, alpha, options.steps, own.row(i), scratch.data(), task);
            }
        }
    });
}

double als_loss(const SparseRows& entries, const AlsFactors& factors, const Gram& customers, const Gram& products,
                const AlsOptions& options, ThreadPool& pool, const Task& task) {
    std::vector<double> costs(parts_of(entries.rows()));
    each_part(entries.rows(), pool, task, [&](std::size_t part, std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i) {
            costs[part] += cost_of_entries(factors.products, entries.row(i), static_cast<float>(options.alpha),
                                           factors.customers.row(i), task);
        }
    });
    return std::accumulate(costs.begin(), costs.end(), inner_product(customers, products)) +
           options.regularization * (trace(customers) + trace(products));
}

std::size_t als_memory(std::size_t customers, std::size_t products, std::size_t entries, std::size_t factors) {
    const std::size_t square = stride_of(factors) * stride_of(factors);
    const std::size_t rows = std::max(customers, products);
    return SparseRows::memory(customers, entries) + SparseRows::memory(products, entries) +
           std::max(products * sizeof(std::size_t),  // while the entries are transposed
                    gram_parts_of(rows) * square * (sizeof(double) + sizeof(float)) + 3 * square * sizeof(double) +
                        parts_of(rows) * sizeof(double)) +
           Factors::memory(customers, factors) + Factors::memory(products, factors);
}

AlsResult implicit_als(const SparseRows& entries, const AlsOptions& options, Task& task) {
    check_options(entries, options);
    check_entries(entries, options.alpha);
    const auto factors = static_cast<std::size_t>(options.factors);
    task.require_memory(als_memory(entries.rows(), entries.columns(), entries.entries(), factors));
    const std::string name = "recommender, " + std::to_string(options.factors) + " factors";
    task.set_progress(name);
    const std::size_t parts = parts_of(std::max(entries.rows(), entries.columns()));
    ThreadPool pool(std::min(task.threads(), static_cast<int>(std::min<std::size_t>(parts, 64))));
    const SparseRows by_product = entries.transposed();
    AlsResult result;
    if (options.start.customers.rows() != 0) {
        result.customers = options.start.customers;
        result.products = options.start.products;
    } else {
        result.customers = random_factors(entries.rows(), factors, options.seed, 0);
        result.products = random_factors(entries.columns(), factors, options.seed, 1);
    }
    result.confidence = confidence_of(entries, options.alpha);
    Gram products = gram_of(result.products, pool, task);
    for (int iteration = 1; iteration <= options.iterations; ++iteration) {
        task.set_progress(name + ", iteration " + std::to_string(iteration) + " of " +
                          std::to_string(options.iterations));
        improve_factors(entries, result.products, products, options, result.customers, pool, task);
        const Gram customers = gram_of(result.customers, pool, task);
        improve_factors(by_product, result.customers, customers, options, result.products, pool, task);
        products = gram_of(result.products, pool, task);
        if (options.trace_losses || iteration == options.iterations) {
            result.losses.push_back(als_loss(entries, result, customers, products, options, pool, task));
            check_finite(result.losses.back());
        }
    }
    return result;
}

std::vector<float> fold_in(std::span<const Strength> strengths, const Factors& products, const Gram& gram,
                           double regularization, double alpha) {
    check_weights(regularization, alpha);
    std::vector<Triple> triples;
    triples.reserve(strengths.size());
    for (const auto& strength : strengths) {
        triples.push_back({0, strength.product, strength.value});
    }
    const SparseRows entries = SparseRows::from_triples(1, products.rows(), triples);
    const SparseRow row = entries.row(0);
    const std::size_t columns = products.columns();
    Gram matrix = gram;
    std::vector<double> right(columns);
    for (std::size_t n = 0; n < row.size; ++n) {
        check_confidence(row.values[n], alpha);
        const double above = alpha * static_cast<double>(row.values[n]);
        const float* const values = products.row(row.columns[n]);
        for (std::size_t i = 0; i < columns; ++i) {
            const double times = above * values[i];
            right[i] += times + values[i];
            for (std::size_t j = 0; j <= i; ++j) {
                matrix.at(i, j) += times * values[j];
            }
        }
    }
    for (std::size_t i = 0; i < columns; ++i) {
        matrix.at(i, i) += regularization;
    }
    const std::vector<double> solution = solve(matrix, std::move(right));
    std::vector<float> factors(columns);
    std::transform(solution.begin(), solution.end(), factors.begin(),
                   [](double value) { return static_cast<float>(value); });
    return factors;
}

}  // namespace analytics::models
