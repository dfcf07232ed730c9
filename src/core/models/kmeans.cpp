#include "core/models/kmeans.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "core/models/kmeans_seeding.hpp"
#include "core/models/nearest.hpp"
#include "core/models/random.hpp"
#include "core/models/thread_pool.hpp"

namespace analytics::models {
namespace {

constexpr double kLargest = 1e100;  // its square, summed over all rows, is finite

// Coordinates that are compared between two looks at whether it is to stop: some milliseconds.
constexpr std::size_t kComparedAtATime = std::size_t{1} << 23;

// Eight rows make one step (nearest.hpp).
std::size_t rows_at_a_time(std::size_t coordinates) {
    return std::clamp(kComparedAtATime / coordinates / 8 * 8, std::size_t{8}, kChunkRows);
}

// Lloyd's algorithm. Sums over the rows of each cluster are kept up to date by the rows that move. What rounding does
// to them on the way is undone before it is said to have converged: they are made afresh then.
class Lloyd {
public:
    Lloyd(const Matrix& points, std::size_t k, ThreadPool& pool, Task& task)
        : points_(points),
          k_(k),
          columns_(points.columns()),
          pool_(pool),
          task_(task),
          rows_at_a_time_(rows_at_a_time(k * columns_)),
          chunks_(chunks_of(points.rows())),
          assignment_(points.rows()),
          gap_(points.rows()),
          centroids_(k, columns_),
          sums_(k * columns_),
          counts_(k),
          drop_(k) {
        for (auto& chunk : chunks_) {
            chunk.sums.resize(k * columns_);
            chunk.counts.resize(k);
        }
    }

    static std::size_t memory(std::size_t rows, std::size_t columns, std::size_t k) {
        return rows * (sizeof(std::int32_t) + sizeof(double)) + chunks_of(rows) * k * (columns + 1) * sizeof(double);
    }

    // Room for a number of each row, between runs.
    std::vector<double>& scratch() { return gap_; }

    KmeansResult run(Matrix start, int max_iterations, const std::string& name) {
        centroids_ = std::move(start);
        each_chunk([&](Chunk& chunk, RowRange rows) {
            each_part(rows, [&](RowRange part) { assign(points_, part, centroids_, assignment_.data(), gap_.data()); });
            sum_rows(chunk, rows);
        });
        add_chunks_afresh();
        bool afresh = true;
        int iteration = 1;
        bool converged = false;
        for (;;) {
            task_.set_progress(name + ", iteration " + std::to_string(iteration));
            afresh = !fill_empty() && afresh;
            move_centroids();
            if (reassign_all() > 0) {
                afresh = false;
                if (iteration == max_iterations) {
                    break;
                }
                ++iteration;
                continue;
            }
            if (afresh) {
                converged = true;
                break;
            }
            sum_afresh();
            afresh = true;
        }
        return {assignment_, centroids_, inertia(), iteration, converged};
    }

private:
    struct Chunk {
        std::vector<double> sums;  // of rows that came, less those that went
        std::vector<std::int64_t> counts;
        std::size_t moved = 0;
        double inertia = 0;
    };

    template <typename Work>
    void each_chunk(Work&& work) {
        pool_.run(chunks_.size(), [&](std::size_t chunk) {
            task_.stop_if_cancelled();
            work(chunks_[chunk], {chunk * kChunkRows, std::min((chunk + 1) * kChunkRows, points_.rows())});
        });
    }

    // Of the rows of a chunk, with looks at whether to stop in between.
    template <typename Work>
    void each_part(RowRange rows, Work&& work) {
        for (std::size_t first = rows.first; first < rows.last; first += rows_at_a_time_) {
            task_.stop_if_cancelled();
            work(RowRange{first, std::min(first + rows_at_a_time_, rows.last)});
        }
    }

    static void clear(Chunk& chunk) {
        std::fill(chunk.sums.begin(), chunk.sums.end(), 0.0);
        std::fill(chunk.counts.begin(), chunk.counts.end(), 0);
    }

    void count_row(Chunk& chunk, std::size_t row, std::int32_t cluster, double sign) const {
        const double* const values = points_.row(row);
        double* const sums = chunk.sums.data() + static_cast<std::size_t>(cluster) * columns_;
        for (std::size_t j = 0; j < columns_; ++j) {
            sums[j] += sign * values[j];
        }
        chunk.counts[static_cast<std::size_t>(cluster)] += sign > 0 ? 1 : -1;
    }

    void add_chunk(const Chunk& chunk) {
        for (std::size_t i = 0; i < sums_.size(); ++i) {
            sums_[i] += chunk.sums[i];
        }
        for (std::size_t c = 0; c < k_; ++c) {
            counts_[c] += chunk.counts[c];
        }
    }

    void sum_rows(Chunk& chunk, RowRange rows) const {
        clear(chunk);
        for (std::size_t i = rows.first; i < rows.last; ++i) {
            count_row(chunk, i, assignment_[i], 1);
        }
    }

    void add_chunks_afresh() {
        std::fill(sums_.begin(), sums_.end(), 0.0);
        std::fill(counts_.begin(), counts_.end(), 0);
        for (const auto& chunk : chunks_) {
            add_chunk(chunk);
        }
    }

    void sum_afresh() {
        each_chunk([&](Chunk& chunk, RowRange rows) { sum_rows(chunk, rows); });
        add_chunks_afresh();
    }

    // Whether there was any.
    bool fill_empty() {
        bool any = false;
        for (std::size_t c = 0; c < k_; ++c) {
            if (counts_[c] == 0) {
                task_.stop_if_cancelled();
                take_farthest(static_cast<std::int32_t>(c));
                any = true;
            }
        }
        return any;
    }

    // Rare, and so simple. There is such a row as long as there are k different ones.
    void take_farthest(std::int32_t cluster) {
        double most = 0;
        std::size_t farthest = points_.rows();
        for (std::size_t i = 0; i < points_.rows(); ++i) {
            const auto own = static_cast<std::size_t>(assignment_[i]);
            if (counts_[own] > 1) {
                const double distance = squared_distance(points_.row(i), centroids_.row(own), columns_);
                if (distance > most) {
                    most = distance;
                    farthest = i;
                }
            }
        }
        if (farthest == points_.rows()) {
            return;
        }
        Chunk change;
        change.sums.resize(sums_.size());
        change.counts.resize(k_);
        count_row(change, farthest, assignment_[farthest], -1);
        count_row(change, farthest, cluster, 1);
        add_chunk(change);
        assignment_[farthest] = cluster;
        gap_[farthest] = 0;
    }

    // To the means. How far they went tells how much nearer another centroid may have come to a row: as far as the
    // row's own and the one that went farthest of the others.
    void move_centroids() {
        std::vector<double> shift(k_);
        for (std::size_t c = 0; c < k_; ++c) {
            if (counts_[c] == 0) {
                continue;
            }
            double sum = 0;
            for (std::size_t j = 0; j < columns_; ++j) {
                const double mean = sums_[c * columns_ + j] / static_cast<double>(counts_[c]);
                const double difference = mean - centroids_.at(c, j);
                sum += difference * difference;
                centroids_.at(c, j) = mean;
            }
            shift[c] = std::sqrt(sum) * (1 + 1e-12);  // rounding
        }
        const auto farthest = static_cast<std::size_t>(std::max_element(shift.begin(), shift.end()) - shift.begin());
        double second = 0;
        for (std::size_t c = 0; c < k_; ++c) {
            second = c == farthest ? second : std::max(second, shift[c]);
        }
        for (std::size_t c = 0; c < k_; ++c) {
            drop_[c] = shift[c] + (c == farthest ? second : shift[farthest]);
        }
    }

    std::size_t reassign_all() {
        each_chunk([&](Chunk& chunk, RowRange rows) {
            std::array<Moved, kChunkRows> moved;
            chunk.moved = 0;
            each_part(rows, [&](RowRange part) {
                chunk.moved += reassign(points_, part, centroids_, drop_.data(), assignment_.data(), gap_.data(),
                                        moved.data() + chunk.moved);
            });
            if (chunk.moved == 0) {
                return;
            }
            clear(chunk);
            for (std::size_t i = 0; i < chunk.moved; ++i) {
                count_row(chunk, moved[i].row, moved[i].from, -1);
                count_row(chunk, moved[i].row, assignment_[moved[i].row], 1);
            }
        });
        std::size_t moved = 0;
        for (const auto& chunk : chunks_) {
            if (chunk.moved > 0) {
                moved += chunk.moved;
                add_chunk(chunk);
            }
        }
        return moved;
    }

    double inertia() {
        each_chunk([&](Chunk& chunk, RowRange rows) {
            chunk.inertia = 0;
            for (std::size_t i = rows.first; i < rows.last; ++i) {
                chunk.inertia += squared_distance(points_.row(i),
                                                  centroids_.row(static_cast<std::size_t>(assignment_[i])), columns_);
            }
        });
        return std::accumulate(chunks_.begin(), chunks_.end(), 0.0,
                               [](double sum, const Chunk& chunk) { return sum + chunk.inertia; });
    }

    const Matrix& points_;
    std::size_t k_;
    std::size_t columns_;
    ThreadPool& pool_;
    Task& task_;
    std::size_t rows_at_a_time_;
    std::vector<Chunk> chunks_;
    std::vector<std::int32_t> assignment_;
    std::vector<double> gap_;  // of each row: its second nearest centroid is at least so much further than its nearest
    Matrix centroids_;
    std::vector<double> sums_;  // k x columns
    std::vector<std::int64_t> counts_;
    std::vector<double> drop_;
};

void number_by_centroids(KmeansResult& result) {
    const Matrix before = result.centroids;
    const std::size_t columns = before.columns();
    std::vector<std::size_t> order(before.rows());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return std::lexicographical_compare(before.row(a), before.row(a) + columns, before.row(b),
                                            before.row(b) + columns);
    });
    std::vector<std::int32_t> number(order.size());
    for (std::size_t c = 0; c < order.size(); ++c) {
        number[order[c]] = static_cast<std::int32_t>(c);
        std::copy_n(before.row(order[c]), columns, result.centroids.row(c));
    }
    for (auto& assignment : result.assignments) {
        assignment = number[static_cast<std::size_t>(assignment)];
    }
}

void check_points(const Matrix& points, const Task& task) {
    if (points.rows() == 0 || points.columns() == 0) {
        throw Error(Code::invalid_parameter, "there are no points").hint("Pass one row of coordinates for each point.");
    }
    for (std::size_t i = 0; i < points.rows(); ++i) {
        task.stop_if_cancelled();
        for (std::size_t j = 0; j < points.columns(); ++j) {
            if (!(std::abs(points.at(i, j)) <= kLargest)) {
                throw Error(Code::invalid_parameter, "a coordinate is not finite, or beyond 1e100")
                    .detail("It is coordinate " + std::to_string(j + 1) + " of point " + std::to_string(i + 1) + ".")
                    .hint("Leave such points out.");
            }
        }
    }
}

void check_range(const char* name, int value, int least, int most) {
    if (value < least || value > most) {
        throw Error(Code::invalid_parameter, std::string(name) + " is out of range")
            .detail("It is " + std::to_string(value) + ".")
            .hint("It may be from " + std::to_string(least) + " to " + std::to_string(most) + ".");
    }
}

void check_options(const KmeansOptions& options) {
    check_range("k", options.k, 1, 10000);
    check_range("restarts", options.restarts, 1, 1000);
    check_range("max_iterations", options.max_iterations, 1, 100000);
}

[[noreturn]] void fail_too_few(std::size_t distinct, int k) {
    throw Error(Code::invalid_parameter, "there are fewer different points than clusters")
        .detail("There are " + std::to_string(distinct) + ", and k is " + std::to_string(k) + ".")
        .hint("Lower k.");
}

}  // namespace

KmeansResult kmeans(const Matrix& points, const KmeansOptions& options, Task& task) {
    check_options(options);
    check_points(points, task);
    const auto k = static_cast<std::size_t>(options.k);
    if (points.rows() < k) {
        fail_too_few(points.rows(), options.k);
    }
    task.require_memory(points.rows() * points.columns() * sizeof(double) +
                        Lloyd::memory(points.rows(), points.columns(), k));
    ThreadPool pool(std::min(task.threads(), static_cast<int>(std::min<std::size_t>(chunks_of(points.rows()), 64))));
    Lloyd lloyd(points, k, pool, task);
    const std::string name = "k-means, k = " + std::to_string(k);
    KmeansResult best;
    if (options.start.rows() != 0) {
        best = lloyd.run(options.start, options.max_iterations, name);
    } else {
        for (int restart = 0; restart < options.restarts; ++restart) {
            const std::string here =
                name + ", restart " + std::to_string(restart + 1) + " of " + std::to_string(options.restarts);
            task.set_progress(here);
            Random random(options.seed, static_cast<std::uint32_t>(restart));
            Matrix start = seed_centroids(points, k, random, pool, task, lloyd.scratch());
            if (start.rows() < k) {
                fail_too_few(start.rows(), options.k);
            }
            auto result = lloyd.run(std::move(start), options.max_iterations, here);
            if (restart == 0 || result.inertia < best.inertia) {
                best = std::move(result);
            }
        }
    }
    number_by_centroids(best);
    return best;
}

}  // namespace analytics::models
