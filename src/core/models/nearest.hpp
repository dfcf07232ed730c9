// Squared Euclidean distances from rows to a few centroids, for eight rows at a time.
//
// A distance is the sum of (x_j - c_j)^2 in the order of j, on every processor: wider registers hold more rows, not
// more coordinates of one, and nothing is fused. So the results are the same, bit by bit, wherever they are computed.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>

#include "core/models/matrix.hpp"

namespace analytics::models {

// Rows that one thread works through at a time; no call below takes more. Sums are made within them and then over them,
// so that they do not depend on the number of threads.
inline constexpr std::size_t kChunkRows = 4096;

inline std::size_t chunks_of(std::size_t rows) { return (rows + kChunkRows - 1) / kChunkRows; }

struct RowRange {
    std::size_t first;
    std::size_t last;  // beyond the last

    std::size_t size() const { return last - first; }
};

// Of each row of the range: the nearest centroid, of equally near ones the first; and the gap, how much further away
// the second nearest is, less what rounding may have added to that. assignment and gap have places for all rows of
// points.
void assign(const Matrix& points, RowRange rows, const Matrix& centroids, std::int32_t* assignment, double* gap);

struct Moved {
    std::size_t row;
    std::int32_t from;
};

// The same after the centroids have moved. A row's gap is lowered by drop[assignment]; only where nothing is left of
// it, its nearest centroid is looked for. Rows whose centroid is another one now are written to `moved` (with places
// for all of the range), with what they were assigned to before. Returns how many.
std::size_t reassign(const Matrix& points, RowRange rows, const Matrix& centroids, const double* drop,
                     std::int32_t* assignment, double* gap, Moved* moved);

// Lowers nearest, the squared distances to the centroids there are, to the distances to one more. Returns their sum.
double add_centroid(const Matrix& points, RowRange rows, const double* centroid, double* nearest);

// What that sum would be with each of the candidates, into potential.
void add_potentials(const Matrix& points, RowRange rows, const Matrix& candidates, const double* nearest,
                    double* potential);

// Squared distance of two rows.
inline double squared_distance(const double* a, const double* b, std::size_t columns) {
    double sum = 0;
    for (std::size_t j = 0; j < columns; ++j) {
        const double difference = a[j] - b[j];
        sum += difference * difference;
    }
    return sum;
}

}  // namespace analytics::models
