// The maximum of a likelihood of a few positive parameters, between bounds, by Newton's method on their logarithms.
//
// The step solves (-H + damping) s = g on the parameters that are free to move (Levenberg); what would leave the bounds
// stops there. A step counts only if the likelihood grows, so that it never runs away, and near the maximum the damping
// fades and a few steps are enough. A likelihood of four parameters whose second derivatives are known is worth no
// general optimiser: the standard errors need the Hessian anyway.
#pragma once

#include "core/no_postgres.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>

namespace analytics::models {

template <std::size_t N>
using Vector = std::array<double, N>;
template <std::size_t N>
using Matrix = std::array<Vector<N>, N>;

// A function's value and derivatives at a point.
template <std::size_t N>
struct Jet {
    double value = 0;
    Vector<N> gradient{};
    Matrix<N> hessian{};

    void add(const Jet& other, double times = 1) {
        value += times * other.value;
        for (std::size_t i = 0; i < N; ++i) {
            gradient[i] += times * other.gradient[i];
            for (std::size_t j = 0; j < N; ++j) {
                hessian[i][j] += times * other.hessian[i][j];
            }
        }
    }
};

template <std::size_t N>
struct Maximum {
    Vector<N> at{};
    Jet<N> jet;  // there, in the parameters themselves
    std::array<bool, N> at_bound{};
    bool converged = false;
    int iterations = 0;
};

// Of a symmetric matrix restricted to `used`; rows and columns left out are 0. nullopt: it is not positive definite.
template <std::size_t N>
std::optional<Matrix<N>> inverse(const Matrix<N>& matrix, const std::array<bool, N>& used) {
    Matrix<N> root{};  // lower Cholesky factor
    for (std::size_t i = 0; i < N; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
            double sum = used[i] && used[j] ? matrix[i][j] : (i == j ? 1.0 : 0.0);
            for (std::size_t k = 0; k < j; ++k) {
                sum -= root[i][k] * root[j][k];
            }
            if (i != j) {
                root[i][j] = sum / root[j][j];
            } else if (sum > 1e-14 * std::abs(used[i] ? matrix[i][i] : 1.0) && std::isfinite(sum)) {
                root[i][i] = std::sqrt(sum);
            } else {
                return std::nullopt;
            }
        }
    }
    Matrix<N> result{};
    for (std::size_t column = 0; column < N; ++column) {
        if (!used[column]) {
            continue;
        }
        Vector<N> x{};
        for (std::size_t i = 0; i < N; ++i) {
            double sum = i == column ? 1.0 : 0.0;
            for (std::size_t k = 0; k < i; ++k) {
                sum -= root[i][k] * x[k];
            }
            x[i] = sum / root[i][i];
        }
        for (std::size_t i = N; i-- > 0;) {
            double sum = x[i];
            for (std::size_t k = i + 1; k < N; ++k) {
                sum -= root[k][i] * x[k];
            }
            x[i] = sum / root[i][i];
        }
        for (std::size_t i = 0; i < N; ++i) {
            result[i][column] = used[i] ? x[i] : 0.0;
        }
    }
    return result;
}

// function(point) gives a Jet<N>; scale: what counts as one unit of likelihood, as a rule the number of observations.
template <std::size_t N, typename Function>
Maximum<N> maximise(Function&& function, const Vector<N>& start, const Vector<N>& lower, const Vector<N>& upper,
                    double scale, int max_iterations = 200) {
    constexpr double kTolerance = 1e-9;
    Maximum<N> best;
    for (std::size_t i = 0; i < N; ++i) {
        best.at[i] = std::clamp(start[i], lower[i], upper[i]);
    }
    best.jet = function(best.at);
    double damping = 1e-3;
    for (best.iterations = 1; best.iterations <= max_iterations; ++best.iterations) {
        // derivatives by the logarithms: d/dlog p = p d/dp
        const auto& jet = best.jet;
        Vector<N> gradient;
        Matrix<N> curvature;  // -H
        std::array<bool, N> free{};
        double slope = 0;
        for (std::size_t i = 0; i < N; ++i) {
            gradient[i] = best.at[i] * jet.gradient[i];
            best.at_bound[i] =
                (best.at[i] <= lower[i] && gradient[i] <= 0) || (best.at[i] >= upper[i] && gradient[i] >= 0);
            free[i] = !best.at_bound[i];
            if (free[i]) {
                slope = std::max(slope, std::abs(gradient[i]));
            }
            for (std::size_t j = 0; j < N; ++j) {
                curvature[i][j] = -best.at[i] * best.at[j] * jet.hessian[i][j] - (i == j ? gradient[i] : 0.0);
            }
        }
        if (slope <= kTolerance * scale) {
            best.converged = true;
            return best;
        }
        bool moved = false;
        while (!moved && damping < 1e12) {
            auto damped = curvature;
            for (std::size_t i = 0; i < N; ++i) {
                damped[i][i] += damping * (std::abs(curvature[i][i]) + 1e-6 * scale);
            }
            const auto solved = inverse(damped, free);
            if (!solved) {
                damping = std::max(damping * 8, 1e-6);
                continue;
            }
            Vector<N> next = best.at;
            double longest = 0;
            for (std::size_t i = 0; i < N; ++i) {
                double step = 0;
                for (std::size_t j = 0; j < N; ++j) {
                    step += (*solved)[i][j] * (free[j] ? gradient[j] : 0.0);
                }
                step = std::clamp(step, -3.0, 3.0);
                next[i] = std::clamp(best.at[i] * std::exp(free[i] ? step : 0.0), lower[i], upper[i]);
                longest = std::max(longest, std::abs(next[i] - best.at[i]) / best.at[i]);
            }
            auto there = function(next);
            // what rounding leaves of a sum of this size
            const double noise = 1e-14 * (std::abs(best.jet.value) + scale);
            if (std::isfinite(there.value) && there.value > best.jet.value - noise) {
                const bool still = longest < 1e-12 || (there.value <= best.jet.value && longest < 1e-6);
                best.at = next;
                best.jet = there;
                damping = std::max(damping / 10, 1e-15);
                moved = true;
                if (still) {
                    best.converged = true;
                    return best;
                }
            } else {
                damping = std::max(damping * 8, 1e-6);
            }
        }
        if (!moved) {
            return best;
        }
    }
    best.iterations = max_iterations;
    return best;
}

// Standard errors of the parameters that are not at a bound, from the observed information; 0 where there is none.
template <std::size_t N>
Vector<N> standard_errors(const Maximum<N>& maximum) {
    std::array<bool, N> free{};
    Matrix<N> information;
    for (std::size_t i = 0; i < N; ++i) {
        free[i] = !maximum.at_bound[i];
        for (std::size_t j = 0; j < N; ++j) {
            // in units of the parameters, so that their sizes do not matter
            information[i][j] = -maximum.jet.hessian[i][j] * maximum.at[i] * maximum.at[j];
        }
    }
    Vector<N> errors{};
    if (const auto covariance = inverse(information, free)) {
        for (std::size_t i = 0; i < N; ++i) {
            errors[i] = std::sqrt(std::max((*covariance)[i][i], 0.0)) * maximum.at[i];
        }
    }
    return errors;
}

}  // namespace analytics::models
