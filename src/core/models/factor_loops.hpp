// The loops of factor_kernels.cpp, which includes this twice, with Vector being one register or two: each is written
// once and compiled for processors with AVX2 and for all others. Vectors are passed by reference, since how they are
// passed by value depends on the processor that the compiler has in mind; arrays of them it would not keep in
// registers.

inline void load(const float* from, Vector& to) { std::memcpy(&to, from, sizeof to); }
inline void store(const Vector& from, float* to) { std::memcpy(to, &from, sizeof from); }

// Of each of four vectors the sum: of its i-th and (i + 4)-th, of these the neighbours', of these both.
inline void add_across(const Vector& a, const Vector& b, const Vector& c, const Vector& d, Four& sums) {
    Four low;
    Four high;
    Four first;
    Four second;
    Four third;
    Four fourth;
    halves(a, low, high);
    first = low + high;
    halves(b, low, high);
    second = low + high;
    halves(c, low, high);
    third = low + high;
    halves(d, low, high);
    fourth = low + high;
#if defined(__x86_64__)
    _MM_TRANSPOSE4_PS(first, second, third, fourth);
    sums = (first + second) + (third + fourth);
#else
    sums = Four{(first[0] + first[1]) + (first[2] + first[3]), (second[0] + second[1]) + (second[2] + second[3]),
                (third[0] + third[1]) + (third[2] + third[3]), (fourth[0] + fourth[1]) + (fourth[2] + fourth[3])};
#endif
}

// N vectors beside each other.
template <int N>
struct Row {
    Vector first;
    Row<N - 1> rest;
};
template <>
struct Row<0> {};

template <int N>
inline void load(const float* from, Row<N>& to) {
    load(from, to.first);
    if constexpr (N > 1) {
        load(from + kFloatLanes, to.rest);
    }
}
template <int N>
inline void store(const Row<N>& from, float* to) {
    store(from.first, to);
    if constexpr (N > 1) {
        store(from.rest, to + kFloatLanes);
    }
}
template <int N>
inline void clear(Row<N>& row) {
    spread(0, row.first);
    if constexpr (N > 1) {
        clear(row.rest);
    }
}
// sum += times * row
template <int N>
inline void add_times(const Vector& times, const float* row, Row<N>& sum) {
    Vector values;
    load(row, values);
    add_product(times, values, sum.first);
    if constexpr (N > 1) {
        add_times(times, row + kFloatLanes, sum.rest);
    }
}
template <int N>
inline void add_times(const Vector& times, const Row<N>& row, Row<N>& sum) {
    add_product(times, row.first, sum.first);
    if constexpr (N > 1) {
        add_times(times, row.rest, sum.rest);
    }
}

// Inner products of x with four rows.
inline void four_products(const float* x, const float* a, const float* b, const float* c, const float* d,
                          std::size_t stride, Four& products) {
    Vector sum_a;
    Vector sum_b;
    Vector sum_c;
    Vector sum_d;
    spread(0, sum_a);
    spread(0, sum_b);
    spread(0, sum_c);
    spread(0, sum_d);
    for (std::size_t j = 0; j < stride; j += kFloatLanes) {
        Vector own;
        Vector other;
        load(x + j, own);
        load(a + j, other);
        add_product(own, other, sum_a);
        load(b + j, other);
        add_product(own, other, sum_b);
        load(c + j, other);
        add_product(own, other, sum_c);
        load(d + j, other);
        add_product(own, other, sum_d);
    }
    add_across(sum_a, sum_b, sum_c, sum_d, products);
}

inline void inner_products(const float* query, const float* rows, std::size_t count, std::size_t stride,
                           float* products) {
    Four four;
    for (std::size_t i = 0; i < count; i += 4) {
        const float* const first = rows + i * stride;
        const std::size_t number = std::min<std::size_t>(4, count - i);
        const auto row = [&](std::size_t n) { return first + (n < number ? n : 0) * stride; };
        four_products(query, row(0), row(1), row(2), row(3), stride, four);
        std::memcpy(products + i, &four, number * sizeof(float));
    }
}

// Four rows of the gram matrix, N eights of their columns.
template <int N>
inline void add_gram_block(const Factors& rows, std::size_t first, std::size_t last, std::size_t row,
                           std::size_t column, float* gram) {
    const std::size_t stride = rows.stride();
    float* const to = gram + row * stride + column;
    Row<N> a;
    Row<N> b;
    Row<N> c;
    Row<N> d;
    load(to, a);
    load(to + stride, b);
    load(to + 2 * stride, c);
    load(to + 3 * stride, d);
    for (std::size_t i = first; i < last; ++i) {
        const float* const values = rows.row(i);
        Row<N> columns;
        Vector times;
        load(values + column, columns);
        spread(values[row], times);
        add_times(times, columns, a);
        spread(values[row + 1], times);
        add_times(times, columns, b);
        spread(values[row + 2], times);
        add_times(times, columns, c);
        spread(values[row + 3], times);
        add_times(times, columns, d);
    }
    store(a, to);
    store(b, to + stride);
    store(c, to + 2 * stride);
    store(d, to + 3 * stride);
}

inline void add_gram(const Factors& rows, std::size_t first, std::size_t last, float* gram) {
    const std::size_t stride = rows.stride();
    for (std::size_t row = 0; row < stride; row += 4) {
        std::size_t column = row / kFloatLanes * kFloatLanes;
        for (; column + 2 * kFloatLanes <= stride; column += 2 * kFloatLanes) {
            add_gram_block<2>(rows, first, last, row, column, gram);
        }
        if (column < stride) {
            add_gram_block<1>(rows, first, last, row, column, gram);
        }
    }
}

// N eights of the product of a symmetric matrix and x.
template <int N>
inline void multiply_block(const float* matrix, const float* x, std::size_t stride, float* to) {
    Row<N> sum;
    clear(sum);
    for (std::size_t j = 0; j < stride; ++j) {
        Vector times;
        spread(x[j], times);
        add_times(times, matrix + j * stride, sum);
    }
    store(sum, to);
}

inline void multiply(const float* matrix, const float* x, std::size_t stride, float* to) {
    std::size_t j = 0;
    for (; j + 8 * kFloatLanes <= stride; j += 8 * kFloatLanes) {
        multiply_block<8>(matrix + j, x, stride, to + j);
    }
    for (; j + 4 * kFloatLanes <= stride; j += 4 * kFloatLanes) {
        multiply_block<4>(matrix + j, x, stride, to + j);
    }
    for (; j < stride; j += kFloatLanes) {
        multiply_block<1>(matrix + j, x, stride, to + j);
    }
}

// Rows lie anywhere: those that come next are asked for in time.
inline void fetch(const float* row, std::size_t stride) {
    for (std::size_t j = 0; j < stride; j += 64 / sizeof(float)) {
        __builtin_prefetch(row + j);
    }
}

// use(products, first, rows): inner products of x and the rows of four entries from the first. Where fewer are left,
// the last stands in for the others.
template <typename Use>
inline void each_four(const Factors& others, const SparseRow& entries, const float* x, const Task& task, Use&& use) {
    constexpr std::size_t kUnasked = 8192;  // entries between looks whether it is to stop
    Four products;
    for (std::size_t begin = 0; begin < entries.size; begin += kUnasked) {
        task.stop_if_cancelled();
        const std::size_t end = std::min(begin + kUnasked, entries.size);
        for (std::size_t n = begin; n < end; n += 4) {
            const auto row = [&](std::size_t i) { return others.row(entries.columns[std::min(n + i, end - 1)]); };
            for (std::size_t next = n + 4; next < std::min(n + 8, end); ++next) {
                fetch(others.row(entries.columns[next]), others.stride());
            }
            const float* const a = row(0);
            const float* const b = row(1);
            const float* const c = row(2);
            const float* const d = row(3);
            four_products(x, a, b, c, d, others.stride(), products);
            use(products, n, std::min<std::size_t>(4, end - n), a, b, c, d);
        }
    }
}

// Adds the rows of others, each times weight(c - 1, its inner product with x).
template <typename Weight>
inline void add_weighted(const Factors& others, const SparseRow& entries, float alpha, const float* x, float* sum,
                         const Task& task, Weight&& weight) {
    each_four(others, entries, x, task,
              [&](const Four& products, std::size_t first, std::size_t number, const float* a, const float* b,
                  const float* c, const float* d) {
                  std::array<float, 4> times{};
                  for (std::size_t i = 0; i < number; ++i) {
                      times[i] = weight(alpha * entries.values[first + i], products[i]);
                  }
                  Vector times_a;
                  Vector times_b;
                  Vector times_c;
                  Vector times_d;
                  spread(times[0], times_a);
                  spread(times[1], times_b);
                  spread(times[2], times_c);
                  spread(times[3], times_d);
                  for (std::size_t j = 0; j < others.stride(); j += kFloatLanes) {
                      Vector values;
                      Vector to;
                      load(sum + j, to);
                      load(a + j, values);
                      add_product(times_a, values, to);
                      load(b + j, values);
                      add_product(times_b, values, to);
                      load(c + j, values);
                      add_product(times_c, values, to);
                      load(d + j, values);
                      add_product(times_d, values, to);
                      store(to, sum + j);
                  }
              });
}

inline float product(const float* a, const float* b, std::size_t stride) {
    Four products;
    four_products(a, b, b, b, b, stride, products);
    return products[0];
}

// to = a + times * b
inline void add_to(const float* a, float times, const float* b, std::size_t stride, float* to) {
    Vector spread_times;
    spread(times, spread_times);
    for (std::size_t j = 0; j < stride; j += kFloatLanes) {
        Vector sum;
        Vector values;
        load(a + j, sum);
        load(b + j, values);
        add_product(spread_times, values, sum);
        store(sum, to + j);
    }
}

inline void conjugate_gradient(const float* gram, const Factors& others, const SparseRow& entries, float alpha,
                               int steps, float* x, float* scratch, const Task& task) {
    constexpr float kNothing = 1e-20F;
    const std::size_t stride = others.stride();
    float* const residual = scratch;
    float* const direction = scratch + stride;
    float* const image = scratch + 2 * stride;
    multiply(gram, x, stride, residual);
    for (std::size_t j = 0; j < stride; ++j) {
        residual[j] = -residual[j];
    }
    // b - A x: an entry's share is c y - (c - 1) y y'x
    add_weighted(others, entries, alpha, x, residual, task,
                 [](float above, float own) { return 1 + above * (1 - own); });
    std::memcpy(direction, residual, stride * sizeof(float));
    float square = product(residual, residual, stride);
    for (int step = 0; step < steps && square >= kNothing; ++step) {
        multiply(gram, direction, stride, image);
        add_weighted(others, entries, alpha, direction, image, task,
                     [](float above, float own) { return above * own; });
        const float curvature = product(direction, image, stride);
        if (!(curvature > 0)) {  // rounding has eaten what was left
            break;
        }
        const float length = square / curvature;
        add_to(x, length, direction, stride, x);
        add_to(residual, -length, image, stride, residual);
        const float before = square;
        square = product(residual, residual, stride);
        add_to(residual, square / before, direction, stride, direction);
    }
}

inline double cost_of_entries(const Factors& others, const SparseRow& entries, float alpha, const float* x,
                              const Task& task) {
    double cost = 0;
    each_four(others, entries, x, task,
              [&](const Four& products, std::size_t first, std::size_t number, const float*, const float*, const float*,
                  const float*) {
                  for (std::size_t i = 0; i < number; ++i) {
                      const double confidence = 1 + static_cast<double>(alpha) * entries.values[first + i];
                      const double own = products[i];
                      cost += confidence * (1 - own) * (1 - own) - own * own;
                  }
              });
    return cost;
}
