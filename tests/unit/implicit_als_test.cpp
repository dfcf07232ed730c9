// Latent factors by alternating least squares: against the loss summed pair by pair, against linear systems solved
// another way, and by what is plain to see.
#include "core/models/implicit_als.hpp"

#include "core/error.hpp"
#include "core/models/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace analytics::models {
namespace {

constexpr std::size_t kPlenty = std::size_t{1} << 40;

using Dense = std::vector<std::vector<double>>;

SparseRows sparse(const Dense& strengths) {
    std::vector<Triple> triples;
    for (std::uint32_t u = 0; u < strengths.size(); ++u) {
        for (std::uint32_t i = 0; i < strengths[u].size(); ++i) {
            triples.push_back({u, i, static_cast<float>(strengths[u][i])});
        }
    }
    return SparseRows::from_triples(strengths.size(), strengths[0].size(), triples);
}

// Whole numbers up to `most` at about one place of `every`.
Dense random_strengths(std::size_t customers, std::size_t products, std::size_t every, std::size_t most,
                       std::int64_t seed) {
    Random random(seed, 7);
    Dense strengths(customers, std::vector<double>(products));
    for (auto& row : strengths) {
        for (auto& value : row) {
            value = random.below(every) == 0 ? static_cast<double>(1 + random.below(most)) : 0;
        }
    }
    return strengths;
}

Factors random_rows(std::size_t rows, std::size_t columns, std::int64_t seed) {
    Random random(seed, 8);
    Factors factors(rows, columns);
    for (std::size_t i = 0; i < rows; ++i) {
        for (float& value : factors.values(i)) value = static_cast<float>(random.uniform() - 0.5);
    }
    return factors;
}

Factors rows_of(const std::vector<std::vector<float>>& values) {
    Factors factors(values.size(), values[0].size());
    for (std::size_t i = 0; i < values.size(); ++i) std::copy(values[i].begin(), values[i].end(), factors.row(i));
    return factors;
}

double score(const Factors& customers, std::size_t u, const Factors& products, std::size_t i) {
    double sum = 0;
    for (std::size_t j = 0; j < customers.columns(); ++j) {
        sum += static_cast<double>(customers.row(u)[j]) * static_cast<double>(products.row(i)[j]);
    }
    return sum;
}

double squares(const Factors& factors) {
    double sum = 0;
    for (std::size_t i = 0; i < factors.rows(); ++i) sum += score(factors, i, factors, i);
    return sum;
}

// As it's defined: over all pairs.
double loss_by_pairs(const Dense& strengths, const AlsFactors& factors, double regularization, double alpha) {
    double sum = regularization * (squares(factors.customers) + squares(factors.products));
    for (std::size_t u = 0; u < strengths.size(); ++u) {
        for (std::size_t i = 0; i < strengths[u].size(); ++i) {
            const double wanted = strengths[u][i] > 0 ? 1 : 0;
            sum +=
                (1 + alpha * strengths[u][i]) * std::pow(wanted - score(factors.customers, u, factors.products, i), 2);
        }
    }
    return sum;
}

double loss_of(const Dense& strengths, const AlsFactors& factors, const AlsOptions& options, int threads = 1) {
    ThreadPool pool(threads);
    const Task task(threads, kPlenty);
    return als_loss(sparse(strengths), factors, gram_of(factors.customers, pool, task),
                    gram_of(factors.products, pool, task), options, pool, task);
}

// The customer's factors that the definition asks for: the gradient of the loss over all products set to 0, by Gauss
// and Jordan's elimination.
std::vector<double> best_factors(const std::vector<double>& strengths, const Factors& products, double regularization,
                                 double alpha) {
    const std::size_t n = products.columns();
    Dense system(n, std::vector<double>(n + 1));
    for (std::size_t a = 0; a < n; ++a) {
        for (std::size_t i = 0; i < products.rows(); ++i) {
            const double confidence = 1 + alpha * strengths[i];
            const double own = products.row(i)[a];
            for (std::size_t b = 0; b < n; ++b) system[a][b] += confidence * own * products.row(i)[b];
            system[a][n] += strengths[i] > 0 ? confidence * own : 0;
        }
        system[a][a] += regularization;
    }
    for (std::size_t a = 0; a < n; ++a) {
        std::size_t pivot = a;
        for (std::size_t b = a; b < n; ++b) {
            if (std::abs(system[b][a]) > std::abs(system[pivot][a])) pivot = b;
        }
        std::swap(system[a], system[pivot]);
        for (std::size_t b = 0; b < n; ++b) {
            if (b == a) continue;
            const double times = system[b][a] / system[a][a];
            for (std::size_t c = a; c <= n; ++c) system[b][c] -= times * system[a][c];
        }
    }
    std::vector<double> solution(n);
    for (std::size_t a = 0; a < n; ++a) solution[a] = system[a][n] / system[a][a];
    return solution;
}

std::vector<Strength> as_strengths(const std::vector<double>& row) {
    std::vector<Strength> strengths;
    for (std::uint32_t i = 0; i < row.size(); ++i) {
        if (row[i] > 0) strengths.push_back({i, static_cast<float>(row[i])});
    }
    return strengths;
}

AlsResult run(const SparseRows& entries, const AlsOptions& options, int threads = 1) {
    Task task(threads, kPlenty);
    return implicit_als(entries, options, task);
}

template <typename Call>
Error error_of(Call&& call) {
    try {
        call();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return {Code::internal, ""};
}

TEST(SparseRows, entries_are_sorted_duplicates_added_up_and_zeros_left_out) {
    const std::vector<Triple> triples = {{2, 3, 1}, {0, 1, 2}, {2, 0, 5}, {0, 1, 0.5F}, {1, 1, 0}, {2, 3, 4}};
    const SparseRows rows = SparseRows::from_triples(3, 4, triples);
    EXPECT_EQ(rows.rows(), 3U);
    EXPECT_EQ(rows.columns(), 4U);
    EXPECT_EQ(rows.entries(), 3U);
    ASSERT_EQ(rows.row(0).size, 1U);
    EXPECT_EQ(rows.row(0).columns[0], 1U);
    EXPECT_EQ(rows.row(0).values[0], 2.5F);
    EXPECT_EQ(rows.row(1).size, 0U);
    ASSERT_EQ(rows.row(2).size, 2U);
    EXPECT_EQ(rows.row(2).columns[0], 0U);
    EXPECT_EQ(rows.row(2).values[0], 5.0F);
    EXPECT_EQ(rows.row(2).columns[1], 3U);
    EXPECT_EQ(rows.row(2).values[1], 5.0F);

    const SparseRows turned = rows.transposed();
    EXPECT_EQ(turned.rows(), 4U);
    EXPECT_EQ(turned.columns(), 3U);
    EXPECT_EQ(turned.row(2).size, 0U);
    ASSERT_EQ(turned.row(3).size, 1U);
    EXPECT_EQ(turned.row(3).columns[0], 2U);
    EXPECT_EQ(turned.transposed(), rows);
}

// Between the floats 2^24 and 2^24 + 2 lies 2^24 + 1, which would be rounded downwards; the four small terms are more
// than nothing together, but each is lost that is added to a double of that size.
TEST(SparseRows, a_sum_does_not_depend_on_the_order_of_its_terms) {
    std::vector<Triple> triples = {{0, 0, 0x1p24F}, {0, 0, 1}};
    triples.insert(triples.end(), 4, {0, 0, 0x1p-30F});
    const SparseRows descending = SparseRows::from_triples(1, 1, triples);
    EXPECT_EQ(descending.row(0).values[0], 0x1p24F + 2);
    std::reverse(triples.begin(), triples.end());
    EXPECT_EQ(SparseRows::from_triples(1, 1, triples), descending);
}

TEST(SparseRows, bad_entries_are_refused) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float infinite = std::numeric_limits<float>::infinity();
    const std::vector<Triple> bad = {{3, 0, 1}, {0, 4, 1}, {0, 0, -1}, {0, 0, nan}, {0, 0, infinite}};
    for (const Triple& triple : bad) {
        const Error error = error_of([&] { SparseRows::from_triples(3, 4, std::vector<Triple>{{1, 1, 1}, triple}); });
        EXPECT_EQ(error.code(), Code::invalid_parameter);
        EXPECT_NE(error.detail().find("ntry 2"), std::string::npos) << error.detail();
        EXPECT_FALSE(error.hint().empty());
    }
}

// Inner products 1 1 | 0.5 0, confidences 5 1 | 3 7, so 5 * 0 + 1 * 1 + 3 * 0.25 + 7 * 1 = 8.75; squares of factors
// 6.25 and 1.3125, a tenth of which is 0.75625.
TEST(ImplicitAls, loss_of_two_customers_and_two_products_by_hand) {
    const Dense strengths = {{2, 0}, {1, 3}};
    const AlsFactors factors = {rows_of({{1, 2}, {0.5, -1}}), rows_of({{1, 0}, {0.5, 0.25}})};
    AlsOptions options;
    options.alpha = 2;
    options.regularization = 0.1;
    EXPECT_DOUBLE_EQ(loss_of(strengths, factors, options), 9.50625);

    options.factors = 2;
    options.iterations = 1;
    EXPECT_DOUBLE_EQ(run(sparse(strengths), options).confidence, 16);
}

TEST(ImplicitAls, loss_is_the_sum_over_all_pairs) {
    for (const std::size_t columns : {1, 3, 8, 17, 64, 100}) {
        const Dense strengths = random_strengths(150, 90, 9, 5, static_cast<std::int64_t>(columns));
        const AlsFactors factors = {random_rows(150, columns, 1), random_rows(90, columns, 2)};
        AlsOptions options;
        options.alpha = 1.5;
        options.regularization = 0.3;
        const double expected = loss_by_pairs(strengths, factors, 0.3, 1.5);
        EXPECT_NEAR(loss_of(strengths, factors, options, 2), expected, 1e-6 * expected) << columns;
    }
}

TEST(ImplicitAls, gram_is_the_product_of_the_columns) {
    for (const std::size_t columns : {1, 4, 8, 9, 16, 24, 31, 64, 100}) {
        for (const std::size_t rows : {0, 1, 5, 511, 513, 2000}) {
            const Factors factors = random_rows(rows, columns, 5);
            ThreadPool pool(2);
            const Gram gram = gram_of(factors, pool, Task(2, kPlenty));
            ASSERT_EQ(gram.columns(), columns);
            for (std::size_t a = 0; a < columns; ++a) {
                for (std::size_t b = 0; b < columns; ++b) {
                    double sum = 0;
                    for (std::size_t i = 0; i < rows; ++i) {
                        sum += static_cast<double>(factors.row(i)[a]) * static_cast<double>(factors.row(i)[b]);
                    }
                    ASSERT_NEAR(gram.at(a, b), sum, 1e-4) << rows << " x " << columns << ": " << a << ", " << b;
                }
            }
        }
    }
}

// Conjugate gradient needs as many steps as there are factors, were it not for rounding.
TEST(ImplicitAls, many_steps_and_fold_in_give_what_the_linear_system_says) {
    for (const std::size_t columns : {1, 3, 8, 13, 32, 64, 100}) {
        const Dense strengths = random_strengths(40, 200, 12, 4, static_cast<std::int64_t>(columns));
        const Factors products = random_rows(200, columns, 3);
        AlsOptions options;
        options.alpha = 2;
        options.regularization = 0.5;
        options.steps = 300;
        ThreadPool pool(1);
        const Task task(1, kPlenty);
        const Gram gram = gram_of(products, pool, task);
        Factors customers = random_rows(40, columns, 4);
        improve_factors(sparse(strengths), products, gram, options, customers, pool, task);
        for (std::size_t u = 0; u < 40; ++u) {
            const std::vector<double> expected = best_factors(strengths[u], products, 0.5, 2);
            const std::vector<float> folded = fold_in(as_strengths(strengths[u]), products, gram, 0.5, 2);
            ASSERT_EQ(folded.size(), columns);
            for (std::size_t j = 0; j < columns; ++j) {
                ASSERT_NEAR(folded[j], expected[j], 1e-5) << columns << " factors";
                ASSERT_NEAR(customers.row(u)[j], expected[j], 1e-4) << columns << " factors";
            }
            for (std::size_t j = columns; j < customers.stride(); ++j) ASSERT_EQ(customers.row(u)[j], 0.0F);
        }
    }
}

TEST(ImplicitAls, a_product_that_everybody_wants_is_no_exception) {
    constexpr std::size_t kCustomers = 20003;
    const Factors customers = random_rows(kCustomers, 9, 81);
    Random random(82, 0);
    Dense strengths(2, std::vector<double>(kCustomers));
    for (auto& value : strengths[0]) value = static_cast<double>(1 + random.below(3));
    strengths[1][20002] = 1;
    AlsOptions options;
    options.steps = 50;
    ThreadPool pool(2);
    const Task task(2, kPlenty);
    const SparseRows entries = sparse(strengths);
    const Gram gram = gram_of(customers, pool, task);
    Factors products(2, 9);
    improve_factors(entries, customers, gram, options, products, pool, task);
    for (std::size_t i = 0; i < 2; ++i) {
        const std::vector<double> expected = best_factors(strengths[i], customers, options.regularization, 1);
        for (std::size_t j = 0; j < 9; ++j) EXPECT_NEAR(products.row(i)[j], expected[j], 1e-4);
    }
}

// The first step of conjugate gradient from 0 is that of steepest descent: with r = b, x = (r'r / r'Ar) r; the second
// is the last, with two unknowns. One product, y = (1, 2), bought with confidence 3, and one that was not, y = (1, 0),
// regularisation 1: b = (3, 6), A = (4 6 | 6 12) + (1 0 | 0 1) = (5 6 | 6 13), r'r = 45,
// r'Ar = 9 * 5 + 2 * 18 * 6 + 36 * 13 = 729; A's determinant is 29, and A x = b at x = (3, 12) / 29.
TEST(ImplicitAls, two_steps_by_hand) {
    const Factors products = rows_of({{1, 2}, {1, 0}});
    AlsOptions options;
    options.alpha = 1;
    options.regularization = 1;
    ThreadPool pool(1);
    const Task task(1, kPlenty);
    const auto after = [&](int steps) {
        options.steps = steps;
        Factors customers(1, 2);
        improve_factors(sparse({{2, 0}}), products, gram_of(products, pool, task), options, customers, pool, task);
        return std::vector<float>(customers.row(0), customers.row(0) + 2);
    };
    EXPECT_NEAR(after(1)[0], 3 * 45.0 / 729, 1e-7);
    EXPECT_NEAR(after(1)[1], 6 * 45.0 / 729, 1e-7);
    for (const int steps : {2, 3, 100}) {
        EXPECT_NEAR(after(steps)[0], 3.0 / 29, 1e-6);
        EXPECT_NEAR(after(steps)[1], 12.0 / 29, 1e-6);
    }
}

TEST(ImplicitAls, loss_falls_with_each_iteration) {
    const Dense strengths = random_strengths(300, 120, 10, 5, 11);
    for (const int factors : {2, 16, 70}) {
        for (const int steps : {1, 3, 50}) {
            AlsOptions options;
            options.factors = factors;
            options.iterations = 20;
            options.steps = steps;
            options.trace_losses = true;
            const AlsResult result = run(sparse(strengths), options);
            ASSERT_EQ(result.losses.size(), 20U);
            for (std::size_t i = 1; i < result.losses.size(); ++i) {
                EXPECT_LT(result.losses[i], result.losses[i - 1])
                    << factors << " factors, " << steps << " steps, iteration " << i + 1;
            }
            const double expected = loss_by_pairs(strengths, result, options.regularization, options.alpha);
            EXPECT_NEAR(result.losses.back(), expected, 1e-5 * expected);
        }
    }
}

// Even customers buy even products, odd ones odd ones, nobody the one of their own number: which is what they'd buy
// next, as all who are like them do.
TEST(ImplicitAls, a_checkerboard_is_recovered) {
    constexpr std::size_t kSide = 50;
    Dense strengths(kSide, std::vector<double>(kSide));
    for (std::size_t u = 0; u < kSide; ++u) {
        for (std::size_t i = 0; i < kSide; ++i) strengths[u][i] = u != i && (u + i) % 2 == 0 ? 1 : 0;
    }
    for (const int factors : {3, 6, 32}) {
        AlsOptions options;
        options.factors = factors;
        options.regularization = 1;  // forbids what is but one customer's
        options.alpha = 2;
        const AlsResult result = run(sparse(strengths), options);
        for (std::size_t u = 0; u < kSide; ++u) {
            for (std::size_t i = 0; i < kSide; ++i) {
                const double own = score(result.customers, u, result.products, i);
                if ((u + i) % 2 == 0) {
                    EXPECT_GT(own, 0.7) << u << ", " << i << ", " << factors << " factors";
                } else {
                    EXPECT_LT(std::abs(own), 0.1) << u << ", " << i << ", " << factors << " factors";
                }
            }
        }
    }
}

TEST(ImplicitAls, the_answer_does_not_depend_on_threads_or_the_order_of_entries) {
    const Dense strengths = random_strengths(3000, 700, 60, 3, 21);
    std::vector<Triple> triples;
    for (std::uint32_t u = 0; u < 3000; ++u) {
        for (const auto& strength : as_strengths(strengths[u]))
            triples.push_back({u, strength.product, strength.value});
    }
    AlsOptions options;
    options.factors = 20;
    options.iterations = 3;
    options.seed = -5;
    const AlsResult one = run(SparseRows::from_triples(3000, 700, triples), options);
    std::reverse(triples.begin(), triples.end());
    const SparseRows entries = SparseRows::from_triples(3000, 700, triples);
    for (const int threads : {1, 2, 3, 8}) {
        const AlsResult other = run(entries, options, threads);
        EXPECT_EQ(other.customers, one.customers) << threads;
        EXPECT_EQ(other.products, one.products) << threads;
        EXPECT_EQ(other.losses, one.losses) << threads;
        EXPECT_EQ(other.confidence, one.confidence) << threads;
    }
    options.seed = 6;
    EXPECT_NE(run(entries, options).customers, one.customers);
}

TEST(ImplicitAls, it_goes_on_from_factors_that_it_is_given) {
    const SparseRows entries = sparse(random_strengths(100, 60, 8, 3, 31));
    AlsOptions options;
    options.factors = 12;
    options.iterations = 7;
    const AlsResult whole = run(entries, options);
    options.iterations = 4;
    options.start = run(entries, options);
    options.iterations = 3;
    options.seed = 1;
    const AlsResult rest = run(entries, options);
    EXPECT_EQ(rest.customers, whole.customers);
    EXPECT_EQ(rest.products, whole.products);
    EXPECT_EQ(rest.losses, whole.losses);
}

TEST(ImplicitAls, who_did_nothing_and_what_nobody_wanted_has_no_factors) {
    Dense strengths = random_strengths(60, 40, 6, 3, 41);
    strengths[17].assign(40, 0);
    for (auto& row : strengths) row[23] = 0;
    AlsOptions options;
    options.factors = 5;
    const AlsResult result = run(sparse(strengths), options);
    EXPECT_EQ(score(result.customers, 17, result.customers, 17), 0);
    EXPECT_EQ(score(result.products, 23, result.products, 23), 0);
    EXPECT_GT(score(result.customers, 16, result.customers, 16), 0);
    EXPECT_GT(score(result.products, 22, result.products, 22), 0);
    ThreadPool pool(1);
    const Gram gram = gram_of(result.products, pool, Task(1, kPlenty));
    EXPECT_EQ(fold_in({}, result.products, gram, 0.01, 1), std::vector<float>(5, 0.0F));
}

TEST(ImplicitAls, strengths_of_a_product_add_up_when_folded_in) {
    const Factors products = random_rows(30, 6, 51);
    ThreadPool pool(1);
    const Gram gram = gram_of(products, pool, Task(1, kPlenty));
    const std::vector<Strength> twice = {{4, 1}, {9, 2}, {4, 2}};
    const std::vector<Strength> once = {{9, 2}, {4, 3}};
    const std::vector<float> folded = fold_in(once, products, gram, 0.01, 1);
    EXPECT_EQ(fold_in(twice, products, gram, 0.01, 1), folded);

    // the two rows alone
    Factors some(2, 6);
    std::copy_n(products.row(4), 6, some.row(0));
    std::copy_n(products.row(9), 6, some.row(1));
    EXPECT_EQ(fold_in(std::vector<Strength>{{0, 3}, {1, 2}}, some, gram, 0.01, 1), folded);
}

// One product tells one direction of twelve; of the regularisation, which tells the others, rounding leaves nothing.
TEST(ImplicitAls, folding_in_stays_finite_where_factors_say_nothing) {
    for (std::int64_t seed = 0; seed < 20; ++seed) {
        Factors products = random_rows(2, 12, seed);
        for (float& value : products.values(0)) value *= 1000;
        for (float& value : products.values(1)) value = 0;
        ThreadPool pool(1);
        const Gram gram = gram_of(products, pool, Task(1, kPlenty));
        const std::vector<Strength> strengths = {{0, 900000}};
        const std::vector<float> folded = fold_in(strengths, products, gram, 1e-6, 1);
        double own = 0;
        for (std::size_t j = 0; j < 12; ++j) {
            ASSERT_TRUE(std::isfinite(folded[j]));
            own += static_cast<double>(folded[j]) * static_cast<double>(products.row(0)[j]);
        }
        EXPECT_NEAR(own, 1, 1e-3);
    }
}

TEST(ImplicitAls, bad_options_and_entries_are_refused_with_a_hint) {
    const SparseRows entries = sparse({{1, 0}, {0, 1}});
    const auto code_with = [&](auto&& change) {
        AlsOptions options;
        options.factors = 2;
        change(options);
        const Error error = error_of([&] { run(entries, options); });
        EXPECT_FALSE(error.hint().empty());
        EXPECT_FALSE(error.detail().empty());
        return error.code();
    };
    EXPECT_EQ(code_with([](AlsOptions& o) { o.factors = 0; }), Code::invalid_parameter);
    EXPECT_EQ(code_with([](AlsOptions& o) { o.factors = 1025; }), Code::invalid_parameter);
    EXPECT_EQ(code_with([](AlsOptions& o) { o.iterations = 0; }), Code::invalid_parameter);
    EXPECT_EQ(code_with([](AlsOptions& o) { o.steps = 0; }), Code::invalid_parameter);
    EXPECT_EQ(code_with([](AlsOptions& o) { o.regularization = 0; }), Code::invalid_parameter);
    EXPECT_EQ(code_with([](AlsOptions& o) { o.regularization = std::nan(""); }), Code::invalid_parameter);
    EXPECT_EQ(code_with([](AlsOptions& o) { o.alpha = -1; }), Code::invalid_parameter);
    EXPECT_EQ(code_with([](AlsOptions& o) { o.alpha = std::numeric_limits<double>::infinity(); }),
              Code::invalid_parameter);
    EXPECT_EQ(code_with([](AlsOptions& o) { o.alpha = 1e6; }), Code::invalid_parameter);  // a confidence of 1000001
    EXPECT_EQ(code_with([](AlsOptions& o) { o.start.customers = Factors(2, 2); }), Code::invalid_parameter);
    EXPECT_EQ(code_with([](AlsOptions& o) { o.start = {Factors(2, 3), Factors(2, 3)}; }), Code::invalid_parameter);

    EXPECT_EQ(error_of([&] { run(sparse({{0, 0}}), {}); }).code(), Code::invalid_parameter);
    EXPECT_EQ(error_of([&] { run({}, {}); }).code(), Code::invalid_parameter);

    const std::vector<Strength> elsewhere = {{2, 1}};
    EXPECT_EQ(error_of([&] { fold_in(elsewhere, Factors(2, 2), Gram(2), 0.01, 1); }).code(), Code::invalid_parameter);
    EXPECT_EQ(error_of([&] { fold_in({}, Factors(2, 2), Gram(2), 0, 1); }).code(), Code::invalid_parameter);
}

TEST(ImplicitAls, memory_is_refused_before_it_is_taken) {
    const SparseRows entries = sparse(random_strengths(200, 100, 5, 3, 61));
    AlsOptions options;
    options.factors = 10;
    options.iterations = 1;
    const std::size_t need = als_memory(200, 100, entries.entries(), 10);
    // at the least: both matrices' entries, and factors in rows of 16
    EXPECT_GT(need, 2 * entries.entries() * 8 + 300 * 16 * 4);
    Task enough(1, need);
    EXPECT_NO_THROW(implicit_als(entries, options, enough));
    Task short_of_it(1, need - 1);
    const Error error = error_of([&] { implicit_als(entries, options, short_of_it); });
    EXPECT_EQ(error.code(), Code::out_of_memory);
    EXPECT_NE(error.hint().find("analytics.work_mem"), std::string::npos);
}

TEST(ImplicitAls, it_says_how_far_it_is_and_stops_when_told) {
    const SparseRows entries = sparse(random_strengths(200, 100, 5, 3, 71));
    AlsOptions options;
    options.factors = 10;
    options.iterations = 4;
    Task task(2, kPlenty);
    implicit_als(entries, options, task);
    std::string text;
    EXPECT_TRUE(task.take_progress(text));
    EXPECT_EQ(text, "recommender, 10 factors, iteration 4 of 4");
    task.cancel();
    EXPECT_THROW(implicit_als(entries, options, task), Cancelled);
}

}  // namespace
}  // namespace analytics::models
