// Implicit ALS on entries from a file, for comparison: als_bench FILE CUSTOMERS PRODUCTS ENTRIES FACTORS ITERATIONS
// THREADS. The file holds ENTRIES triples (two 32-bit whole numbers, a float), then the factors to begin with,
// customers' and products', row by row, as floats. Prints milliseconds waited, milliseconds of processor time, the loss
// of an average pair, and for a search of ten products for each of up to 10,000 customers: microseconds of one, and
// what share of the products it looks at.
#include "core/models/implicit_als.hpp"
#include "core/models/top_products.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <vector>

namespace models = analytics::models;

namespace {

template <typename Value>
bool read(std::ifstream& file, Value* to, std::size_t count) {
    return static_cast<bool>(
        file.read(reinterpret_cast<char*>(to), static_cast<std::streamsize>(count * sizeof(Value))));
}

bool read(std::ifstream& file, models::Factors& factors) {
    for (std::size_t i = 0; i < factors.rows(); ++i) {
        if (!read(file, factors.row(i), factors.columns())) {
            return false;
        }
    }
    return true;
}

double milliseconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 8) {
        std::fputs("als_bench FILE CUSTOMERS PRODUCTS ENTRIES FACTORS ITERATIONS THREADS\n", stderr);
        return 2;
    }
    const std::size_t customers = std::strtoull(argv[2], nullptr, 10);
    const std::size_t products = std::strtoull(argv[3], nullptr, 10);
    models::AlsOptions options;
    options.factors = std::atoi(argv[5]);
    options.iterations = std::atoi(argv[6]);
    const auto factors = static_cast<std::size_t>(options.factors);
    options.start = {models::Factors(customers, factors), models::Factors(products, factors)};
    std::vector<models::Triple> triples(std::strtoull(argv[4], nullptr, 10));
    std::ifstream file(argv[1], std::ios::binary);
    if (!read(file, triples.data(), triples.size()) || !read(file, options.start.customers) ||
        !read(file, options.start.products)) {
        std::fputs("the file is too short\n", stderr);
        return 1;
    }
    const auto entries = models::SparseRows::from_triples(customers, products, triples);
    models::Task task(std::atoi(argv[7]), std::size_t{1} << 40);
    auto begin = std::chrono::steady_clock::now();
    const std::clock_t begin_cpu = std::clock();
    const auto result = models::implicit_als(entries, options, task);
    const double waited = milliseconds_since(begin);
    const double computed = 1000.0 * static_cast<double>(std::clock() - begin_cpu) / CLOCKS_PER_SEC;
    std::printf("%.1f %.1f %.9g\n", waited, computed, result.losses.back() / result.confidence);

    const models::TopProducts top(result.products);
    const std::size_t asked = std::min<std::size_t>(customers, 10000);
    std::size_t all = 0;
    begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < asked; ++i) {
        std::size_t looked_at = 0;
        top.find(result.customers.values(i), 10, {}, &looked_at);
        all += looked_at;
    }
    std::printf("%.2f %.4f\n", 1000 * milliseconds_since(begin) / static_cast<double>(asked),
                static_cast<double>(all) / static_cast<double>(asked * products));
    return 0;
}
