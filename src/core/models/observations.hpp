// Equal observations counted once, and a likelihood summed over them by several threads.
#pragma once

#include "core/models/newton.hpp"
#include "core/models/task.hpp"
#include "core/models/thread_pool.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace analytics::models {

template <std::size_t M>
struct Counted {
    std::array<double, M> of;
    double count;
};

template <std::size_t M>
std::vector<Counted<M>> gather(std::vector<std::array<double, M>> all, const Task& task) {
    // (a sort of millions takes longer than a cancel may; what it leaves half sorted goes with the exception)
    unsigned compared = 0;
    std::sort(all.begin(), all.end(), [&](const auto& one, const auto& other) {
        if (++compared % 65536 == 0) {
            task.stop_if_cancelled();
        }
        return one < other;
    });
    std::vector<Counted<M>> result;
    for (const auto& of : all) {
        if (!result.empty() && result.back().of == of) {
            result.back().count += 1;
        } else {
            result.push_back({of, 1});
        }
    }
    return result;
}

// Where in sorted observations each frequency, their first number, begins: what depends on it alone is computed once.
class ByFrequency {
public:
    template <std::size_t M>
    explicit ByFrequency(const std::vector<Counted<M>>& observations) {
        for (std::size_t i = 0; i < observations.size(); ++i) {
            if (i == 0 || observations[i].of[0] != observations[i - 1].of[0]) {
                begins_.push_back({observations[i].of[0], i});
            }
        }
    }

    template <typename Make>
    auto each(const Task& task, Make&& make) const {
        std::vector<decltype(make(0.0))> result(begins_.size());
        for (std::size_t i = 0; i < begins_.size(); ++i) {
            if (i % 4096 == 0) {
                task.stop_if_cancelled();
            }
            result[i] = make(begins_[i].frequency);
        }
        return result;
    }

    // The place in each()'s result of an observation.
    std::size_t at(std::size_t observation) const {
        const auto after = std::upper_bound(begins_.begin(), begins_.end(), observation,
                                            [](std::size_t place, const Begin& begin) { return place < begin.first; });
        return static_cast<std::size_t>(after - begins_.begin()) - 1;
    }
    // The same of an observation after one whose place is known.
    std::size_t next(std::size_t place, std::size_t observation) const {
        return place + 1 < begins_.size() && begins_[place + 1].first <= observation ? place + 1 : place;
    }

private:
    struct Begin {
        double frequency;
        std::size_t first;
    };
    std::vector<Begin> begins_;
};

// Sums in parts whose size depends on the data alone: the same to the last bit with any number of threads.
template <std::size_t N>
class SumOfParts {
public:
    SumOfParts(std::size_t size, Task& task)
        : size_(size),
          task_(task),
          parts_((size + kPart - 1) / kPart),
          pool_(parts_.size() < 4 ? 1 : std::min(task.threads(), static_cast<int>(parts_.size()))) {}

    // add(first, last, sum) adds the observations first .. last - 1.
    template <typename Add>
    Jet<N> add(Add&& add) {
        pool_.run(parts_.size(), [&](std::size_t part) {
            task_.stop_if_cancelled();
            Jet<N> sum;
            add(part * kPart, std::min(size_, (part + 1) * kPart), sum);
            parts_[part] = sum;
        });
        Jet<N> total;
        for (const auto& part : parts_) {
            total.add(part);
        }
        return total;
    }

private:
    static constexpr std::size_t kPart = 4096;

    std::size_t size_;
    Task& task_;
    std::vector<Jet<N>> parts_;
    ThreadPool pool_;
};

}  // namespace analytics::models
