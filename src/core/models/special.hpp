// What the models of customers need of special functions, in forms that neither overflow nor cancel.
#pragma once

#include "core/no_postgres.hpp"

namespace analytics::models {

// Gamma(z) is positive for z > 0; safe in threads.
double log_gamma(double z);
double digamma(double z);
double trigamma(double z);

// log Gamma(z + n) - log Gamma(z), and its derivatives by z; z > 0, n >= 0. For whole n that are small: sums, exact
// where the difference of two large numbers would not be.
double log_rising(double z, double n);
double digamma_rise(double z, double n);
double trigamma_rise(double z, double n);

// How often somebody buys in a time u who, alive, buys with a rate lambda ~ Gamma(k, rate 1) and stops after each
// purchase with probability p ~ Beta(a, b): E[(1 - e^(-lambda p u)) / p]. k, a, b > 0, u >= 0.
//
// It is the bracket of BG/NBD's conditional expectation,
//     (a + b - 1) / (a - 1) (1 - (1 + u)^-k 2F1(k, b; a + b - 1; u / (1 + u))),
// which is 0/0 at a = 1 and has poles where a + b is 1 or less. Written out instead as what it means: in the time u
// there is an occasion to buy N times, N ~ NB(k, z) with z = u / (1 + u), and the (j + 1)st is used with probability
// m_j = (b)_j / (a + b)_j, the mean of (1 - p)^j:
//     sum over n of P(N = n) (m_0 + ... + m_(n-1)).
// All terms are positive, so nothing cancels, and there is no special case.
double purchases_until_stop(double k, double u, double a, double b);

}  // namespace analytics::models
