// Groups of similar rows: features are brought onto comparable scales (feature_scaling.hpp), k-means finds the groups
// (kmeans.hpp), and where nobody says how many, the number whose groups stand apart best (silhouette.hpp).
//
// The number of clusters is chosen on a sample of the rows; then all rows are clustered.
#pragma once

#include "core/no_postgres.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/models/feature_scaling.hpp"
#include "core/models/kmeans.hpp"
#include "core/models/matrix.hpp"
#include "core/models/task.hpp"

namespace analytics::models {

inline constexpr std::size_t kChoosingRows = 20000;   // of the rows, to choose k on
inline constexpr std::size_t kSilhouetteRows = 3000;  // of these, to measure silhouettes with

struct ClusterOptions {
    std::optional<int> k;  // none: the best of k_min .. k_max
    int k_min = 2;
    int k_max = 10;
    Scaling scaling = Scaling::standard;
    bool log1p = true;
    int restarts = 10;
    std::int64_t seed = 42;
};

struct ClusterProfile {
    std::int64_t size = 0;
    double share = 0;
    std::vector<double> mean;  // of each feature, in its own units
    std::vector<double> median;
    std::vector<double> centroid;  // what the scaling makes the scaled centroid of
};

struct Silhouette {
    int k;
    double value;
};

struct Clusters {
    std::string too_little;  // why there are none; empty: there are
    FeatureScaling scaling;
    KmeansResult found;                   // on scaled features
    std::vector<Silhouette> silhouettes;  // of each k that was tried
    std::vector<ClusterProfile> profiles;
};

// Throws Error invalid_parameter for options that make no sense and rows that are not finite.
Clusters fit_clusters(const Matrix& rows, const ClusterOptions& options, Task& task);

// The nearest of scaled centroids, as fit_clusters assigned its rows.
int nearest_cluster(const std::vector<double>& features, const FeatureScaling& scaling, const Matrix& centroids);

}  // namespace analytics::models
