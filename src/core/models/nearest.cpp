#include "core/models/nearest.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

// Each loop is written once and compiled twice, for processors with AVX2 and for all others.
#if defined(__x86_64__)
#define ANALYTICS_AVX2 __attribute__((target("avx2")))
#else
#define ANALYTICS_AVX2
#endif
#define ANALYTICS_INLINE inline __attribute__((always_inline))

namespace analytics::models {
namespace {

// Rounding, of the distances and of what is taken off a gap hundreds of thousands of times, stays far below this share.
constexpr double kSlack = 1e-10;

constexpr std::size_t kLanes = 8;

const bool has_avx2 = [] {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") != 0;
#else
    return false;
#endif
}();

// Four doubles: in one register with AVX2, else in two. Passed by reference, since how vectors are passed by value
// depends on the processor that the compiler has in mind; without arrays, which it would not keep in registers.
using Wide = double __attribute__((vector_size(4 * sizeof(double))));
using Narrow = double __attribute__((vector_size(2 * sizeof(double))));

struct Pair {
    Narrow low;
    Narrow high;
};

template <typename Vector>
ANALYTICS_INLINE void load(const double* from, Vector& to) {
    std::memcpy(&to, from, sizeof to);
}
template <typename Vector>
ANALYTICS_INLINE void store(const Vector& from, double* to) {
    std::memcpy(to, &from, sizeof from);
}

ANALYTICS_INLINE void spread(double value, Wide& to) { to = Wide{value, value, value, value}; }
ANALYTICS_INLINE void spread(double value, Pair& to) { to.low = to.high = Narrow{value, value}; }

ANALYTICS_INLINE void add_square_of_difference(const Wide& a, const Wide& b, Wide& sum) {
    const Wide difference = a - b;
    sum += difference * difference;
}
ANALYTICS_INLINE void add_square_of_difference(const Pair& a, const Pair& b, Pair& sum) {
    const Narrow low = a.low - b.low;
    const Narrow high = a.high - b.high;
    sum.low += low * low;
    sum.high += high * high;
}

ANALYTICS_INLINE void lower(const Wide& by, Wide& to) { to = by < to ? by : to; }
ANALYTICS_INLINE void lower(const Pair& by, Pair& to) {
    to.low = by.low < to.low ? by.low : to.low;
    to.high = by.high < to.high ? by.high : to.high;
}

ANALYTICS_INLINE void add(const Wide& what, Wide& to) { to += what; }
ANALYTICS_INLINE void add(const Pair& what, Pair& to) {
    to.low += what.low;
    to.high += what.high;
}

// One more distance: the two least so far, and whose the least is.
template <typename Vector>
struct LeastTwo {
    Vector first;
    Vector second;
    Vector place;
};
template <typename Vector>
ANALYTICS_INLINE void take(const Vector& distance, const Vector& number, Vector& first, Vector& second, Vector& place) {
    const auto nearer = distance < first;
    const Vector loser = nearer ? first : distance;
    second = loser < second ? loser : second;
    place = nearer ? number : place;
    first = nearer ? distance : first;
}
ANALYTICS_INLINE void take(const Wide& distance, const Wide& number, LeastTwo<Wide>& of) {
    take(distance, number, of.first, of.second, of.place);
}
ANALYTICS_INLINE void take(const Pair& distance, const Pair& number, LeastTwo<Pair>& of) {
    take(distance.low, number.low, of.first.low, of.second.low, of.place.low);
    take(distance.high, number.high, of.first.high, of.second.high, of.place.high);
}

// Eight rows, coordinate by coordinate.
class EightRows {
public:
    explicit EightRows(std::size_t columns) : columns_(columns), values_(columns * kLanes) {}

    // Row i is row(i); where there are fewer than eight, the first stands in for the others.
    template <typename Row>
    ANALYTICS_INLINE void set(std::size_t count, Row&& row) {
        for (std::size_t i = 0; i < kLanes; ++i) {
            const double* const from = row(i < count ? i : 0);
            for (std::size_t j = 0; j < columns_; ++j) {
                values_[j * kLanes + i] = from[j];
            }
        }
    }

    // Squared distances to a centroid: of the first four rows and of the last.
    template <typename Vector>
    ANALYTICS_INLINE void distances(const double* centroid, Vector& first, Vector& last) const {
        const double* values = values_.data();
        Vector first_sum;
        Vector last_sum;
        spread(0, first_sum);
        spread(0, last_sum);
        for (std::size_t j = 0; j < columns_; ++j, values += kLanes) {
            Vector coordinate;
            Vector first_rows;
            Vector last_rows;
            spread(centroid[j], coordinate);
            load(values, first_rows);
            load(values + kLanes / 2, last_rows);
            add_square_of_difference(first_rows, coordinate, first_sum);
            add_square_of_difference(last_rows, coordinate, last_sum);
        }
        first = first_sum;
        last = last_sum;
    }

private:
    std::size_t columns_;
    std::vector<double> values_;
};

struct Nearest {
    std::array<double, kLanes> place;
    std::array<double, kLanes> gap;
};

template <typename Vector>
ANALYTICS_INLINE void find_nearest(const EightRows& rows, const Matrix& centroids, Nearest& found) {
    LeastTwo<Vector> of_first = {};
    LeastTwo<Vector> of_last = {};
    spread(std::numeric_limits<double>::max(), of_first.first);  // and second keeps it where there is no second
    of_first.second = of_last.first = of_last.second = of_first.first;
    for (std::size_t c = 0; c < centroids.rows(); ++c) {
        Vector first;
        Vector last;
        Vector number;
        rows.distances(centroids.row(c), first, last);
        spread(static_cast<double>(c), number);
        take(first, number, of_first);
        take(last, number, of_last);
    }
    std::array<double, kLanes> least;
    std::array<double, kLanes> next;
    store(of_first.first, least.data());
    store(of_last.first, least.data() + kLanes / 2);
    store(of_first.second, next.data());
    store(of_last.second, next.data() + kLanes / 2);
    store(of_first.place, found.place.data());
    store(of_last.place, found.place.data() + kLanes / 2);
    for (std::size_t i = 0; i < kLanes; ++i) {
        const double far = std::sqrt(next[i]);
        found.gap[i] = far - std::sqrt(least[i]) - kSlack * far;
    }
}

template <typename Vector>
ANALYTICS_INLINE void assign_rows(const Matrix& points, RowRange range, const Matrix& centroids,
                                  std::int32_t* assignment, double* gap) {
    EightRows rows(points.columns());
    Nearest nearest;
    for (std::size_t i = range.first; i < range.last; i += kLanes) {
        const std::size_t count = std::min(kLanes, range.last - i);
        rows.set(count, [&](std::size_t lane) { return points.row(i + lane); });
        find_nearest<Vector>(rows, centroids, nearest);
        for (std::size_t lane = 0; lane < count; ++lane) {
            assignment[i + lane] = static_cast<std::int32_t>(nearest.place[lane]);
            gap[i + lane] = nearest.gap[lane];
        }
    }
}

template <typename Vector>
ANALYTICS_INLINE std::size_t reassign_rows(const Matrix& points, RowRange range, const Matrix& centroids,
                                           const double* drop, std::int32_t* assignment, double* gap, Moved* moved) {
    std::array<std::size_t, kChunkRows> open;  // rows that have to be looked at
    std::size_t number = 0;
    for (std::size_t i = range.first; i < range.last; ++i) {
        gap[i] -= drop[assignment[i]];
        open[number] = i;
        number += gap[i] > 0 ? 0 : 1;
    }
    EightRows rows(points.columns());
    Nearest nearest;
    std::size_t count = 0;
    for (std::size_t n = 0; n < number; n += kLanes) {
        const std::size_t lanes = std::min(kLanes, number - n);
        rows.set(lanes, [&](std::size_t lane) { return points.row(open[n + lane]); });
        find_nearest<Vector>(rows, centroids, nearest);
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            const std::size_t row = open[n + lane];
            const auto centroid = static_cast<std::int32_t>(nearest.place[lane]);
            gap[row] = nearest.gap[lane];
            moved[count] = {row, assignment[row]};
            count += centroid == assignment[row] ? 0 : 1;
            assignment[row] = centroid;
        }
    }
    return count;
}

template <typename Vector>
ANALYTICS_INLINE double add_centroid_to_rows(const Matrix& points, RowRange range, const double* centroid,
                                             double* nearest) {
    EightRows rows(points.columns());
    std::array<double, kLanes> distances;
    double sum = 0;
    for (std::size_t i = range.first; i < range.last; i += kLanes) {
        const std::size_t count = std::min(kLanes, range.last - i);
        rows.set(count, [&](std::size_t lane) { return points.row(i + lane); });
        Vector first;
        Vector last;
        rows.distances(centroid, first, last);
        store(first, distances.data());
        store(last, distances.data() + kLanes / 2);
        for (std::size_t lane = 0; lane < count; ++lane) {
            nearest[i + lane] = std::min(nearest[i + lane], distances[lane]);
            sum += nearest[i + lane];
        }
    }
    return sum;
}

template <typename Vector>
ANALYTICS_INLINE void add_rows_potentials(const Matrix& points, RowRange range, const Matrix& candidates,
                                          const double* nearest, double* potential) {
    EightRows rows(points.columns());
    std::array<double, kLanes> present{};
    std::vector<double> sums(candidates.rows() * kLanes);  // of every eighth row
    for (std::size_t i = range.first; i < range.last; i += kLanes) {
        const std::size_t count = std::min(kLanes, range.last - i);
        rows.set(count, [&](std::size_t lane) { return points.row(i + lane); });
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            present[lane] = lane < count ? nearest[i + lane] : 0;
        }
        Vector present_first;
        Vector present_last;
        load(present.data(), present_first);
        load(present.data() + kLanes / 2, present_last);
        for (std::size_t c = 0; c < candidates.rows(); ++c) {
            Vector first;
            Vector last;
            Vector sum;
            rows.distances(candidates.row(c), first, last);
            lower(present_first, first);
            lower(present_last, last);
            load(sums.data() + c * kLanes, sum);
            add(first, sum);
            store(sum, sums.data() + c * kLanes);
            load(sums.data() + c * kLanes + kLanes / 2, sum);
            add(last, sum);
            store(sum, sums.data() + c * kLanes + kLanes / 2);
        }
    }
    for (std::size_t c = 0; c < candidates.rows(); ++c) {
        potential[c] = 0;
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            potential[c] += sums[c * kLanes + lane];
        }
    }
}

ANALYTICS_AVX2 void assign_avx2(const Matrix& points, RowRange rows, const Matrix& centroids, std::int32_t* assignment,
                                double* gap) {
    assign_rows<Wide>(points, rows, centroids, assignment, gap);
}
ANALYTICS_AVX2 std::size_t reassign_avx2(const Matrix& points, RowRange rows, const Matrix& centroids,
                                         const double* drop, std::int32_t* assignment, double* gap, Moved* moved) {
    return reassign_rows<Wide>(points, rows, centroids, drop, assignment, gap, moved);
}
ANALYTICS_AVX2 double add_centroid_avx2(const Matrix& points, RowRange rows, const double* centroid, double* nearest) {
    return add_centroid_to_rows<Wide>(points, rows, centroid, nearest);
}
ANALYTICS_AVX2 void add_potentials_avx2(const Matrix& points, RowRange rows, const Matrix& candidates,
                                        const double* nearest, double* potential) {
    add_rows_potentials<Wide>(points, rows, candidates, nearest, potential);
}

}  // namespace

void assign(const Matrix& points, RowRange rows, const Matrix& centroids, std::int32_t* assignment, double* gap) {
    has_avx2 ? assign_avx2(points, rows, centroids, assignment, gap)
             : assign_rows<Pair>(points, rows, centroids, assignment, gap);
}

std::size_t reassign(const Matrix& points, RowRange rows, const Matrix& centroids, const double* drop,
                     std::int32_t* assignment, double* gap, Moved* moved) {
    return has_avx2 ? reassign_avx2(points, rows, centroids, drop, assignment, gap, moved)
                    : reassign_rows<Pair>(points, rows, centroids, drop, assignment, gap, moved);
}

double add_centroid(const Matrix& points, RowRange rows, const double* centroid, double* nearest) {
    return has_avx2 ? add_centroid_avx2(points, rows, centroid, nearest)
                    : add_centroid_to_rows<Pair>(points, rows, centroid, nearest);
}

void add_potentials(const Matrix& points, RowRange rows, const Matrix& candidates, const double* nearest,
                    double* potential) {
    has_avx2 ? add_potentials_avx2(points, rows, candidates, nearest, potential)
             : add_rows_potentials<Pair>(points, rows, candidates, nearest, potential);
}

}  // namespace analytics::models
