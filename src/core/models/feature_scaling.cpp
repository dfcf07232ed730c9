#include "core/models/feature_scaling.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.hpp"

namespace analytics::models {
namespace {

double signed_log1p(double value) { return std::copysign(std::log1p(std::abs(value)), value); }
double signed_expm1(double value) { return std::copysign(std::expm1(std::abs(value)), value); }

struct Spread {
    double mean;
    double deviation;
};

Spread spread_of(const std::vector<double>& values) {
    const auto count = static_cast<double>(values.size());
    double sum = 0;
    for (const double value : values) {
        sum += value;
    }
    const double mean = sum / count;
    double squares = 0;
    for (const double value : values) {
        squares += (value - mean) * (value - mean);
    }
    return {mean, std::sqrt(squares / count)};
}

}  // namespace

Scaling scaling_of(std::string_view name) {
    if (name == "standard") {
        return Scaling::standard;
    }
    if (name == "robust") {
        return Scaling::robust;
    }
    if (name == "none") {
        return Scaling::none;
    }
    throw Error(Code::invalid_parameter, "unknown scaling")
        .detail("Got \"" + std::string(name.substr(0, 100)) + "\".")
        .hint("Use standard, robust or none.");
}

double FeatureScaling::apply(double value, std::size_t feature) const {
    return ((log1p ? signed_log1p(value) : value) - center[feature]) / scale[feature];
}

double FeatureScaling::invert(double value, std::size_t feature) const {
    const double unscaled = value * scale[feature] + center[feature];
    return log1p ? signed_expm1(unscaled) : unscaled;
}

double quantile_of_sorted(const std::vector<double>& sorted, double share) {
    const double place = share * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

void sort_numbers(std::vector<double>& values, const Task& task) {
    std::sort(values.begin(), values.end(), [&](double a, double b) {
        task.stop_if_cancelled();
        return a < b;
    });
}

FeatureScaling learn_scaling(const Matrix& rows, Scaling scaling, bool log1p, const Task& task) {
    FeatureScaling result;
    result.log1p = log1p;
    result.center.assign(rows.columns(), 0);
    result.scale.assign(rows.columns(), 1);
    if (scaling == Scaling::none) {
        return result;
    }
    std::vector<double> values(rows.rows());
    for (std::size_t j = 0; j < rows.columns(); ++j) {
        for (std::size_t i = 0; i < rows.rows(); ++i) {
            task.stop_if_cancelled();
            values[i] = log1p ? signed_log1p(rows.at(i, j)) : rows.at(i, j);
        }
        const auto [least, most] = std::minmax_element(values.begin(), values.end());
        if (*least == *most) {  // by the sums, rounding would make a deviation of it
            result.center[j] = *least;
            continue;
        }
        const Spread spread = spread_of(values);
        result.center[j] = spread.mean;
        result.scale[j] = spread.deviation;
        if (scaling == Scaling::robust) {
            sort_numbers(values, task);
            const double between = quantile_of_sorted(values, 0.75) - quantile_of_sorted(values, 0.25);
            result.center[j] = quantile_of_sorted(values, 0.5);
            result.scale[j] = between > 0 ? between : spread.deviation;
        }
        if (!(result.scale[j] > 0)) {
            result.scale[j] = 1;
        }
    }
    return result;
}

}  // namespace analytics::models
