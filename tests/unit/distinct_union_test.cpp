// Unions of distinct counts. That they are, byte by byte, what the hll extension makes is tested where that is
// (tests/pgtap/93_distinct_union.sql).
#include "core/distinct_union.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <memory_resource>
#include <vector>

namespace analytics {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes hashes(const std::vector<std::uint64_t>& values) {
    Bytes set = {0x12, 0x91, 0x4b};
    for (const auto value : values) {
        for (int shift = 56; shift >= 0; shift -= 8) {
            set.push_back(static_cast<std::uint8_t>(value >> shift));
        }
    }
    return set;
}

// Hash i fills register i with 1, of all registers.
std::uint64_t hash(std::uint64_t i) { return std::uint64_t{1} << 17 | i; }

Bytes range(std::uint64_t first, std::uint64_t last) {
    std::vector<std::uint64_t> values;
    for (auto i = first; i < last; ++i) {
        values.push_back(hash(i));
    }
    return hashes(values);
}

struct Sets : testing::Test {
    std::pmr::monotonic_buffer_resource memory;
    DistinctUnion sets{&memory};
};
using DistinctUnionTest = Sets;

TEST_F(DistinctUnionTest, nothing_is_an_empty_set) {
    EXPECT_EQ(sets.set(), (Bytes{0x11, 0x91, 0x4b}));
    EXPECT_EQ(sets.count(), 0);
    sets.add(Bytes{0x11, 0x91, 0x4b});
    EXPECT_EQ(sets.count(), 0);
}

TEST_F(DistinctUnionTest, hashes_are_kept_sorted_as_signed_numbers_each_once) {
    sets.add(hashes({5, 0x8000000000000000}));
    sets.add(hashes({7, 5}));
    EXPECT_EQ(sets.count(), 3);
    EXPECT_EQ(sets.set(), hashes({0x8000000000000000, 5, 7}));
    sets.add(hashes({6}));
    EXPECT_EQ(sets.set(), hashes({0x8000000000000000, 5, 6, 7}));
}

TEST_F(DistinctUnionTest, up_to_1024_are_exact_though_many_come_twice) {
    for (int i = 0; i < 9; ++i) {
        sets.add(range(0, 1024));
    }
    EXPECT_EQ(sets.count(), 1024);
    EXPECT_EQ(sets.set(), range(0, 1024));
}

TEST_F(DistinctUnionTest, beyond_they_fill_registers) {
    sets.add(range(0, 1025));
    const auto set = sets.set();
    EXPECT_EQ(set[0], 0x13);
    EXPECT_EQ(set.size(), 3 + (1025 * 22 + 7) / 8);
    // registers 0, 1, ... of 17 bits each with a 1 of 5 bits: 0..00 00001 0..01 00001
    EXPECT_EQ(Bytes(set.begin() + 3, set.begin() + 9), (Bytes{0x00, 0x00, 0x04, 0x00, 0x02, 0x10}));
    // linear counting: m ln(m / empty registers)
    EXPECT_DOUBLE_EQ(sets.count(), 131072 * std::log(131072.0 / (131072 - 1025)));
}

TEST_F(DistinctUnionTest, two_of_one_register_are_two_while_they_are_kept) {
    std::vector<std::uint64_t> values;
    for (std::uint64_t i = 1; i <= 1024; ++i) {
        values.push_back(i << 17);  // all of register 0
    }
    sets.add(hashes(values));
    EXPECT_EQ(sets.count(), 1024);
    sets.add(hashes({std::uint64_t{1025} << 17}));
    EXPECT_DOUBLE_EQ(sets.count(), 131072 * std::log(131072.0 / 131071));
}

TEST_F(DistinctUnionTest, sparse_full_and_hashes_unite) {
    DistinctUnion sparse(&memory), full(&memory), all(&memory);
    sparse.add(range(0, 2000));
    full.add(range(1000, 70000));
    EXPECT_EQ(sparse.set()[0], 0x13);
    EXPECT_EQ(full.set()[0], 0x14);
    EXPECT_EQ(full.set().size(), 3 + 131072 * 5 / 8);
    sets.add(range(90000, 90010));
    sets.add(sparse.set());
    sets.add(full.set());
    sets.add(range(90005, 90020));
    all.add(range(0, 70000));
    all.add(range(90000, 90020));
    EXPECT_EQ(sets.set(), all.set());
    EXPECT_DOUBLE_EQ(sets.count(), 131072 * std::log(131072.0 / (131072 - 70020)));
}

TEST_F(DistinctUnionTest, what_a_register_holds_is_bounded) {
    sets.add(range(0, 1025));
    sets.add(hashes({std::uint64_t{1} << 63, 17}));  // 46 zeros after the index; nothing after it
    DistinctUnion again(&memory);
    again.add(sets.set());
    EXPECT_EQ(again.set(), sets.set());
    EXPECT_EQ(sets.set()[5] & 0x7c, 31 << 2);
}

TEST_F(DistinctUnionTest, where_no_register_is_empty_the_estimate_is_the_harmonic_mean) {
    // all registers 3: 0.7213 / (1 + 1.079 / m) m^2 / (m / 8)
    std::vector<std::uint64_t> values;
    for (std::uint64_t i = 0; i < 131072; ++i) {
        values.push_back(std::uint64_t{4} << 17 | i);
    }
    sets.add(hashes(values));
    EXPECT_DOUBLE_EQ(sets.count(), 0.7213 / (1 + 1.079 / 131072) * 131072 * 8);
}

TEST_F(DistinctUnionTest, what_is_no_such_set_is_refused) {
    for (const Bytes& bytes :
         {Bytes{}, Bytes{0x12, 0x91}, Bytes{0x12, 0x8b, 0x4b}, Bytes{0x12, 0x91, 0x4a}, Bytes{0x12, 0x91, 0x4b, 0x00},
          Bytes{0x10, 0x91, 0x4b}, Bytes{0x15, 0x91, 0x4b}, Bytes{0x22, 0x91, 0x4b}, Bytes{0x14, 0x91, 0x4b, 0x00}}) {
        EXPECT_THROW(sets.add(bytes), Error);
    }
    EXPECT_EQ(sets.count(), 0);
}

}  // namespace
}  // namespace analytics
