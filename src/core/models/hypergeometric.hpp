// How likely it is that two sets of baskets share so many by chance.
#pragma once

#include "core/no_postgres.hpp"

#include <cstdint>

namespace analytics::models {

// Of `all` baskets `first` hold the one thing and `second` the other; P(X >= both), where X, how many hold both, has
// the hypergeometric distribution: the p-value of Fisher's exact test of independence against "more often together"
// (R. A. Fisher, "The logic of inductive inference", 1935). first, second <= all; 0 where it is less than a double can
// be (5e-324). Good to 12 digits, far out and for billions of baskets, too.
double fisher_p_value(std::uint32_t all, std::uint32_t first, std::uint32_t second, std::uint32_t both);

}  // namespace analytics::models
