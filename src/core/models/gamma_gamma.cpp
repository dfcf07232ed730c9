#include "core/models/gamma_gamma.hpp"

#include "core/error.hpp"
#include "core/models/multistart.hpp"
#include "core/models/observations.hpp"
#include "core/models/printed.hpp"
#include "core/models/special.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace analytics::models {
namespace {

void check_customer(double x, double m) {
    if (!(x >= 0 && x <= 1e9 && x == std::floor(x))) {
        throw Error(Code::invalid_parameter, "frequency must be a whole number from 0 to 1,000,000,000")
            .detail("Got " + printed(x) + ".")
            .hint("It counts the purchases whose mean value is monetary_value.");
    }
    if (x > 0 && !(m >= 0 && m <= 1e100)) {
        throw Error(Code::invalid_parameter, "monetary_value must be finite and not negative")
            .detail("Got " + printed(m) + ".")
            .hint("It is the mean value of a customer's purchases.");
    }
}

// What depends on x and the parameters alone: customers share few x.
struct OfFrequency {
    double x = 0;
    Jet<3> jet;  // of Gamma(px + q) / (Gamma(px) Gamma(q)) v^q x^(px)
};

OfFrequency of_frequency(const GammaGamma& model, double x) {
    const auto& [p, q, v] = model;
    const double px = p * x;
    OfFrequency f;
    f.x = x;
    f.jet.value = log_gamma(px + q) - log_gamma(px) - log_gamma(q) + q * std::log(v) + px * std::log(x);
    const double together = digamma(px + q);
    f.jet.gradient = {x * (together - digamma(px) + std::log(x)), together - digamma(q) + std::log(v), q / v};
    const double together2 = trigamma(px + q);
    auto& h = f.jet.hessian;
    h[0][0] = x * x * (together2 - trigamma(px));
    h[0][1] = h[1][0] = x * together2;
    h[1][1] = together2 - trigamma(q);
    h[1][2] = h[2][1] = 1 / v;
    h[2][2] = -q / (v * v);
    return f;
}

// Adds the rest of log f(m | p, q, v; x), equation (1a) of the note, m^(px - 1) / (v + x m)^(px + q), for `count`
// customers alike.
void add_customers(const OfFrequency& f, const GammaGamma& model, double m, double count, Jet<3>& sum) {
    const auto& [p, q, v] = model;
    const double x = f.x;
    const double px = p * x;
    const double total = v + x * m;
    const double log_m = std::log(m);
    const double log_total = std::log(total);
    Jet<3> own = f.jet;
    auto& [value, g, h] = own;
    value += (px - 1) * log_m - (px + q) * log_total;
    g[0] += x * (log_m - log_total);
    g[1] -= log_total;
    g[2] -= (px + q) / total;
    h[0][2] -= x / total;
    h[2][0] -= x / total;
    h[1][2] -= 1 / total;
    h[2][1] -= 1 / total;
    h[2][2] += (px + q) / (total * total);
    sum.add(own, count);
}

}  // namespace

Jet<3> gamma_gamma_likelihood(const GammaGamma& model, double x, double m, double count) {
    Jet<3> sum;
    add_customers(of_frequency(model, x), model, m, count, sum);
    return sum;
}

void check(const GammaGamma& model) {
    const std::array<std::pair<const char*, double>, 3> all = {{{"p", model.p}, {"q", model.q}, {"v", model.v}}};
    for (const auto& [name, value] : all) {
        if (!(value >= 1e-100 && value <= 1e100)) {
            throw Error(Code::invalid_parameter, std::string("parameter ") + name + " of Gamma-Gamma must be positive")
                .detail("Got " + printed(value) + ".")
                .hint("Pass what gamma_gamma_fit() returned.");
        }
    }
}

GammaGammaFit fit_gamma_gamma(std::span<const double> x, std::span<const double> m, std::uint64_t seed, Task& task) {
    if (x.size() != m.size()) {
        throw Error(Code::invalid_parameter, "frequency and monetary_value must be of one length")
            .detail("Got " + std::to_string(x.size()) + " and " + std::to_string(m.size()) + " values.")
            .hint("Pass one value of each for each customer.");
    }
    GammaGammaFit fit;
    task.require_memory(x.size() * sizeof(std::array<double, 2>) * 4);
    std::vector<std::array<double, 2>> customers;
    double least = std::numeric_limits<double>::infinity();
    double most = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        check_customer(x[i], m[i]);
        if (x[i] > 0 && m[i] > 0) {
            customers.push_back({x[i], m[i]});
            least = std::min(least, m[i]);
            most = std::max(most, m[i]);
        }
    }
    fit.customers = customers.size();
    const auto n = static_cast<double>(customers.size());
    if (customers.size() < 2) {
        fit.reason = "fewer than two customers with purchases of a positive value";
    } else if (!(most > least * (1 + 1e-9))) {
        fit.reason = "all customers spend the same";
    }
    if (!fit.reason.empty()) {
        return fit;
    }
    task.set_progress("Gamma-Gamma, sorting customers");
    const auto observations = gather(std::move(customers), task);
    fit.distinct = observations.size();
    double unit = 0;  // the mean is 1 while the model is fitted, whatever the currency
    for (const auto& [of, count] : observations) {
        unit += count * of[1] / n;
    }
    SumOfParts<3> sums(observations.size(), task);
    const ByFrequency by_frequency(observations);
    const auto likelihood = [&](const Vector<3>& at) {
        const GammaGamma model = {at[0], at[1], at[2]};
        const auto shared = by_frequency.each(task, [&](double x) { return of_frequency(model, x); });
        return sums.add([&](std::size_t first, std::size_t last, Jet<3>& total) {
            for (std::size_t i = first, of_x = by_frequency.at(first); i < last; ++i) {
                const auto& [of, count] = observations[i];
                of_x = by_frequency.next(of_x, i);
                add_customers(shared[of_x], model, of[1] / unit, count, total);
            }
        });
    };
    const Vector<3> lower = {1e-4, 1.01, 1e-6};
    const Vector<3> upper = {1e4, 1e4, 1e6};
    const std::vector<Vector<3>> starts = {{1, 2, 1}, {6, 4, 0.4}, {20, 20, 1}};
    const auto best = best_maximum<3>(likelihood, starts, lower, upper, n, seed, "Gamma-Gamma", task, fit.iterations);
    fit.converged = best.converged;
    fit.at_bound = best.at_bound;
    fit.parameters = {best.at[0], best.at[1], best.at[2] * unit};
    fit.standard_errors = standard_errors(best);
    fit.standard_errors[2] *= unit;
    fit.log_likelihood = best.jet.value - n * std::log(unit);
    if (!fit.converged) {
        fit.reason = "the likelihood has no maximum that could be found";
    }
    return fit;
}

double gamma_gamma_value(const GammaGamma& model, double x, double m) {
    check(model);
    check_customer(x, m);
    const double weight = model.p * x + model.q - 1;
    if (!(weight > 0)) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    return model.p * (model.v + (x > 0 ? x * m : 0)) / weight;
}

}  // namespace analytics::models
