// Random numbers that a seed fixes on every platform. The standard fixes the generator and the seed sequence, but not
// its distributions: those are here.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace analytics::models {

class Random {
public:
    // Streams of one seed are independent of each other.
    Random(std::int64_t seed, std::uint32_t stream) {
        const auto bits = static_cast<std::uint64_t>(seed);
        std::seed_seq sequence{static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32), stream};
        generator_.seed(sequence);
    }

    // In [0, 1), a multiple of 2^-53.
    double uniform() { return static_cast<double>(generator_() >> 11) * 0x1p-53; }

    // In [0, end), end > 0.
    std::size_t below(std::size_t end) {
        const std::size_t most = UINT64_MAX - UINT64_MAX % end;  // what is above would make the first few likelier
        std::uint64_t bits = generator_();
        while (bits >= most) {
            bits = generator_();
        }
        return bits % end;
    }

    // `size` of 0 .. from - 1 in ascending order, each set as likely as any other (Knuth's algorithm S).
    std::vector<std::size_t> sample(std::size_t from, std::size_t size) {
        std::vector<std::size_t> chosen;
        chosen.reserve(size);
        for (std::size_t i = 0; i < from && chosen.size() < size; ++i) {
            if (below(from - i) < size - chosen.size()) {
                chosen.push_back(i);
            }
        }
        return chosen;
    }

private:
    std::mt19937_64 generator_;
};

}  // namespace analytics::models
