// What k-means and clusters found, as JSON.
#pragma once

#include "core/no_postgres.hpp"

#include <string>
#include <vector>

#include "core/models/clusters.hpp"
#include "core/models/kmeans.hpp"

namespace analytics::models {

// All but the assignments: {"centroids":[[..]],"inertia":1.5,"iterations":4,"converged":true}
std::string to_json(const KmeansResult& result);

// The metrics of a model (docs/clusters.md); where there are no clusters, {"reason": ".."}. features: their names, as
// JSON strings with their quotes.
std::string metrics_json(const Clusters& clusters, const std::vector<std::string>& features);

}  // namespace analytics::models
