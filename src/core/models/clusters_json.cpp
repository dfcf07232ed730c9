#include "core/models/clusters_json.hpp"

#include <cstddef>
#include <utility>

#include "core/models/printed.hpp"

namespace analytics::models {
namespace {

// [item(0),item(1),..]
template <typename Item>
std::string list(std::size_t size, Item&& item) {
    std::string text = "[";
    for (std::size_t i = 0; i < size; ++i) {
        text += i == 0 ? "" : ",";
        text += item(i);
    }
    return text + "]";
}

std::string list(const std::vector<double>& values) {
    return list(values.size(), [&](std::size_t i) { return printed(values[i]); });
}

std::string list(const Matrix& rows) {
    return list(rows.rows(), [&](std::size_t i) {
        return list(rows.columns(), [&](std::size_t j) { return printed(rows.at(i, j)); });
    });
}

std::string by_feature(const std::vector<std::string>& features, const std::vector<double>& values) {
    std::string text = "{";
    for (std::size_t j = 0; j < features.size(); ++j) {
        text += (j == 0 ? "" : ",") + features[j] + ":" + printed(values[j]);
    }
    return text + "}";
}

std::string how_it_went(const KmeansResult& result) {
    return "\"inertia\":" + printed(result.inertia) + ",\"iterations\":" + std::to_string(result.iterations) +
           ",\"converged\":" + (result.converged ? "true" : "false");
}

std::string profile(const ClusterProfile& profile, std::size_t number, const std::vector<std::string>& features) {
    return "{\"cluster\":" + std::to_string(number) + ",\"size\":" + std::to_string(profile.size) +
           ",\"share\":" + printed(profile.share) + ",\"mean\":" + by_feature(features, profile.mean) +
           ",\"median\":" + by_feature(features, profile.median) +
           ",\"centroid\":" + by_feature(features, profile.centroid) + "}";
}

}  // namespace

std::string to_json(const KmeansResult& result) {
    return "{\"centroids\":" + list(result.centroids) + "," + how_it_went(result) + "}";
}

std::string metrics_json(const Clusters& clusters, const std::vector<std::string>& features) {
    if (!clusters.too_little.empty()) {
        return "{\"reason\":\"" + clusters.too_little + "\"}";
    }
    const int k = static_cast<int>(clusters.found.centroids.rows());
    std::string silhouette = "null";
    std::string silhouettes;
    for (const auto& [tried, value] : clusters.silhouettes) {
        silhouettes += (silhouettes.empty() ? "\"" : ",\"") + std::to_string(tried) + "\":" + printed(value);
        silhouette = tried == k ? printed(value) : silhouette;
    }
    return "{\"k\":" + std::to_string(k) + "," + how_it_went(clusters.found) + ",\"silhouette\":" + silhouette +
           ",\"silhouettes\":{" + silhouettes + "},\"clusters\":" +
           list(clusters.profiles.size(), [&](std::size_t c) { return profile(clusters.profiles[c], c, features); }) +
           ",\"center\":" + list(clusters.scaling.center) + ",\"scale\":" + list(clusters.scaling.scale) +
           ",\"centroids\":" + list(clusters.found.centroids) + "}";
}

}  // namespace analytics::models
