// Scales, silhouettes, the number of clusters, profiles: by hand, and by what must hold.
#include "core/models/clusters.hpp"

#include "core/error.hpp"
#include "core/models/random.hpp"
#include "core/models/silhouette.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace analytics::models {
namespace {

constexpr std::size_t kPlenty = std::size_t{1} << 40;

Matrix matrix(std::size_t columns, std::vector<double> values) {
    const std::size_t rows = values.size() / columns;
    return {rows, columns, std::move(values)};
}

Clusters fit(const Matrix& rows, const ClusterOptions& options, int threads = 1) {
    Task task(threads, kPlenty);
    return fit_clusters(rows, options, task);
}

// So many rows around points of a grid that stand `apart` noises from each other.
Matrix groups(std::size_t number, std::size_t rows, double apart, std::int64_t seed) {
    Random random(seed, 0);
    Matrix points(rows, 2);
    for (std::size_t i = 0; i < rows; ++i) {
        points.at(i, 0) = apart * static_cast<double>(i % number % 3) + random.uniform();
        points.at(i, 1) = apart * static_cast<double>(i % number / 3) + random.uniform();
    }
    return points;
}

TEST(FeatureScaling, standard_is_mean_and_deviation_of_the_population) {
    // mean 5, squares 16 + 0 + 16 + 0 over 4
    const auto scaling = learn_scaling(matrix(1, {1, 5, 9, 5}), Scaling::standard, false, Task(1, kPlenty));
    EXPECT_EQ(scaling.center[0], 5);
    EXPECT_DOUBLE_EQ(scaling.scale[0], std::sqrt(8.0));
    EXPECT_DOUBLE_EQ(scaling.apply(9, 0), 4 / std::sqrt(8.0));
}

TEST(FeatureScaling, robust_is_median_and_distance_of_the_quartiles) {
    // sorted 0 1 2 3 100: quartiles 1 and 3
    const auto scaling = learn_scaling(matrix(1, {100, 3, 1, 2, 0}), Scaling::robust, false, Task(1, kPlenty));
    EXPECT_EQ(scaling.center[0], 2);
    EXPECT_EQ(scaling.scale[0], 2);
    // 0 10 20 30: quartiles 7.5 and 22.5
    const auto between = learn_scaling(matrix(1, {0, 10, 20, 30}), Scaling::robust, false, Task(1, kPlenty));
    EXPECT_EQ(between.center[0], 15);
    EXPECT_EQ(between.scale[0], 15);
}

TEST(FeatureScaling, robust_takes_the_deviation_where_the_quartiles_are_equal) {
    const auto scaling = learn_scaling(matrix(1, {1, 1, 1, 1, 1, 1, 1, 9}), Scaling::robust, false, Task(1, kPlenty));
    EXPECT_EQ(scaling.center[0], 1);
    EXPECT_DOUBLE_EQ(scaling.scale[0], std::sqrt((7.0 * 1 + 49) / 8));  // mean 2
}

TEST(FeatureScaling, a_feature_that_is_the_same_everywhere_has_scale_1) {
    for (const auto kind : {Scaling::standard, Scaling::robust, Scaling::none}) {
        const auto scaling = learn_scaling(matrix(1, {0.1, 0.1, 0.1}), kind, false, Task(1, kPlenty));
        EXPECT_EQ(scaling.scale[0], 1);
        EXPECT_EQ(scaling.apply(0.1, 0), kind == Scaling::none ? 0.1 : 0);
    }
}

TEST(FeatureScaling, logarithms_keep_the_sign_and_are_undone) {
    const auto scaling = learn_scaling(matrix(1, {-8, 0, 8, 26}), Scaling::none, true, Task(1, kPlenty));
    EXPECT_DOUBLE_EQ(scaling.apply(8, 0), std::log(9.0));
    EXPECT_DOUBLE_EQ(scaling.apply(-8, 0), -std::log(9.0));
    EXPECT_EQ(scaling.apply(0, 0), 0);
    for (const auto kind : {Scaling::standard, Scaling::robust, Scaling::none}) {
        for (const bool log1p : {false, true}) {
            const auto learned = learn_scaling(matrix(1, {-8, 0, 8, 26}), kind, log1p, Task(1, kPlenty));
            for (const double value : {-100.0, -8.0, 0.0, 0.5, 26.0, 1e6}) {
                EXPECT_NEAR(learned.invert(learned.apply(value, 0), 0), value, 1e-9 * (1 + std::abs(value)));
            }
        }
    }
}

TEST(FeatureScaling, names) {
    EXPECT_EQ(scaling_of("standard"), Scaling::standard);
    EXPECT_EQ(scaling_of("robust"), Scaling::robust);
    EXPECT_EQ(scaling_of("none"), Scaling::none);
    EXPECT_THROW(scaling_of("Standard"), Error);
}

TEST(FeatureScaling, stops_when_it_is_told_to) {
    Task task(1, kPlenty);
    task.cancel();
    EXPECT_THROW(learn_scaling(matrix(1, {1, 2, 3}), Scaling::standard, false, task), Cancelled);
    std::vector<double> values = {2, 1};
    EXPECT_THROW(sort_numbers(values, task), Cancelled);
}

TEST(Silhouette, by_hand) {
    Task task(2, kPlenty);
    // {0, 1}, {9}: (9 - 1) / 9, (8 - 1) / 8, and 0 for the one that is alone
    EXPECT_DOUBLE_EQ(mean_silhouette(matrix(1, {0, 1, 9}), {0, 0, 1}, 2, task), (8 / 9.0 + 7 / 8.0) / 3);
    // {0, 9}, {1}: 0 is 9 from its own, 1 from the other; 9 is 9 and 8
    EXPECT_DOUBLE_EQ(mean_silhouette(matrix(1, {0, 9, 1}), {0, 0, 1}, 2, task), (-8 / 9.0 - 1 / 9.0) / 3);
    // the nearer of two others: 0 and 2 are 2 apart; {5} is 5 and 3 away, {7, 9} further
    EXPECT_DOUBLE_EQ(mean_silhouette(matrix(1, {0, 2, 5, 7, 9}), {0, 0, 1, 2, 2}, 3, task),
                     (3 / 5.0 + 1 / 3.0 + 0 + 0 + 2 / 4.0) / 5);
}

TEST(Silhouette, where_it_says_nothing_it_is_0) {
    Task task(1, kPlenty);
    EXPECT_EQ(mean_silhouette(matrix(1, {0, 1, 9}), {0, 0, 0}, 1, task), 0);
    EXPECT_EQ(mean_silhouette(matrix(1, {0, 1, 9}), {2, 2, 2}, 3, task), 0);  // the others are empty
    EXPECT_EQ(mean_silhouette(matrix(1, {4, 4, 4, 4}), {0, 0, 1, 1}, 2, task), 0);
}

TEST(Clusters, as_many_as_there_are) {
    for (std::size_t number = 2; number <= 9; ++number) {
        const auto found = fit(groups(number, 400, 6, 3), {.k = {}, .scaling = Scaling::none, .log1p = false});
        EXPECT_EQ(found.found.centroids.rows(), number);
        EXPECT_EQ(found.silhouettes.size(), 9U);
    }
}

TEST(Clusters, the_number_is_chosen_on_a_sample_and_all_rows_are_grouped) {
    const std::size_t rows = kChoosingRows * 2 + 17;
    const auto found = fit(groups(4, rows, 6, 1), {.k = {}, .log1p = false, .restarts = 3});
    ASSERT_EQ(found.found.centroids.rows(), 4U);
    std::int64_t all = 0;
    for (const auto& profile : found.profiles) {
        all += profile.size;
        EXPECT_NEAR(profile.share, 0.25, 0.001);
    }
    EXPECT_EQ(all, static_cast<std::int64_t>(rows));
}

TEST(Clusters, the_answer_is_the_same_on_any_number_of_threads) {
    const auto rows = groups(5, 9000, 2, 8);
    const ClusterOptions options{.k = {}, .restarts = 2};
    const auto one = fit(rows, options, 1);
    for (const int threads : {2, 4}) {
        const auto more = fit(rows, options, threads);
        EXPECT_EQ(more.found.assignments, one.found.assignments);
        EXPECT_EQ(more.found.centroids, one.found.centroids);
        ASSERT_EQ(more.silhouettes.size(), one.silhouettes.size());
        for (std::size_t i = 0; i < one.silhouettes.size(); ++i) {
            EXPECT_EQ(more.silhouettes[i].value, one.silhouettes[i].value);
        }
    }
}

TEST(Clusters, each_row_is_nearest_to_where_it_is) {
    const auto rows = groups(5, 3000, 2, 4);
    for (const auto kind : {Scaling::standard, Scaling::robust, Scaling::none}) {
        const auto found = fit(rows, {.k = 6, .scaling = kind});
        for (std::size_t i = 0; i < rows.rows(); ++i) {
            EXPECT_EQ(nearest_cluster({rows.at(i, 0), rows.at(i, 1)}, found.scaling, found.found.centroids),
                      found.found.assignments[i]);
        }
    }
}

TEST(Clusters, units_do_not_count) {
    const auto rows = groups(4, 1000, 3, 6);
    auto cents = rows;
    for (std::size_t i = 0; i < rows.rows(); ++i) cents.at(i, 1) *= 128;
    for (const auto kind : {Scaling::standard, Scaling::robust}) {
        EXPECT_EQ(fit(rows, {.k = 4, .scaling = kind, .log1p = false}).found.assignments,
                  fit(cents, {.k = 4, .scaling = kind, .log1p = false}).found.assignments);
    }
}

// By hand: (2, 10), (51, -6), and (100, 0), (100, 0), (106, 3) with mean (102, 1) and median (100, 0).
TEST(Clusters, profiles_are_in_the_features_own_units) {
    const auto rows = matrix(2, {106, 3, 1, 10, 50, -4, 100, 0, 3, 10, 52, -8, 100, 0});
    const auto found = fit(rows, {.k = 3, .scaling = Scaling::none, .log1p = false});
    ASSERT_EQ(found.profiles.size(), 3U);
    EXPECT_EQ(found.profiles[0].size, 2);
    EXPECT_EQ(found.profiles[2].size, 3);
    EXPECT_DOUBLE_EQ(found.profiles[2].share, 3 / 7.0);
    EXPECT_EQ(found.profiles[1].mean, (std::vector<double>{51, -6}));
    EXPECT_EQ(found.profiles[2].mean, (std::vector<double>{102, 1}));
    EXPECT_EQ(found.profiles[2].median, (std::vector<double>{100, 0}));
    EXPECT_EQ(found.profiles[2].centroid, (std::vector<double>{102, 1}));
}

TEST(Clusters, too_few_rows_are_no_error) {
    EXPECT_NE(fit(Matrix(), {.k = 2}).too_little, "");
    EXPECT_NE(fit(matrix(1, {1, 1, 1, 2}), {.k = 3}).too_little, "");
    EXPECT_EQ(fit(matrix(1, {1, 1, 1, 2}), {.k = 2}).too_little, "");
    EXPECT_NE(fit(matrix(1, {1, 1, 1, 2}), {.k = {}}).too_little, "");  // two groups of two rows are no choice
    EXPECT_EQ(fit(matrix(1, {1, 1, 5, 2}), {.k = {}}).too_little, "");
    EXPECT_EQ(fit(matrix(1, {1, 1, 5, 2}), {.k = {}}).silhouettes.size(), 1U);  // as many as rows are none either
}

TEST(Clusters, rare_rows_that_a_sample_misses_do_no_harm) {
    Matrix rows(kChoosingRows * 3, 1);
    rows.at(5, 0) = 1;
    rows.at(6, 0) = 2;
    const auto found = fit(rows, {.k = {}, .restarts = 1});
    EXPECT_EQ(found.too_little, "");
    EXPECT_EQ(found.found.centroids.rows(), 2U);
}

TEST(Clusters, options_that_make_no_sense_are_refused) {
    const auto rows = matrix(1, {1, 2, 3, 4});
    EXPECT_THROW(fit(rows, {.k = 0}), Error);
    EXPECT_THROW(fit(rows, {.k = 1001}), Error);
    EXPECT_THROW(fit(rows, {.k = {}, .k_min = 1}), Error);
    EXPECT_THROW(fit(rows, {.k = {}, .k_min = 4, .k_max = 3}), Error);
    EXPECT_THROW(fit(rows, {.k = {}, .k_max = 101}), Error);
    EXPECT_THROW(fit(rows, {.k = 2, .restarts = 0}), Error);
}

}  // namespace
}  // namespace analytics::models
