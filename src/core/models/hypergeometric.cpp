#include "core/models/hypergeometric.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace analytics::models {
namespace {

constexpr std::size_t kSeries = 16;
constexpr double kNegligible = 1e-18;

// What Stirling's formula lacks: log n! - log(sqrt(2 pi n) (n / e)^n), n >= 1. A series where n is large; below it from
// the next larger one, error(n) - error(n + 1) = (n + 1/2) log(1 + 1/n) - 1.
double stirling_error(double n) {
    const auto series = [](double m) {
        const double x = 1 / (m * m);
        return (1.0 / 12 - x * (1.0 / 360 - x * (1.0 / 1260 - x * (1.0 / 1680 - x / 1188)))) / m;
    };
    static const std::array<double, kSeries> small = [&] {
        std::array<double, kSeries> errors{};
        double error = series(kSeries);
        for (std::size_t i = kSeries - 1; i > 0; --i) {
            const auto m = static_cast<double>(i);
            error += (m + 0.5) * std::log1p(1 / m) - 1;
            errors[i] = error;
        }
        return errors;
    }();
    return n < kSeries ? small[static_cast<std::size_t>(n)] : series(n);
}

// x log(x / m) + m - x, x and m > 0, which cancels where they are near: with v = (x - m) / (x + m),
// log(x / m) = 2 (v + v^3/3 + v^5/5 + ...).
double deviance(double x, double m) {
    if (std::abs(x - m) >= 0.1 * (x + m)) {
        return x * std::log(x / m) + m - x;
    }
    const double v = (x - m) / (x + m);
    double power = 2 * x * v;
    double sum = v * (x - m);
    for (int j = 3;; j += 2) {
        power *= v * v;
        const double next = sum + power / j;
        if (next == sum) {
            return sum;
        }
        sum = next;
    }
}

// log of P(X = x), X ~ binomial(n, m / n); q = 1 - m / n. C. Loader, "Fast and accurate computation of binomial
// probabilities", 2000: no logarithms of factorials, which would leave nothing of their small difference.
double log_binomial(double x, double n, double p, double q) {
    if (x == 0) {
        return n == 0 ? 0 : p < 0.1 ? n * std::log1p(-p) : n * std::log(q);
    }
    if (x == n) {
        return q < 0.1 ? n * std::log1p(-q) : n * std::log(p);
    }
    return stirling_error(n) - stirling_error(x) - stirling_error(n - x) - deviance(x, n * p) - deviance(n - x, n * q) -
           0.5 * std::log(2 * std::numbers::pi * x * ((n - x) / n));
}

}  // namespace

double fisher_p_value(std::uint32_t all, std::uint32_t first, std::uint32_t second, std::uint32_t both) {
    const double n = all;
    const double a = first;
    const double b = second;
    const double least = std::max(0.0, a + b - n);
    const double most = std::min(a, b);
    if (both <= least) {
        return 1;
    }
    if (both > most) {
        return 0;
    }
    // Three binomials with any one probability give the hypergeometric's; with this one all are near their middles.
    const auto log_probability = [&](double x) {
        const double p = a / n;
        const double q = (n - a) / n;
        return log_binomial(x, b, p, q) + log_binomial(a - x, n - b, p, q) - log_binomial(a, n, p, q);
    };
    // The side of the mean that falls from here on: its terms from the largest, each from the one before it.
    double term = 1;
    double sum = 1;
    if (both > a * (b / n)) {
        for (double x = both; x < most && term > kNegligible * sum; ++x) {
            term *= (a - x) / (x + 1) * ((b - x) / (n - a - b + x + 1));
            sum += term;
        }
        return std::min(1.0, std::exp(log_probability(both) + std::log(sum)));
    }
    const double below = both - 1.0;
    for (double x = below; x > least && term > kNegligible * sum; --x) {
        term *= x / (a - x + 1) * ((n - a - b + x) / (b - x + 1));
        sum += term;
    }
    return std::max(0.0, 1 - std::exp(log_probability(below) + std::log(sum)));
}

}  // namespace analytics::models
