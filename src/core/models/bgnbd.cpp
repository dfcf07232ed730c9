#include "core/models/bgnbd.hpp"

#include "core/error.hpp"
#include "core/models/multistart.hpp"
#include "core/models/observations.hpp"
#include "core/models/printed.hpp"
#include "core/models/special.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace analytics::models {
namespace {

// Horizons beyond this many times alpha + t: the integral of purchases_until_stop() would become inexact, then
// overflow.
constexpr double kFarthest = 1e30;

// What depends on x and the parameters alone: customers share few x.
struct OfFrequency {
    double x = 0;
    Jet<4> jet;  // of Gamma(r + x) alpha^r / Gamma(r) times B(a, b + x) / B(a, b)
};

OfFrequency of_frequency(const Bgnbd& model, double x) {
    const auto& [r, alpha, a, b] = model;
    OfFrequency f;
    f.x = x;
    auto& [value, g, h] = f.jet;
    value = log_rising(r, x) + r * std::log(alpha) + log_rising(b, x) - log_rising(a + b, x);
    const double total = digamma_rise(a + b, x);
    g = {digamma_rise(r, x) + std::log(alpha), r / alpha, -total, digamma_rise(b, x) - total};
    const double total2 = trigamma_rise(a + b, x);
    h[0][0] = trigamma_rise(r, x);
    h[0][1] = h[1][0] = 1 / alpha;
    h[1][1] = -r / (alpha * alpha);
    h[2][2] = -total2;
    h[2][3] = h[3][2] = -total2;
    h[3][3] = trigamma_rise(b, x) - total2;
    return f;
}

// Adds the rest, for one of `count` customers alike:
//     log(1 / (alpha + T)^(r+x) + [x > 0] a / (b + x - 1) / (alpha + t_x)^(r+x)) = log(e^A3 + e^A4)
void add_customers(const OfFrequency& f, const Bgnbd& model, double t_x, double t, double count, Jet<4>& sum) {
    const auto& [r, alpha, a, b] = model;
    const double k = r + f.x;
    const double log3 = std::log(alpha + t);
    const double by3 = 1 / (alpha + t);
    const double a3 = -k * log3;
    Jet<4> own = f.jet;
    auto& [value, g, h] = own;
    if (f.x == 0) {
        value += a3;
        g[0] -= log3;
        g[1] -= k * by3;
        h[0][1] -= by3;
        h[1][0] -= by3;
        h[1][1] += k * by3 * by3;
    } else {
        const double log4 = std::log(alpha + t_x);
        const double by4 = 1 / (alpha + t_x);
        const double c = b + f.x - 1;
        const double a4 = std::log(a / c) - k * log4;
        const double larger = std::max(a3, a4);
        const double smaller = std::exp(std::min(a3, a4) - larger);
        const double w4 = a4 >= a3 ? 1 / (1 + smaller) : smaller / (1 + smaller);
        const double w3 = 1 - w4;
        value += larger + std::log1p(smaller);
        const Vector<4> g3 = {-log3, -k * by3, 0, 0};
        const Vector<4> g4 = {-log4, -k * by4, 1 / a, -1 / c};
        for (std::size_t i = 0; i < 4; ++i) {
            g[i] += w3 * g3[i] + w4 * g4[i];
            for (std::size_t j = 0; j < 4; ++j) {
                h[i][j] += w3 * w4 * (g3[i] - g4[i]) * (g3[j] - g4[j]);
            }
        }
        const double cross = w3 * by3 + w4 * by4;
        h[0][1] -= cross;
        h[1][0] -= cross;
        h[1][1] += k * (w3 * by3 * by3 + w4 * by4 * by4);
        h[2][2] -= w4 / (a * a);
        h[3][3] += w4 / (c * c);
    }
    sum.add(own, count);
}

void check_customer(double x, double t_x, double t) {
    if (!(x >= 0 && x <= 1e9 && x == std::floor(x))) {
        throw Error(Code::invalid_parameter, "frequency must be a whole number from 0 to 1,000,000,000")
            .detail("Got " + printed(x) + ".")
            .hint("It counts repeat purchases: those after the first.");
    }
    if (!(t >= 0 && std::isfinite(t))) {
        throw Error(Code::invalid_parameter, "t must be a finite time, not negative")
            .detail("Got " + printed(t) + ".")
            .hint("It is the time from the first purchase until now.");
    }
    if (!(t_x >= 0 && t_x <= t) || (x == 0 && t_x != 0)) {
        throw Error(Code::invalid_parameter, "recency must be between 0 and t, and 0 where frequency is 0")
            .detail("Got " + printed(t_x) + " where frequency is " + printed(x) + " and t is " + printed(t) + ".")
            .hint("It is the time from the first purchase to the last one.");
    }
}

using Observation = std::array<double, 3>;  // x, t_x, T

// log of (a / (b + x - 1)) ((alpha + T) / (alpha + t_x))^(r+x): the odds that a customer with x > 0 is gone
double log_odds_gone(const Bgnbd& m, double x, double t_x, double t) {
    return std::log(m.a) - std::log(m.b + x - 1) + (m.r + x) * (std::log(m.alpha + t) - std::log(m.alpha + t_x));
}

}  // namespace

Jet<4> bgnbd_likelihood(const Bgnbd& model, double x, double t_x, double t, double count) {
    Jet<4> sum;
    add_customers(of_frequency(model, x), model, t_x, t, count, sum);
    return sum;
}

void check(const Bgnbd& model) {
    const std::array<std::pair<const char*, double>, 4> all = {
        {{"r", model.r}, {"alpha", model.alpha}, {"a", model.a}, {"b", model.b}}};
    for (const auto& [name, value] : all) {
        if (!(value >= 1e-100 && value <= 1e100)) {
            throw Error(Code::invalid_parameter, std::string("parameter ") + name + " of BG/NBD must be positive")
                .detail("Got " + printed(value) + ".")
                .hint("Pass what bgnbd_fit() returned.");
        }
    }
}

BgnbdFit fit_bgnbd(std::span<const double> x, std::span<const double> t_x, std::span<const double> t,
                   std::uint64_t seed, Task& task) {
    if (x.size() != t_x.size() || x.size() != t.size()) {
        throw Error(Code::invalid_parameter, "frequency, recency and t must be of one length")
            .detail("Got " + std::to_string(x.size()) + ", " + std::to_string(t_x.size()) + " and " +
                    std::to_string(t.size()) + " values.")
            .hint("Pass one value of each for each customer.");
    }
    BgnbdFit fit;
    fit.customers = x.size();
    task.require_memory(x.size() * (sizeof(Observation) + sizeof(std::uint64_t)) * 2);
    double repeats = 0;
    double unit = 0;  // the longest time is 1 while the model is fitted, so that bounds and starts fit any unit
    std::vector<Observation> customers(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        check_customer(x[i], t_x[i], t[i]);
        customers[i] = {x[i], t_x[i], t[i]};
        repeats += x[i];
        unit = std::max(unit, t[i]);
    }
    if (x.size() < 2) {
        fit.reason = "fewer than two customers";
    } else if (unit <= 0) {
        fit.reason = "no time has passed since the first purchases";
    } else if (repeats <= 0) {
        fit.reason = "no customer has bought again";
    }
    if (!fit.reason.empty()) {
        return fit;
    }
    task.set_progress("BG/NBD, sorting customers");
    const auto observations = gather(std::move(customers), task);
    fit.distinct = observations.size();

    SumOfParts<4> sums(observations.size(), task);
    const ByFrequency by_frequency(observations);
    const auto likelihood = [&](const Vector<4>& at) {
        const Bgnbd model = {at[0], at[1], at[2], at[3]};
        const auto shared = by_frequency.each(task, [&](double frequency) { return of_frequency(model, frequency); });
        return sums.add([&](std::size_t first, std::size_t last, Jet<4>& sum) {
            for (std::size_t i = first, of_x = by_frequency.at(first); i < last; ++i) {
                const auto& [of, count] = observations[i];
                of_x = by_frequency.next(of_x, i);
                add_customers(shared[of_x], model, of[1] / unit, of[2] / unit, count, sum);
            }
        });
    };
    const Vector<4> lower = {1e-4, 1e-5, 1e-4, 1e-4};
    const Vector<4> upper = {1e4, 1e5, 1e4, 1e4};
    const std::vector<Vector<4>> starts = {{1, 1, 1, 1}, {0.25, 0.1, 0.8, 2.5}, {3, 0.3, 0.1, 3}};
    const auto best = best_maximum<4>(likelihood, starts, lower, upper, static_cast<double>(x.size()), seed, "BG/NBD",
                                      task, fit.iterations);
    fit.converged = best.converged;
    fit.at_bound = best.at_bound;
    fit.parameters = {best.at[0], best.at[1] * unit, best.at[2], best.at[3]};
    fit.standard_errors = standard_errors(best);
    fit.standard_errors[1] *= unit;
    fit.log_likelihood = best.jet.value - repeats * std::log(unit);
    if (!fit.converged) {
        fit.reason = "the likelihood has no maximum that could be found";
    }
    return fit;
}

double bgnbd_p_alive(const Bgnbd& model, double x, double t_x, double t) {
    check(model);
    check_customer(x, t_x, t);
    return x == 0 ? 1.0 : 1 / (1 + std::exp(log_odds_gone(model, x, t_x, t)));
}

double bgnbd_expected(const Bgnbd& model, double x, double t_x, double t, double horizon) {
    if (!(horizon >= 0 && std::isfinite(horizon))) {
        throw Error(Code::invalid_parameter, "horizon must be a finite time, not negative")
            .detail("Got " + printed(horizon) + ".")
            .hint("Pass it in the unit of recency and t.");
    }
    if (horizon / (model.alpha + t) > kFarthest) {
        throw Error(Code::invalid_parameter, "horizon is farther away than can be computed")
            .detail("Got " + printed(horizon) + ".")
            .hint("It may be 1e30 times alpha + t.");
    }
    const double alive = bgnbd_p_alive(model, x, t_x, t);
    return alive * purchases_until_stop(model.r + x, horizon / (model.alpha + t), model.a, model.b + x);
}

double bgnbd_next_purchase(const Bgnbd& model, double x, double t_x, double t) {
    const double alive = bgnbd_p_alive(model, x, t_x, t);
    if (alive <= 0.5) {
        return std::numeric_limits<double>::infinity();
    }
    // alive: ((alpha + T) / (alpha + T + s))^(r+x) of the customers have not bought again by s
    return (model.alpha + t) * std::expm1(-std::log1p(-0.5 / alive) / (model.r + x));
}

}  // namespace analytics::models
