// BG/NBD: how often customers without a contract buy, and when they stop.
//
// While alive a customer buys as a Poisson process with rate lambda ~ Gamma(r, rate alpha), and after each purchase
// stops for good with probability p ~ Beta(a, b). Of a customer are known x repeat purchases, the time t_x of the last
// one and the time T until now, both counted from the first purchase (x = 0: t_x = 0).
//
// Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model,
// Marketing Science 24(2). Symbols are the paper's.
#pragma once

#include "core/models/newton.hpp"
#include "core/models/task.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace analytics::models {

struct Bgnbd {
    double r = 0;
    double alpha = 0;  // in units of time
    double a = 0;
    double b = 0;
};

// What a maximum likelihood fit of either model gives. reason: why there is no fit; then nothing else holds.
template <typename Parameters, std::size_t N>
struct Fit {
    bool converged = false;
    std::string reason;
    Parameters parameters;
    double log_likelihood = 0;
    Vector<N> standard_errors{};     // in the order of the parameters
    std::array<bool, N> at_bound{};  // as large or small as is looked for; without a standard error
    std::size_t customers = 0;
    std::size_t distinct = 0;  // different observations among them
    int iterations = 0;        // of all starts
};
using BgnbdFit = Fit<Bgnbd, 4>;

// x whole and not negative, 0 <= t_x <= T, t_x = 0 where x = 0; throws Error invalid_parameter otherwise.
BgnbdFit fit_bgnbd(std::span<const double> x, std::span<const double> t_x, std::span<const double> t,
                   std::uint64_t seed, Task& task);

// Of `count` customers alike. The last is what fit_bgnbd() maximises, with its derivatives by r, alpha, a, b.
Jet<4> bgnbd_likelihood(const Bgnbd& model, double x, double t_x, double t, double count = 1);

// Throws Error invalid_parameter unless all four are positive and finite.
void check(const Bgnbd& model);

// Whether the customer still buys, 0 to 1. The paper has no such formula; see Fader, Hardie and Lee (2008), "Computing
// P(alive) Using the BG/NBD Model".
double bgnbd_p_alive(const Bgnbd& model, double x, double t_x, double t);

// Purchases expected in the time `horizon` from now on, equation (10); of somebody who buys for the first time now with
// x = t_x = t = 0, equation (9).
double bgnbd_expected(const Bgnbd& model, double x, double t_x, double t, double horizon);

// The time from now by which the next purchase has come with probability one half; infinity: never is more likely.
double bgnbd_next_purchase(const Bgnbd& model, double x, double t_x, double t);

}  // namespace analytics::models
