#include "core/models/clusters.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/models/nearest.hpp"
#include "core/models/random.hpp"
#include "core/models/silhouette.hpp"

namespace analytics::models {
namespace {

// Streams of the seed beside those of the restarts.
constexpr std::uint32_t kChoosingStream = 1U << 20;
constexpr std::uint32_t kSilhouetteStream = kChoosingStream + 1;

constexpr int kMostClusters = 1000;

Matrix scaled(const Matrix& rows, const FeatureScaling& scaling, const Task& task) {
    Matrix result(rows.rows(), rows.columns());
    for (std::size_t i = 0; i < rows.rows(); ++i) {
        task.stop_if_cancelled();
        for (std::size_t j = 0; j < rows.columns(); ++j) {
            result.at(i, j) = scaling.apply(rows.at(i, j), j);
        }
    }
    return result;
}

Matrix chosen_rows(const Matrix& rows, const std::vector<std::size_t>& chosen) {
    Matrix result(chosen.size(), rows.columns());
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        std::copy_n(rows.row(chosen[i]), rows.columns(), result.row(i));
    }
    return result;
}

// How many different rows there are; `most`, where there are more.
std::size_t different_rows(const Matrix& rows, std::size_t most, const Task& task) {
    std::vector<const double*> seen;
    for (std::size_t i = 0; i < rows.rows() && seen.size() < most; ++i) {
        task.stop_if_cancelled();
        const double* const row = rows.row(i);
        if (std::none_of(seen.begin(), seen.end(),
                         [&](const double* other) { return std::equal(row, row + rows.columns(), other); })) {
            seen.push_back(row);
        }
    }
    return seen.size();
}

KmeansOptions kmeans_options(const ClusterOptions& options, int k) {
    return {.k = k, .seed = options.seed, .restarts = options.restarts};
}

double sampled_silhouette(const Matrix& rows, const KmeansResult& found, int k, std::int64_t seed, const Task& task) {
    Random random(seed, kSilhouetteStream);
    const auto chosen = random.sample(rows.rows(), std::min(rows.rows(), kSilhouetteRows));
    std::vector<std::int32_t> assignments;
    assignments.reserve(chosen.size());
    for (const auto row : chosen) {
        assignments.push_back(found.assignments[row]);
    }
    return mean_silhouette(chosen_rows(rows, chosen), assignments, k, task);
}

// The k of the best silhouette, of equally good ones the least. The rows have more than k different ones for each.
int choose_k(const Matrix& rows, const ClusterOptions& options, int k_max, Clusters& result, Task& task) {
    for (int k = options.k_min; k <= k_max; ++k) {
        const auto found = kmeans(rows, kmeans_options(options, k), task);
        result.silhouettes.push_back({k, sampled_silhouette(rows, found, k, options.seed, task)});
    }
    const auto best = std::max_element(result.silhouettes.begin(), result.silhouettes.end(),
                                       [](const Silhouette& a, const Silhouette& b) { return a.value < b.value; });
    return best->k;
}

std::vector<ClusterProfile> profiles_of(const Matrix& rows, const Clusters& clusters, const Task& task) {
    const std::size_t k = clusters.found.centroids.rows();
    std::vector<std::vector<std::size_t>> members(k);
    for (std::size_t i = 0; i < rows.rows(); ++i) {
        members[static_cast<std::size_t>(clusters.found.assignments[i])].push_back(i);
    }
    std::vector<ClusterProfile> profiles(k);
    std::vector<double> values;
    for (std::size_t c = 0; c < k; ++c) {
        auto& profile = profiles[c];
        profile.size = static_cast<std::int64_t>(members[c].size());
        profile.share = static_cast<double>(profile.size) / static_cast<double>(rows.rows());
        for (std::size_t j = 0; j < rows.columns(); ++j) {
            values.clear();
            double sum = 0;
            for (const auto i : members[c]) {
                task.stop_if_cancelled();
                values.push_back(rows.at(i, j));
                sum += rows.at(i, j);
            }
            sort_numbers(values, task);
            const double centroid = clusters.scaling.invert(clusters.found.centroids.at(c, j), j);
            profile.centroid.push_back(centroid);
            // a cluster may be empty where k-means ran out of iterations
            profile.mean.push_back(values.empty() ? centroid : sum / static_cast<double>(values.size()));
            profile.median.push_back(values.empty() ? centroid : quantile_of_sorted(values, 0.5));
        }
    }
    return profiles;
}

void check_options(const ClusterOptions& options) {
    const auto range = std::to_string(kMostClusters);
    if (options.k && (*options.k < 1 || *options.k > kMostClusters)) {
        throw Error(Code::invalid_parameter, "k is out of range")
            .detail("It is " + std::to_string(*options.k) + ".")
            .hint("It may be from 1 to " + range + ", or null to have it chosen.");
    }
    if (!options.k && (options.k_min < 2 || options.k_max < options.k_min || options.k_max > 100)) {
        throw Error(Code::invalid_parameter, "k_min and k_max are no range to choose k from")
            .detail("They are " + std::to_string(options.k_min) + " and " + std::to_string(options.k_max) + ".")
            .hint("Use 2 <= k_min <= k_max <= 100.");
    }
    if (options.restarts < 1 || options.restarts > 1000) {
        throw Error(Code::invalid_parameter, "restarts is out of range")
            .detail("It is " + std::to_string(options.restarts) + ".")
            .hint("It may be from 1 to 1000.");
    }
}

std::string too_little(std::size_t rows, std::size_t different, int needed) {
    return std::to_string(rows) + " rows, " + std::to_string(different) + " of them different; " +
           std::to_string(needed) + " different ones are needed";
}

}  // namespace

Clusters fit_clusters(const Matrix& rows, const ClusterOptions& options, Task& task) {
    check_options(options);
    const std::size_t bytes = rows.rows() * rows.columns() * sizeof(double);
    task.require_memory(3 * bytes);  // theirs, scaled, and what k-means has
    Clusters result;
    // to say which of several groups is better takes more rows than groups
    const int needed = options.k.value_or(options.k_min + 1);
    if (rows.rows() < static_cast<std::size_t>(needed)) {
        result.too_little = too_little(rows.rows(), different_rows(rows, rows.rows(), task), needed);
        return result;
    }
    result.scaling = learn_scaling(rows, options.scaling, options.log1p, task);
    const Matrix points = scaled(rows, result.scaling, task);
    const std::size_t different =
        different_rows(points, static_cast<std::size_t>(options.k.value_or(options.k_max + 1)), task);
    if (different < static_cast<std::size_t>(needed)) {
        result.too_little = too_little(rows.rows(), different, needed);
        return result;
    }
    int k = options.k.value_or(0);
    if (!options.k) {
        Random random(options.seed, kChoosingStream);
        const Matrix sample = chosen_rows(points, random.sample(points.rows(), std::min(points.rows(), kChoosingRows)));
        const std::size_t sampled = different_rows(sample, static_cast<std::size_t>(options.k_max) + 1, task);
        const int k_max = std::min(options.k_max, static_cast<int>(sampled) - 1);
        // rows that are all but equal: a sample may miss those that are not
        k = k_max < options.k_min ? options.k_min : choose_k(sample, options, k_max, result, task);
    }
    result.found = kmeans(points, kmeans_options(options, k), task);
    if (options.k && k > 1) {
        result.silhouettes.push_back({k, sampled_silhouette(points, result.found, k, options.seed, task)});
    }
    result.profiles = profiles_of(rows, result, task);
    return result;
}

int nearest_cluster(const std::vector<double>& features, const FeatureScaling& scaling, const Matrix& centroids) {
    std::vector<double> point;
    for (std::size_t j = 0; j < features.size(); ++j) {
        point.push_back(scaling.apply(features[j], j));
    }
    std::size_t nearest = 0;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < centroids.rows(); ++c) {
        const double distance = squared_distance(point.data(), centroids.row(c), point.size());
        if (distance < least) {
            least = distance;
            nearest = c;
        }
    }
    return static_cast<int>(nearest);
}

}  // namespace analytics::models
