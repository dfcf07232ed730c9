// k-means, against the plain algorithm written out, against the best of all partitions, and by what must hold of it.
#include "core/models/kmeans.hpp"

#include "core/error.hpp"
#include "core/models/nearest.hpp"
#include "core/models/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

namespace analytics::models {
namespace {

constexpr std::size_t kPlenty = std::size_t{1} << 40;

Matrix matrix(std::size_t columns, std::vector<double> values) {
    const std::size_t rows = values.size() / columns;
    return {rows, columns, std::move(values)};
}

// Rows around a few centres, as far apart from each other as the rows from them: many rows lie between two.
Matrix blobs(std::size_t rows, std::size_t columns, std::size_t centres, std::int64_t seed) {
    Random random(seed, 0);
    Matrix points(rows, columns);
    for (std::size_t i = 0; i < rows; ++i) {
        const std::size_t centre = random.below(centres);
        for (std::size_t j = 0; j < columns; ++j) {
            double noise = -3;
            for (int n = 0; n < 6; ++n) noise += random.uniform();
            points.at(i, j) = noise + static_cast<double>((centre * (j + 3) * 7919) % 5);
        }
    }
    return points;
}

// Small whole numbers: many equal rows, and many rows equally near to two centroids.
Matrix grid_points(std::size_t rows, std::size_t columns, std::size_t side, std::int64_t seed) {
    Random random(seed, 1);
    Matrix points(rows, columns);
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < columns; ++j) points.at(i, j) = static_cast<double>(random.below(side));
    }
    return points;
}

Matrix first_different_rows(const Matrix& points, std::size_t k) {
    std::vector<std::vector<double>> rows;
    for (std::size_t i = 0; i < points.rows() && rows.size() < k; ++i) {
        const std::vector<double> row(points.row(i), points.row(i) + points.columns());
        if (std::find(rows.begin(), rows.end(), row) == rows.end()) rows.push_back(row);
    }
    Matrix result(rows.size(), points.columns());
    for (std::size_t i = 0; i < rows.size(); ++i) std::copy(rows[i].begin(), rows[i].end(), result.row(i));
    return result;
}

KmeansResult run(const Matrix& points, const KmeansOptions& options, int threads = 1) {
    Task task(threads, kPlenty);
    return kmeans(points, options, task);
}

double inertia_of(const Matrix& points, const Matrix& centroids, const std::vector<std::int32_t>& assignments) {
    double sum = 0;
    for (std::size_t i = 0; i < points.rows(); ++i) {
        for (std::size_t j = 0; j < points.columns(); ++j) {
            sum += std::pow(points.at(i, j) - centroids.at(static_cast<std::size_t>(assignments[i]), j), 2);
        }
    }
    return sum;
}

// Lloyd's algorithm as one would write it down.
KmeansResult plain_lloyd(const Matrix& points, Matrix centroids, int max_iterations) {
    const std::size_t k = centroids.rows();
    const auto nearest = [&](std::size_t i) {
        std::size_t best = 0;
        double least = std::numeric_limits<double>::infinity();
        for (std::size_t c = 0; c < k; ++c) {
            double distance = 0;
            for (std::size_t j = 0; j < points.columns(); ++j) {
                distance += (points.at(i, j) - centroids.at(c, j)) * (points.at(i, j) - centroids.at(c, j));
            }
            if (distance < least) {
                least = distance;
                best = c;
            }
        }
        return best;
    };
    std::vector<std::size_t> assigned(points.rows());
    for (std::size_t i = 0; i < points.rows(); ++i) assigned[i] = nearest(i);
    KmeansResult result;
    for (result.iterations = 1;; ++result.iterations) {
        for (std::size_t c = 0; c < k; ++c) {
            if (std::count(assigned.begin(), assigned.end(), c) > 0) continue;
            double most = 0;
            std::size_t farthest = 0;
            for (std::size_t i = 0; i < points.rows(); ++i) {
                double distance = 0;
                for (std::size_t j = 0; j < points.columns(); ++j) {
                    distance += std::pow(points.at(i, j) - centroids.at(assigned[i], j), 2);
                }
                if (distance > most && std::count(assigned.begin(), assigned.end(), assigned[i]) > 1) {
                    most = distance;
                    farthest = i;
                }
            }
            assigned[farthest] = c;
        }
        for (std::size_t c = 0; c < k; ++c) {
            for (std::size_t j = 0; j < points.columns(); ++j) {
                double sum = 0;
                double count = 0;
                for (std::size_t i = 0; i < points.rows(); ++i) {
                    if (assigned[i] == c) {
                        sum += points.at(i, j);
                        ++count;
                    }
                }
                if (count > 0) centroids.at(c, j) = sum / count;
            }
        }
        bool changed = false;
        for (std::size_t i = 0; i < points.rows(); ++i) {
            const std::size_t c = nearest(i);
            changed = changed || c != assigned[i];
            assigned[i] = c;
        }
        if (!changed || result.iterations == max_iterations) {
            result.converged = !changed;
            break;
        }
    }
    // numbered by centroids
    std::vector<std::size_t> order(k);
    for (std::size_t c = 0; c < k; ++c) order[c] = c;
    const auto row = [&](std::size_t c) {
        return std::vector<double>(centroids.row(c), centroids.row(c) + points.columns());
    };
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return row(a) < row(b); });
    result.centroids = Matrix(k, points.columns());
    result.assignments.resize(points.rows());
    for (std::size_t c = 0; c < k; ++c) {
        std::copy_n(centroids.row(order[c]), points.columns(), result.centroids.row(c));
        for (std::size_t i = 0; i < points.rows(); ++i) {
            if (assigned[i] == order[c]) result.assignments[i] = static_cast<std::int32_t>(c);
        }
    }
    result.inertia = inertia_of(points, result.centroids, result.assignments);
    return result;
}

// The lowest inertia of any partition into k non-empty clusters.
double best_inertia(const Matrix& points, int k) {
    double best = std::numeric_limits<double>::infinity();
    std::vector<int> assigned(points.rows(), 0);
    for (;;) {
        double inertia = 0;
        bool all = true;
        for (int c = 0; c < k; ++c) {
            double count = 0;
            for (const int a : assigned) count += a == c ? 1 : 0;
            all = all && count > 0;
            for (std::size_t j = 0; j < points.columns(); ++j) {
                double mean = 0;
                for (std::size_t i = 0; i < points.rows(); ++i) mean += assigned[i] == c ? points.at(i, j) / count : 0;
                for (std::size_t i = 0; i < points.rows(); ++i) {
                    inertia += assigned[i] == c ? std::pow(points.at(i, j) - mean, 2) : 0;
                }
            }
        }
        if (all) best = std::min(best, inertia);
        std::size_t place = 0;
        while (place < assigned.size() && ++assigned[place] == k) assigned[place++] = 0;
        if (place == assigned.size()) return best;
    }
}

void expect_equal(const KmeansResult& actual, const KmeansResult& expected, const std::string& of) {
    EXPECT_EQ(actual.assignments, expected.assignments) << of;
    EXPECT_EQ(actual.iterations, expected.iterations) << of;
    EXPECT_EQ(actual.converged, expected.converged) << of;
    EXPECT_NEAR(actual.inertia, expected.inertia, 1e-9 * expected.inertia + 1e-12) << of;
    ASSERT_EQ(actual.centroids.rows(), expected.centroids.rows()) << of;
    for (std::size_t c = 0; c < expected.centroids.rows(); ++c) {
        for (std::size_t j = 0; j < expected.centroids.columns(); ++j) {
            EXPECT_NEAR(actual.centroids.at(c, j), expected.centroids.at(c, j), 1e-9) << of;
        }
    }
}

// By hand: {0, 1}, {10, 11, 12} have means 0.5 and 11, and 0.25 + 0.25 + 1 + 0 + 1 = 2.5.
TEST(Kmeans, two_groups_on_a_line) {
    const auto result = run(matrix(1, {10, 0, 11, 1, 12}), {.k = 2});
    EXPECT_EQ(result.assignments, (std::vector<std::int32_t>{1, 0, 1, 0, 1}));
    EXPECT_EQ(result.centroids, matrix(1, {0.5, 11}));
    EXPECT_EQ(result.inertia, 2.5);
    EXPECT_TRUE(result.converged);
}

TEST(Kmeans, is_lloyds_algorithm_whatever_the_bounds_leave_out) {
    int case_number = 0;
    for (const std::size_t columns : {1, 2, 3, 8, 11}) {
        for (const int k : {1, 2, 3, 7, 8, 9, 20}) {
            const auto seed = ++case_number;
            const auto points = blobs(700, columns, 6, seed);
            const auto start = first_different_rows(points, static_cast<std::size_t>(k));
            for (const int iterations : {1, 2, 5, 1000}) {
                expect_equal(run(points, {.k = k, .max_iterations = iterations, .start = start}),
                             plain_lloyd(points, start, iterations),
                             std::to_string(columns) + " columns, k = " + std::to_string(k) + ", " +
                                 std::to_string(iterations) + " iterations");
            }
        }
    }
}

// A chunk is compared in parts then, eight rows at the least.
TEST(Kmeans, is_lloyds_algorithm_with_many_coordinates_of_many_centroids) {
    for (const auto& [rows, columns, k] : {std::array{5000, 40, 100}, std::array{300, 5000, 250}}) {
        const auto points = blobs(static_cast<std::size_t>(rows), static_cast<std::size_t>(columns), 6, columns);
        const auto start = first_different_rows(points, static_cast<std::size_t>(k));
        expect_equal(run(points, {.k = k, .max_iterations = 3, .start = start}, 2), plain_lloyd(points, start, 3),
                     std::to_string(columns) + " columns, k = " + std::to_string(k));
    }
}

TEST(Kmeans, is_lloyds_algorithm_where_rows_are_equal_or_equally_near) {
    for (int seed = 0; seed < 60; ++seed) {
        const auto points = grid_points(120, 1 + static_cast<std::size_t>(seed) % 3, 4, seed);
        for (const int k : {2, 3, 4}) {
            const auto start = first_different_rows(points, static_cast<std::size_t>(k));
            expect_equal(run(points, {.k = k, .max_iterations = 100, .start = start}), plain_lloyd(points, start, 100),
                         "seed " + std::to_string(seed) + ", k = " + std::to_string(k));
        }
    }
}

TEST(Kmeans, an_empty_cluster_takes_the_farthest_row) {
    // the third centroid is nearest to nothing; 9 is farthest from its centroid (2), at first
    const auto points = matrix(1, {0, 1, 2, 3, 9});
    const auto start = matrix(1, {0, 2, 100});
    const auto result = run(points, {.k = 3, .start = start});
    expect_equal(result, plain_lloyd(points, start, 300), "by hand");
    EXPECT_EQ(result.assignments.back(), 2);
    EXPECT_EQ(result.centroids.at(2, 0), 9);
    for (int seed = 0; seed < 40; ++seed) {
        const auto rows = blobs(300, 2, 3, seed);
        auto far = first_different_rows(rows, 6);
        for (std::size_t c = 3; c < 6; ++c) far.at(c, 0) += 1000;
        expect_equal(run(rows, {.k = 6, .start = far}), plain_lloyd(rows, far, 300), "seed " + std::to_string(seed));
    }
}

TEST(Kmeans, finds_the_best_of_all_partitions_of_a_few_rows) {
    for (int seed = 0; seed < 30; ++seed) {
        const auto points = seed % 2 == 0 ? blobs(9, 2, 3, seed) : grid_points(9, 2, 5, seed);
        for (const int k : {1, 2, 3}) {
            const auto result = run(points, {.k = k, .restarts = 50});
            EXPECT_NEAR(result.inertia, best_inertia(points, k), 1e-9) << "seed " << seed << ", k = " << k;
            EXPECT_NEAR(result.inertia, inertia_of(points, result.centroids, result.assignments), 1e-9);
        }
    }
}

TEST(Kmeans, inertia_never_rises) {
    for (int seed = 0; seed < 8; ++seed) {
        const auto points = blobs(3000, 4, 9, seed);
        double before = std::numeric_limits<double>::infinity();
        for (int iterations = 1; iterations <= 40; ++iterations) {
            const auto result = run(points, {.k = 9, .seed = seed, .restarts = 1, .max_iterations = iterations});
            EXPECT_LE(result.inertia, before * (1 + 1e-12)) << "seed " << seed << ", iteration " << iterations;
            before = result.inertia;
        }
    }
}

// Sums are kept up to date while rows move; what that does to their last bits is not in the answer.
TEST(Kmeans, where_it_has_converged_centroids_are_the_means_to_the_last_bit) {
    for (int seed = 0; seed < 10; ++seed) {
        const auto points = blobs(4000, 3, 9, seed);
        const auto result = run(points, {.k = 9, .seed = seed, .restarts = 1, .max_iterations = 1000});
        ASSERT_TRUE(result.converged);
        Matrix sums(9, 3);
        std::vector<double> counts(9);
        for (std::size_t i = 0; i < points.rows(); ++i) {
            const auto cluster = static_cast<std::size_t>(result.assignments[i]);
            for (std::size_t j = 0; j < 3; ++j) sums.at(cluster, j) += points.at(i, j);
            ++counts[cluster];
        }
        for (std::size_t c = 0; c < 9; ++c) {
            for (std::size_t j = 0; j < 3; ++j) EXPECT_EQ(result.centroids.at(c, j), sums.at(c, j) / counts[c]);
        }
    }
}

TEST(Kmeans, more_restarts_are_never_worse) {
    for (int seed = 0; seed < 5; ++seed) {
        const auto points = blobs(2000, 3, 12, seed);
        const auto few = run(points, {.k = 12, .seed = seed, .restarts = 1});
        const auto many = run(points, {.k = 12, .seed = seed, .restarts = 8});
        EXPECT_LE(many.inertia, few.inertia);
    }
}

TEST(Kmeans, the_answer_is_the_same_on_any_number_of_threads) {
    const auto points = blobs(50000, 5, 7, 3);
    const KmeansOptions options{.k = 7, .seed = 11, .restarts = 3};
    const auto one = run(points, options, 1);
    for (const int threads : {2, 3, 4}) {
        const auto more = run(points, options, threads);
        EXPECT_EQ(more.assignments, one.assignments) << threads;
        EXPECT_EQ(more.centroids, one.centroids) << threads;
        EXPECT_EQ(more.inertia, one.inertia) << threads;
        EXPECT_EQ(more.iterations, one.iterations) << threads;
    }
}

TEST(Kmeans, a_seed_gives_the_same_answer_and_another_another_start) {
    const auto points = grid_points(3000, 2, 60, 5);
    const KmeansOptions options{.k = 15, .seed = 1, .restarts = 1, .max_iterations = 2};
    EXPECT_EQ(run(points, options).centroids, run(points, options).centroids);
    auto other = options;
    other.seed = 2;
    EXPECT_NE(run(points, options).centroids, run(points, other).centroids);
}

TEST(Kmeans, moving_all_rows_moves_the_centroids_and_nothing_else) {
    const auto points = grid_points(2000, 3, 200, 9);
    auto moved = points;
    for (std::size_t i = 0; i < points.rows(); ++i) {
        for (std::size_t j = 0; j < 3; ++j) moved.at(i, j) += 1024.0 * (static_cast<double>(j) + 1);
    }
    const KmeansOptions options{.k = 6, .restarts = 3};
    const auto here = run(points, options);
    const auto there = run(moved, options);
    EXPECT_EQ(here.assignments, there.assignments);
    EXPECT_NEAR(here.inertia, there.inertia, 1e-9 * here.inertia);
    for (std::size_t c = 0; c < 6; ++c) {
        for (std::size_t j = 0; j < 3; ++j) {
            EXPECT_NEAR(here.centroids.at(c, j) + 1024.0 * (static_cast<double>(j) + 1), there.centroids.at(c, j),
                        1e-9);
        }
    }
}

TEST(Kmeans, clusters_are_numbered_by_their_centroids) {
    for (int seed = 0; seed < 10; ++seed) {
        const auto result = run(grid_points(500, 2, 9, seed), {.k = 8, .seed = seed, .restarts = 1});
        for (std::size_t c = 1; c < 8; ++c) {
            const auto* a = result.centroids.row(c - 1);
            const auto* b = result.centroids.row(c);
            EXPECT_TRUE(a[0] < b[0] || (a[0] == b[0] && a[1] <= b[1])) << "seed " << seed << ", cluster " << c;
        }
    }
}

TEST(Kmeans, as_many_clusters_as_different_rows_have_no_inertia) {
    const auto result = run(matrix(2, {1, 1, 2, 2, 1, 1, 3, 3, 2, 2}), {.k = 3});
    EXPECT_EQ(result.inertia, 0);
    EXPECT_EQ(result.assignments, (std::vector<std::int32_t>{0, 1, 0, 2, 1}));
}

TEST(Kmeans, fewer_different_rows_than_clusters_are_refused) {
    const auto points = matrix(2, {1, 1, 2, 2, 1, 1, 2, 2});
    try {
        run(points, {.k = 3});
        FAIL() << "three clusters of two different rows";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::invalid_parameter);
        EXPECT_EQ(error.detail(), "There are 2, and k is 3.");
    }
}

TEST(Kmeans, what_is_not_finite_is_refused_with_its_place) {
    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(), -1e101}) {
        try {
            run(matrix(2, {1, 2, 3, bad}), {.k = 1});
            FAIL() << bad;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Code::invalid_parameter);
            EXPECT_EQ(error.detail(), "It is coordinate 2 of point 2.");
        }
    }
    EXPECT_THROW(run(Matrix(), {.k = 1}), Error);
}

TEST(Kmeans, options_that_make_no_sense_are_refused) {
    const auto points = matrix(1, {1, 2, 3});
    EXPECT_THROW(run(points, {.k = 0}), Error);
    EXPECT_THROW(run(points, {.k = 4}), Error);
    EXPECT_THROW(run(points, {.k = 1, .restarts = 0}), Error);
    EXPECT_THROW(run(points, {.k = 1, .max_iterations = 0}), Error);
}

TEST(Kmeans, memory_is_asked_for_before_it_is_taken) {
    const auto points = blobs(1000, 8, 3, 1);
    Task task(1, 64 << 10);
    try {
        kmeans(points, {.k = 3}, task);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::out_of_memory);
    }
}

TEST(Kmeans, stops_when_it_is_told_to) {
    const auto points = blobs(20000, 4, 8, 2);
    Task task(2, kPlenty);
    std::thread teller([&] {
        std::string progress;
        while (!task.take_progress(progress)) std::this_thread::yield();
        EXPECT_EQ(progress.substr(0, 15), "k-means, k = 40");
        task.cancel();
    });
    EXPECT_THROW(kmeans(points, {.k = 40, .restarts = 1000}, task), Cancelled);
    teller.join();
}

// In all numbers of centroids, and rows that eights do not divide.
TEST(Nearest, is_the_nearest_and_the_gap_is_the_way_to_the_second) {
    const auto points = blobs(501, 6, 5, 4);
    for (std::size_t k = 1; k <= 25; ++k) {
        const auto centroids = blobs(k, 6, 5, 77);
        std::vector<std::int32_t> assignment(501);
        std::vector<double> gap(501);
        assign(points, {0, 501}, centroids, assignment.data(), gap.data());
        for (std::size_t i = 0; i < 501; ++i) {
            std::vector<double> distances;
            for (std::size_t c = 0; c < k; ++c) {
                distances.push_back(std::sqrt(squared_distance(points.row(i), centroids.row(c), 6)));
            }
            const auto least = std::min_element(distances.begin(), distances.end());
            EXPECT_EQ(assignment[i], least - distances.begin());
            const double first = *least;
            *least = std::numeric_limits<double>::infinity();
            const double second = *std::min_element(distances.begin(), distances.end());
            if (k > 1) {
                EXPECT_LE(gap[i], second - first);
                EXPECT_GE(gap[i], second - first - 1e-8);
            }
        }
    }
}

// A fair sample of 3 of 6 contains each with probability 1/2, each pair with 1/5.
TEST(Random, samples_are_fair) {
    Random random(7, 0);
    constexpr int kTimes = 60000;
    int first = 0;
    int pair = 0;
    for (int i = 0; i < kTimes; ++i) {
        const auto sample = random.sample(6, 3);
        ASSERT_EQ(sample.size(), 3U);
        ASSERT_TRUE(std::is_sorted(sample.begin(), sample.end()));
        const bool has_0 = sample[0] == 0;
        first += has_0 ? 1 : 0;
        pair += has_0 && std::find(sample.begin(), sample.end(), 5) != sample.end() ? 1 : 0;
    }
    EXPECT_NEAR(first, kTimes / 2.0, 4 * std::sqrt(kTimes / 4.0));
    EXPECT_NEAR(pair, kTimes / 5.0, 4 * std::sqrt(kTimes * 0.16));
}

}  // namespace
}  // namespace analytics::models
