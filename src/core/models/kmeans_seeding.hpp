// Where k-means begins: greedy k-means++.
//
// D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007: each further centroid is a
// row drawn with a probability proportional to D^2, its squared distance to the nearest centroid so far. Greedy (their
// section 5): of several rows so drawn, here 2 + floor(ln k), at most 8, the one that lowers the sum of D^2 most.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <vector>

#include "core/models/matrix.hpp"
#include "core/models/random.hpp"
#include "core/models/task.hpp"
#include "core/models/thread_pool.hpp"

namespace analytics::models {

// k of the rows, of which no two are equal. Where there are no k such rows, all there are. distances: room for one of
// each row.
Matrix seed_centroids(const Matrix& points, std::size_t k, Random& random, ThreadPool& pool, const Task& task,
                      std::vector<double>& distances);

}  // namespace analytics::models
