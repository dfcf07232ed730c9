// MurmurHash3, x64, 128 bits (Austin Appleby, public domain). Its first half with seed 0 is what hll_hash_text() of the
// hll extension gives, so that keys hashed here and there are the same.
#pragma once

#include "core/no_postgres.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace analytics::cells {

struct Hash128 {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    friend bool operator==(const Hash128&, const Hash128&) = default;
};

namespace detail {

inline std::uint64_t rotate(std::uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }

inline std::uint64_t finish(std::uint64_t k) {
    k = (k ^ (k >> 33)) * 0xff51afd7ed558ccdULL;
    k = (k ^ (k >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return k ^ (k >> 33);
}

}  // namespace detail

inline Hash128 murmur3(std::string_view text, std::uint64_t seed = 0) {
    constexpr std::uint64_t kFirst = 0x87c37b91114253d5ULL;
    constexpr std::uint64_t kSecond = 0x4cf5ad432745937fULL;
    std::uint64_t h1 = seed;
    std::uint64_t h2 = seed;
    const char* data = text.data();
    std::size_t left = text.size();
    for (; left >= 16; left -= 16, data += 16) {
        std::uint64_t k1 = 0;
        std::uint64_t k2 = 0;
        std::memcpy(&k1, data, 8);
        std::memcpy(&k2, data + 8, 8);
        h1 ^= detail::rotate(k1 * kFirst, 31) * kSecond;
        h1 = (detail::rotate(h1, 27) + h2) * 5 + 0x52dce729;
        h2 ^= detail::rotate(k2 * kSecond, 33) * kFirst;
        h2 = (detail::rotate(h2, 31) + h1) * 5 + 0x38495ab5;
    }
    std::uint64_t k1 = 0;
    std::uint64_t k2 = 0;
    std::memcpy(&k1, data, left < 8 ? left : 8);
    if (left > 8) {
        std::memcpy(&k2, data + 8, left - 8);
        h2 ^= detail::rotate(k2 * kSecond, 33) * kFirst;
    }
    h1 ^= detail::rotate(k1 * kFirst, 31) * kSecond;
    h1 ^= text.size();
    h2 ^= text.size();
    h1 += h2;
    h2 += h1;
    h1 = detail::finish(h1);
    h2 = detail::finish(h2);
    h1 += h2;
    return {h1, h2 + h1};
}

// Order matters; for values that are hashes, or small numbers.
inline std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
    return detail::finish(detail::rotate(hash, 23) * 0x9e3779b97f4a7c15ULL + value);
}

// A set of hashes: open addressing, since a node for each would cost more than the hash.
class HashSet {
public:
    // Whether it was not there before.
    bool insert(Hash128 hash) {
        hash.low |= hash == Hash128{} ? 1 : 0;  // zero marks a free place
        std::size_t place = hash.low & (places_.size() - 1);
        for (; places_[place] != Hash128{}; place = (place + 1) & (places_.size() - 1)) {
            if (places_[place] == hash) {
                return false;
            }
        }
        places_[place] = hash;
        if (++size_ * 2 > places_.size()) {
            grow();
        }
        return true;
    }
    std::size_t bytes() const { return places_.size() * sizeof(Hash128); }

private:
    void grow() {
        std::vector<Hash128> old(places_.size() * 2);
        old.swap(places_);
        for (const Hash128& hash : old) {
            if (hash != Hash128{}) {
                std::size_t place = hash.low & (places_.size() - 1);
                while (places_[place] != Hash128{}) {
                    place = (place + 1) & (places_.size() - 1);
                }
                places_[place] = hash;
            }
        }
    }

    std::vector<Hash128> places_ = std::vector<Hash128>(1024);
    std::size_t size_ = 0;
};

}  // namespace analytics::cells
