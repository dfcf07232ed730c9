// The best maximum from several starts: those given, and as many drawn around them, until two agree.
#pragma once

#include "core/models/newton.hpp"
#include "core/models/task.hpp"

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace analytics::models {

// Starts lead, as a rule, to the same maximum: when a second one has come to where the best is, no more are tried.
// Where they do not, the largest counts.
template <std::size_t N, typename Likelihood>
Maximum<N> best_maximum(Likelihood&& likelihood, std::vector<Vector<N>> starts, const Vector<N>& lower,
                        const Vector<N>& upper, double scale, std::uint64_t seed, const char* name, Task& task,
                        int& iterations) {
    std::mt19937_64 random(seed);
    for (std::size_t i = 0, given = starts.size(); i < given; ++i) {
        auto drawn = starts[i];
        for (auto& parameter :
             drawn) {  // up to ten times as large or small; the standard's distributions differ by library
            parameter *= std::pow(10.0, static_cast<double>(random() >> 11) / 0x1p52 - 1.0);
        }
        starts.push_back(drawn);
    }
    Maximum<N> best;
    bool found = false;
    for (std::size_t i = 0; i < starts.size(); ++i) {
        task.set_progress(std::string(name) + ", start " + std::to_string(i + 1) + " of " +
                          std::to_string(starts.size()));
        auto maximum = maximise<N>(likelihood, starts[i], lower, upper, scale);
        iterations += maximum.iterations;
        const double same = 1e-9 * (std::abs(maximum.jet.value) + scale);
        if (found && best.converged && maximum.converged && std::abs(maximum.jet.value - best.jet.value) <= same) {
            return maximum.jet.value > best.jet.value ? maximum : best;
        }
        if (!found || std::make_pair(maximum.converged, maximum.jet.value) >
                          std::make_pair(best.converged, best.jet.value + 1e-9 * std::abs(best.jet.value))) {
            best = maximum;
            found = true;
        }
    }
    return best;
}

}  // namespace analytics::models
