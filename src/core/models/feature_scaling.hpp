// Features on scales that can be compared: what a customer spent must not outweigh how often by its unit.
//
//   - log1p, where asked for: sign(x) ln(1 + |x|), which draws a long tail in and takes negative values as they are;
//   - then (x - centre) / scale. standard: mean and standard deviation (of the rows as a population); robust: median
//   and
//     distance between the quartiles, the standard deviation where that is 0; none: 0 and 1. A scale of 0 is taken for
//     1: a feature that is the same everywhere tells nobody apart.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

#include "core/models/matrix.hpp"
#include "core/models/task.hpp"

namespace analytics::models {

enum class Scaling { standard, robust, none };

// Throws Error invalid_parameter for others than "standard", "robust", "none".
Scaling scaling_of(std::string_view name);

struct FeatureScaling {
    bool log1p = false;
    std::vector<double> center;  // of each feature, after log1p
    std::vector<double> scale;

    double apply(double value, std::size_t feature) const;
    double invert(double value, std::size_t feature) const;
};

// What the rows say. Values must be finite.
FeatureScaling learn_scaling(const Matrix& rows, Scaling scaling, bool log1p, const Task& task);

// Ascending; a sort of millions is left half done where the task is cancelled.
void sort_numbers(std::vector<double>& values, const Task& task);

// The quantile of sorted numbers, between two of them by the line through them; there must be one.
double quantile_of_sorted(const std::vector<double>& sorted, double share);

}  // namespace analytics::models
