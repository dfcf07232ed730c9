// How well rows lie in their clusters: P. Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation
// of cluster analysis", J. Comput. Appl. Math. 20, 1987.
//
// Of a row: (b - a) / max(a, b), where a is its mean distance to the others of its cluster and b the least mean
// distance to the rows of another one; 0 for a row that is alone in its cluster. Near 1: far from the others; below 0:
// nearer to another cluster.
#pragma once

#include "core/no_postgres.hpp"

#include <cstdint>
#include <vector>

#include "core/models/matrix.hpp"
#include "core/models/task.hpp"

namespace analytics::models {

// The mean over all rows, of clusters 0 .. k - 1. Takes time in proportion to the square of the rows. 0 where there are
// not at least two clusters with rows.
double mean_silhouette(const Matrix& rows, const std::vector<std::int32_t>& assignments, int k, const Task& task);

}  // namespace analytics::models
