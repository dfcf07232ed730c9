#include "core/models/silhouette.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/models/nearest.hpp"
#include "core/models/thread_pool.hpp"

namespace analytics::models {
namespace {

constexpr std::size_t kRowsAtATime = 64;

double silhouette(const Matrix& rows, const std::vector<std::int32_t>& assignments,
                  const std::vector<std::int64_t>& sizes, std::size_t row) {
    std::vector<double> sums(sizes.size());
    for (std::size_t i = 0; i < rows.rows(); ++i) {
        sums[static_cast<std::size_t>(assignments[i])] +=
            std::sqrt(squared_distance(rows.row(row), rows.row(i), rows.columns()));
    }
    const auto own = static_cast<std::size_t>(assignments[row]);
    if (sizes[own] == 1) {
        return 0;
    }
    const double within = sums[own] / static_cast<double>(sizes[own] - 1);
    double between = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < sizes.size(); ++c) {
        if (c != own && sizes[c] > 0) {
            between = std::min(between, sums[c] / static_cast<double>(sizes[c]));
        }
    }
    const double larger = std::max(within, between);
    return larger > 0 ? (between - within) / larger : 0;
}

}  // namespace

double mean_silhouette(const Matrix& rows, const std::vector<std::int32_t>& assignments, int k, const Task& task) {
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(k));
    for (const auto assignment : assignments) {
        ++sizes[static_cast<std::size_t>(assignment)];
    }
    if (std::count_if(sizes.begin(), sizes.end(), [](auto size) { return size > 0; }) < 2) {
        return 0;
    }
    std::vector<double> of_row(rows.rows());
    ThreadPool pool(task.threads());
    pool.run((rows.rows() + kRowsAtATime - 1) / kRowsAtATime, [&](std::size_t part) {
        const std::size_t last = std::min((part + 1) * kRowsAtATime, rows.rows());
        for (std::size_t i = part * kRowsAtATime; i < last; ++i) {
            task.stop_if_cancelled();
            of_row[i] = silhouette(rows, assignments, sizes, i);
        }
    });
    double sum = 0;
    for (const double each : of_row) {
        sum += each;
    }
    return sum / static_cast<double>(rows.rows());
}

}  // namespace analytics::models
