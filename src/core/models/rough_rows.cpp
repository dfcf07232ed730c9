#include "core/models/rough_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/models/factor_kernels.hpp"

// The loop is written once and compiled twice, for processors with AVX2 and for all others.
#if defined(__x86_64__)
#define ANALYTICS_AVX2 __attribute__((target("avx2")))
#else
#define ANALYTICS_AVX2
#endif

namespace analytics::models {
namespace {

constexpr int kMost = 127;  // of a row's whole numbers

const bool has_avx2 = [] {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") != 0;
#else
    return false;
#endif
}();

float largest_of(std::span<const float> values) {
    float largest = 0;
    for (const float value : values) {
        largest = std::max(largest, std::fabs(value));
    }
    return largest;
}

struct Lengths {
    double values;
    double lost;
};

// The whole numbers of scales that are nearest to the values.
template <typename Whole>
Lengths round_to(std::span<const float> values, double scale, long most, Whole* wholes) {
    double squares = 0;
    double lost = 0;
    for (std::size_t j = 0; j < values.size(); ++j) {
        const double value = values[j];
        const long whole = scale > 0 ? std::clamp(std::lrint(value / scale), -most, most) : 0;
        const double error = value - scale * static_cast<double>(whole);
        wholes[j] = static_cast<Whole>(whole);
        squares += value * value;
        lost += error * error;
    }
    return {std::sqrt(squares), std::sqrt(lost)};
}

// What a query adds to the bounds of all rows.
struct Line {
    double scale;
    double error;
    double length;
    double underflow;
};

inline __attribute__((always_inline)) void make_bounds(const std::int16_t* query, const Line& line,
                                                       const std::int8_t* rows, const float* scales,
                                                       const float* errors, std::size_t count, std::size_t stride,
                                                       double* bounds) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::int8_t* const row = rows + i * stride;
        std::int32_t sum = 0;
        for (std::size_t j = 0; j < stride; ++j) {
            sum += query[j] * row[j];
        }
        bounds[i] = sum;
    }
    for (std::size_t i = 0; i < count; ++i) {
        bounds[i] = static_cast<double>(scales[i]) * (line.scale * bounds[i] + line.error) +
                    line.length * static_cast<double>(errors[i]) + line.underflow;
    }
}

ANALYTICS_AVX2 void bounds_avx2(const std::int16_t* query, const Line& line, const std::int8_t* rows,
                                const float* scales, const float* errors, std::size_t count, std::size_t stride,
                                double* bounds) {
    make_bounds(query, line, rows, scales, errors, count, stride, bounds);
}

void bounds_elsewhere(const std::int16_t* query, const Line& line, const std::int8_t* rows, const float* scales,
                      const float* errors, std::size_t count, std::size_t stride, double* bounds) {
    make_bounds(query, line, rows, scales, errors, count, stride, bounds);
}

}  // namespace

RoughRows::RoughRows(const Factors& rows)
    : stride_(stride_of(rows.columns())), values_(rows.rows() * stride_), scales_(rows.rows()), errors_(rows.rows()) {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
        scales_[i] = largest_of(rows.values(i)) / static_cast<float>(kMost);
        const Lengths lengths =
            round_to(rows.values(i), static_cast<double>(scales_[i]), kMost, values_.data() + i * stride_);
        errors_[i] = static_cast<float>((lengths.lost + kProductSlack * lengths.values) * (1 + kProductSlack) +
                                        static_cast<double>(std::numeric_limits<float>::denorm_min()));
    }
}

RoughRows::Query::Query(std::span<const float> values) : values_(stride_of(values.size())) {
    // so that a sum of products fits 32 bits
    const long most = std::min<long>(
        std::numeric_limits<std::int16_t>::max(),
        std::numeric_limits<std::int32_t>::max() / (kMost * static_cast<long>(std::max(values_.size(), kLanes))));
    scale_ = static_cast<double>(largest_of(values)) / static_cast<double>(most);
    const Lengths lengths = round_to(values, scale_, most, values_.data());
    length_ = lengths.values;
    error_ = lengths.lost * kMost * std::sqrt(static_cast<double>(values.size()));
}

void RoughRows::bounds(const Query& query, std::size_t first, std::size_t count, double* bounds) const {
    const auto make = has_avx2 ? bounds_avx2 : bounds_elsewhere;
    make(query.values_.data(), {query.scale_, query.error_, query.length_, product_underflow(stride_)},
         values_.data() + first * stride_, scales_.data() + first, errors_.data() + first, count, stride_, bounds);
}

}  // namespace analytics::models
