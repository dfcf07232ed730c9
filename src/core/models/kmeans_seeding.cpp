#include "core/models/kmeans_seeding.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/models/nearest.hpp"

namespace analytics::models {
namespace {

constexpr std::size_t kMostTrials = 8;

class Seeding {
public:
    Seeding(const Matrix& points, Random& random, ThreadPool& pool, const Task& task, std::vector<double>& distances)
        : points_(points),
          random_(random),
          pool_(pool),
          task_(task),
          distances_(distances),
          chunk_sums_(chunks_of(points.rows())),
          chunk_potentials_(chunk_sums_.size()) {
        std::fill(distances_.begin(), distances_.end(), std::numeric_limits<double>::infinity());
    }

    Matrix run(std::size_t k) {
        std::vector<std::size_t> chosen = {random_.below(points_.rows())};
        add(chosen[0]);
        const auto trials = std::min(kMostTrials, 2 + static_cast<std::size_t>(std::log(static_cast<double>(k))));
        while (chosen.size() < k && total_ > 0) {
            chosen.push_back(best_of(trials));
            add(chosen.back());
        }
        return rows_of(chosen);
    }

private:
    Matrix rows_of(const std::vector<std::size_t>& rows) const {
        Matrix result(rows.size(), points_.columns());
        for (std::size_t i = 0; i < rows.size(); ++i) {
            std::copy_n(points_.row(rows[i]), points_.columns(), result.row(i));
        }
        return result;
    }

    template <typename Work>
    void each_chunk(Work&& work) {
        pool_.run(chunk_sums_.size(), [&](std::size_t chunk) {
            task_.stop_if_cancelled();
            work(chunk, RowRange{chunk * kChunkRows, std::min((chunk + 1) * kChunkRows, points_.rows())});
        });
    }

    // Takes a row as the next centroid.
    void add(std::size_t row) {
        each_chunk([&](std::size_t chunk, RowRange rows) {
            chunk_sums_[chunk] = add_centroid(points_, rows, points_.row(row), distances_.data());
        });
        total_ = std::accumulate(chunk_sums_.begin(), chunk_sums_.end(), 0.0);
    }

    // A row drawn with a probability proportional to its distance, never one at distance 0.
    std::size_t draw() {
        double rest = random_.uniform() * total_;
        std::size_t chunk = 0;
        std::size_t last_with_any = 0;
        for (; chunk < chunk_sums_.size(); ++chunk) {
            if (chunk_sums_[chunk] > 0) {
                last_with_any = chunk;
                if (rest < chunk_sums_[chunk]) {
                    break;
                }
                rest -= chunk_sums_[chunk];
            }
        }
        chunk = std::min(chunk, last_with_any);  // rounding may lead beyond the last
        std::size_t drawn = 0;
        const std::size_t last = std::min((chunk + 1) * kChunkRows, points_.rows());
        for (std::size_t i = chunk * kChunkRows; i < last; ++i) {
            if (distances_[i] > 0) {
                drawn = i;
                if (rest < distances_[i]) {
                    break;
                }
                rest -= distances_[i];
            }
        }
        return drawn;
    }

    std::size_t best_of(std::size_t trials) {
        std::vector<std::size_t> rows(trials);
        for (auto& row : rows) {
            row = draw();
        }
        const Matrix candidates = rows_of(rows);
        each_chunk([&](std::size_t chunk, RowRange range) {
            add_potentials(points_, range, candidates, distances_.data(), chunk_potentials_[chunk].data());
        });
        std::array<double, kMostTrials> potentials{};
        for (const auto& part : chunk_potentials_) {
            for (std::size_t lane = 0; lane < trials; ++lane) {
                potentials[lane] += part[lane];
            }
        }
        const auto best =
            std::min_element(potentials.begin(), potentials.begin() + static_cast<std::ptrdiff_t>(trials));
        return rows[static_cast<std::size_t>(best - potentials.begin())];
    }

    const Matrix& points_;
    Random& random_;
    ThreadPool& pool_;
    const Task& task_;
    std::vector<double>& distances_;
    std::vector<double> chunk_sums_;
    std::vector<std::array<double, kMostTrials>> chunk_potentials_;
    double total_ = 0;
};

}  // namespace

Matrix seed_centroids(const Matrix& points, std::size_t k, Random& random, ThreadPool& pool, const Task& task,
                      std::vector<double>& distances) {
    return Seeding(points, random, pool, task, distances).run(k);
}

}  // namespace analytics::models
