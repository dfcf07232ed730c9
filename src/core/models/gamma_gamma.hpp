// Gamma-Gamma: what a customer's purchases are worth.
//
// A purchase of a customer is worth z ~ Gamma(p, rate nu), and customers differ by nu ~ Gamma(q, rate v). Of a customer
// are known x purchases and their mean m. The worth must not depend on how often somebody buys.
//
// Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value. v is what the note calls gamma.
#pragma once

#include "core/models/bgnbd.hpp"

#include <cstdint>
#include <span>

namespace analytics::models {

struct GammaGamma {
    double p = 0;
    double q = 0;
    double v = 0;  // in units of money
};
using GammaGammaFit = Fit<GammaGamma, 3>;

// Of customers with x > 0 and m > 0; others say nothing and are left out (fit.customers counts the rest). x whole and
// not negative, m finite and not negative: throws Error invalid_parameter otherwise. q is kept above 1: below, the
// customers' mean worth would be infinite.
GammaGammaFit fit_gamma_gamma(std::span<const double> x, std::span<const double> m, std::uint64_t seed, Task& task);

// With its derivatives by p, q, v.
Jet<3> gamma_gamma_likelihood(const GammaGamma& model, double x, double m, double count = 1);

// Throws Error invalid_parameter unless all three are positive and finite.
void check(const GammaGamma& model);

// What a purchase of the customer is expected to be worth; x = 0: of any customer. NaN: there is no mean (p x + q <=
// 1).
double gamma_gamma_value(const GammaGamma& model, double x, double m);

}  // namespace analytics::models
