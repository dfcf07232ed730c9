// k-means: centroids that the rows are as near to as possible, by the sum of squared Euclidean distances (inertia).
//
// Lloyd's algorithm (S. Lloyd, "Least squares quantization in PCM", 1982) from several greedy k-means++ starts
// (kmeans_seeding.hpp); the start that ends with the lowest inertia counts. Rows are not looked at again while a bound
// shows that their nearest centroid can't have changed: what G. Hamerly, "Making k-means even faster", SDM 2010, does
// with two bounds of each row is done with one, their difference. The outcome is that of Lloyd's algorithm:
//
//   - a row belongs to the nearest centroid, of equally near ones to the first;
//   - a cluster that is left without rows takes the row that is farthest from its centroid, out of a cluster of
//   several;
//   - it has converged when no row changes its cluster: the centroids are the means of their rows then.
//
// Clusters are numbered by their centroids: ascending by the first coordinate, where equal by the second, and so on. So
// numbers do not depend on the start that found them. The answer depends on the rows, their order, the options and the
// seed; not on the threads.
#pragma once

#include "core/no_postgres.hpp"

#include <cstdint>
#include <vector>

#include "core/models/matrix.hpp"
#include "core/models/task.hpp"

namespace analytics::models {

struct KmeansOptions {
    int k = 2;
    std::int64_t seed = 42;
    int restarts = 10;
    int max_iterations = 300;
    Matrix start = {};  // k centroids to begin with instead, once; restarts and seed do not count then
};

struct KmeansResult {
    std::vector<std::int32_t> assignments;  // 0 .. k - 1
    Matrix centroids;                       // k rows
    double inertia = 0;
    int iterations = 0;  // how often the centroids were moved, in the start that counts
    bool converged = false;
};

// Values must be finite and at most 1e100 in magnitude. Throws Error invalid_parameter for such and for options that
// make no sense, also when k is more than the number of different rows; out_of_memory.
KmeansResult kmeans(const Matrix& points, const KmeansOptions& options, Task& task);

}  // namespace analytics::models
