// k-means on rows from a file, for bench/performance/kmeans.py: kmeans_bench FILE ROWS COLUMNS K THREADS
// The file holds doubles, row by row; the first K rows are where the centroids begin. Prints milliseconds waited,
// milliseconds of processor time, inertia and iterations of the second of two runs.
#include "core/models/kmeans.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <utility>
#include <vector>

namespace models = analytics::models;

int main(int argc, char** argv) {
    if (argc != 6) {
        std::fputs("kmeans_bench FILE ROWS COLUMNS K THREADS\n", stderr);
        return 2;
    }
    const std::size_t rows = std::strtoull(argv[2], nullptr, 10);
    const std::size_t columns = std::strtoull(argv[3], nullptr, 10);
    const int k = std::atoi(argv[4]);
    std::vector<double> values(rows * columns);
    std::ifstream file(argv[1], std::ios::binary);
    if (!file.read(reinterpret_cast<char*>(values.data()),
                   static_cast<std::streamsize>(values.size() * sizeof(double)))) {
        std::fputs("the file is too short\n", stderr);
        return 1;
    }
    models::KmeansOptions options;
    options.k = k;
    options.max_iterations = 1000;
    options.start = models::Matrix(static_cast<std::size_t>(k), columns,
                                   {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(k * columns)});
    const models::Matrix points(rows, columns, std::move(values));
    for (int run = 0; run < 2; ++run) {
        models::Task task(std::atoi(argv[5]), std::size_t{1} << 40);
        const auto begin = std::chrono::steady_clock::now();
        const std::clock_t begin_cpu = std::clock();
        const auto found = models::kmeans(points, options, task);
        const std::chrono::duration<double, std::milli> waited = std::chrono::steady_clock::now() - begin;
        const double cpu = static_cast<double>(std::clock() - begin_cpu) * 1000 / CLOCKS_PER_SEC;
        if (run == 1) {
            std::printf("%.3f %.3f %.17g %d\n", waited.count(), cpu, found.inertia, found.iterations);
        }
    }
}
