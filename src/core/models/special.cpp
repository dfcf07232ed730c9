#include "core/models/special.hpp"

#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <boost/math/special_functions/trigamma.hpp>

#include <algorithm>
#include <cmath>

namespace analytics::models {
namespace {

// Whatever happens is a number: nothing raises, and nothing goes through errno or long double.
using Policy =
    boost::math::policies::policy<boost::math::policies::domain_error<boost::math::policies::ignore_error>,
                                  boost::math::policies::pole_error<boost::math::policies::ignore_error>,
                                  boost::math::policies::overflow_error<boost::math::policies::ignore_error>,
                                  boost::math::policies::evaluation_error<boost::math::policies::ignore_error>,
                                  boost::math::policies::promote_double<false>>;

constexpr int kSum = 64;  // up to so many terms a sum is as fast as the functions

// More occasions than this are not counted one by one.
constexpr double kMany = 1 << 15;

// log Gamma(z + n) - log Gamma(z) by Stirling's series, for z >= 1000: two logarithms of gammas would leave nothing.
double log_rising_far(double z, double n) {
    const auto rest = [](double y) { return (1 - 1 / (30 * y * y)) / (12 * y); };
    return (z + n - 0.5) * std::log1p(n / z) + n * std::log(z) - n + rest(z + n) - rest(z);
}

// log of m_j = Gamma(b + j) / Gamma(b) Gamma(a + b) / Gamma(a + b + j), j >= 1000
double log_mean_power(double a, double b, double j) { return log_rising(b, a) - log_rising_far(b + j, a); }

// The same sum the other way round, sum over j of m_j P(N > j): the first terms one by one, the rest, whose terms
// change slowly, as an integral over log j. (Euler-Maclaurin from the middle between two terms: the error is of the
// order of the first term's second difference, 1 / kMany^2 of the whole.)
double many_purchases(double k, double u, double a, double b) {
    const double z = u / (1 + u);
    const double rest = 1 / (1 + u);  // 1 - z
    const auto more_than = [&](double j) {
        return z <= 0.5 ? boost::math::ibeta(j + 1, k, z, Policy()) : boost::math::ibetac(k, j + 1, rest, Policy());
    };
    constexpr int kFirst = 1024;
    double sum = 0;
    double m = 1;
    for (int j = 0; j < kFirst; ++j) {
        sum += m * more_than(j);
        m *= (b + j) / (a + b + j);
    }
    const double mean = k * u;
    const double deviation = std::sqrt(k * u * (1 + u));
    // beyond, P(N > j) is below 1e-18: a gamma's tail, k or more, falls by e for each 1 + u occasions
    const double end = mean + 12 * deviation + 60 * (1 + u);
    constexpr int kPanels = 48;
    const double from = std::log(kFirst - 0.5);
    const double width = (std::log(end) - from) / kPanels;
    for (int panel = 0; panel < kPanels && width > 0; ++panel) {
        sum += boost::math::quadrature::gauss<double, 20>::integrate(
            [&](double log_j) {
                const double j = std::exp(log_j);
                return j * std::exp(log_mean_power(a, b, j)) * more_than(j);
            },
            from + panel * width, from + (panel + 1) * width);
    }
    return sum;
}

}  // namespace

double log_gamma(double z) { return boost::math::lgamma(z, Policy()); }
double digamma(double z) { return boost::math::digamma(z, Policy()); }
double trigamma(double z) { return boost::math::trigamma(z, Policy()); }

double log_rising(double z, double n) {
    if (n > kSum || n != std::floor(n)) {
        return z >= 1e3 ? log_rising_far(z, n) : log_gamma(z + n) - log_gamma(z);
    }
    double sum = 0;
    double product = 1;
    for (int i = 0; i < static_cast<int>(n); ++i) {
        product *= z + i;
        if (product > 1e200 || product < 1e-200) {
            sum += std::log(product);
            product = 1;
        }
    }
    return sum + std::log(product);
}

double digamma_rise(double z, double n) {
    if (n > kSum || n != std::floor(n)) {
        return digamma(z + n) - digamma(z);
    }
    double sum = 0;
    for (int i = 0; i < static_cast<int>(n); ++i) {
        sum += 1 / (z + i);
    }
    return sum;
}

double trigamma_rise(double z, double n) {
    if (n > kSum || n != std::floor(n)) {
        return trigamma(z + n) - trigamma(z);
    }
    double sum = 0;
    for (int i = 0; i < static_cast<int>(n); ++i) {
        sum -= 1 / ((z + i) * (z + i));
    }
    return sum;
}

double purchases_until_stop(double k, double u, double a, double b) {
    if (u <= 0) {
        return 0;
    }
    const double mean = k * u;
    const double deviation = std::sqrt(k * u * (1 + u));
    if (mean + 12 * deviation > kMany) {
        return many_purchases(k, u, a, b);
    }
    const double z = u / (1 + u);
    // P(N <= mean - 12 deviations) <= e^-72, since N is a sum of independent jumps upwards: those terms are left out
    const double first = std::max(0.0, std::floor(mean - 12 * deviation));
    double used = 0;  // m_0 + ... + m_(n-1)
    double m = 1;
    for (int j = 0; j < static_cast<int>(first); ++j) {
        used += m;
        m *= (b + j) / (a + b + j);
    }
    double n = first;
    double weight = std::exp((n > 0 ? log_rising(k, n) - log_gamma(n + 1) : 0.0) + n * std::log(z) - k * std::log1p(u));
    double sum = 0;
    for (;;) {
        const double term = weight * used;
        sum += term;
        // from here on a term is at most `ratio` of the one before it, so that what is left is at most a geometric
        // series
        if (n > mean && used > 0) {
            const double ratio = z * std::max((k + n) / (n + 1), 1.0) * (n + 1) / n;
            if (ratio < 1 && term * ratio <= 1e-16 * sum * (1 - ratio)) {
                return sum;
            }
        }
        weight *= z * (k + n) / (n + 1);
        used += m;
        m *= (b + n) / (a + b + n);
        ++n;
    }
}

}  // namespace analytics::models
