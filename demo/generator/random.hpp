// Random numbers whose sequence is the same everywhere: integers only, no std:: distribution, no floating point.
//
// mix() turns a few numbers into one well-scattered one, so that every session, visitor and product gets a generator
// of its own from what names it: what happens on a day does not depend on which days are generated.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace traffic {

// One step of splitmix64 (Steele, Lea, Flood 2014).
constexpr std::uint64_t scatter(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

template <typename... Parts>
constexpr std::uint64_t mix(std::uint64_t first, Parts... rest) {
    std::uint64_t mixed = scatter(first);
    ((mixed = scatter(mixed ^ static_cast<std::uint64_t>(rest))), ...);
    return mixed;
}

// xoshiro256** 1.0 (Blackman, Vigna 2018).
class Random {
public:
    explicit Random(std::uint64_t seed) {
        for (auto& word : state_) word = seed = scatter(seed);
    }

    std::uint64_t next() {
        const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
        const std::uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = rotate(state_[3], 45);
        return result;
    }

    // 0 .. n - 1; the bias is below n / 2^64.
    std::uint64_t below(std::uint64_t n) {
        return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
    }

    // 0 .. n - 1, the smaller ones oftener: the mean is about n / 4.
    std::uint64_t mostly_low(std::uint64_t n) { return below(below(n) + 1); }

    bool chance(std::uint64_t per_mille) { return below(1000) < per_mille; }

private:
    static constexpr std::uint64_t rotate(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

    std::array<std::uint64_t, 4> state_{};
};

// Draws an index in proportion to its weight.
class Weighted {
public:
    Weighted() = default;
    explicit Weighted(std::span<const std::uint64_t> weights) {
        for (const auto weight : weights) add(weight);
    }

    // Zipf-Mandelbrot with exponent 1: rank r (from 0) has the weight 1 / (r + flattening).
    static std::uint64_t zipf(std::uint64_t rank, std::uint64_t flattening) {
        return (std::uint64_t{1} << 40) / (rank + flattening);
    }

    void add(std::uint64_t weight) { cumulative_.push_back((empty() ? 0 : cumulative_.back()) + weight); }
    bool empty() const { return cumulative_.empty(); }

    std::size_t pick(Random& random) const {
        const auto point = random.below(cumulative_.back());
        return static_cast<std::size_t>(std::ranges::upper_bound(cumulative_, point) - cumulative_.begin());
    }

private:
    std::vector<std::uint64_t> cumulative_;
};

}  // namespace traffic
