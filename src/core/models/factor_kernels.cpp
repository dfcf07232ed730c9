#include "core/models/factor_kernels.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace analytics::models {
namespace {

const bool has_avx2 = [] {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") != 0;
#else
    return false;
#endif
}();

using Four = float __attribute__((vector_size(4 * sizeof(float))));

// Two registers of four floats.
namespace narrow {

struct Vector {
    Four low;
    Four high;
};

inline void spread(float value, Vector& to) { to.low = to.high = Four{value, value, value, value}; }
inline void add_product(const Vector& a, const Vector& b, Vector& sum) {
    sum.low += a.low * b.low;
    sum.high += a.high * b.high;
}
inline void halves(const Vector& of, Four& low, Four& high) {
    low = of.low;
    high = of.high;
}

#include "core/models/factor_loops.hpp"

}  // namespace narrow

#if defined(__x86_64__)

// One register of eight. All functions are compiled for AVX2, those too that are inlined: GCC takes operations apart
// that the processor does not have before it inlines.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
namespace wide {

using Vector = float __attribute__((vector_size(8 * sizeof(float))));

inline void spread(float value, Vector& to) { to = Vector{value, value, value, value, value, value, value, value}; }
inline void add_product(const Vector& a, const Vector& b, Vector& sum) { sum += a * b; }
inline void halves(const Vector& of, Four& low, Four& high) {
    std::memcpy(&low, &of, sizeof low);
    std::memcpy(&high, reinterpret_cast<const char*>(&of) + sizeof low, sizeof high);
}

#include "core/models/factor_loops.hpp"

}  // namespace wide
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else
namespace wide = narrow;
#endif

}  // namespace

void inner_products(const float* query, const float* rows, std::size_t count, std::size_t stride, float* products) {
    const auto make = has_avx2 ? wide::inner_products : narrow::inner_products;
    make(query, rows, count, stride, products);
}

void add_gram(const Factors& rows, std::size_t first, std::size_t last, float* gram) {
    const auto add = has_avx2 ? wide::add_gram : narrow::add_gram;
    add(rows, first, last, gram);
}

void conjugate_gradient(const float* gram, const Factors& others, const SparseRow& entries, float alpha, int steps,
                        float* x, float* scratch, const Task& task) {
    const auto lower = has_avx2 ? wide::conjugate_gradient : narrow::conjugate_gradient;
    lower(gram, others, entries, alpha, steps, x, scratch, task);
}

double cost_of_entries(const Factors& others, const SparseRow& entries, float alpha, const float* x, const Task& task) {
    const auto cost = has_avx2 ? wide::cost_of_entries : narrow::cost_of_entries;
    return cost(others, entries, alpha, x, task);
}

}  // namespace analytics::models
