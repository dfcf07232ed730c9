// The union of many distinct counts (HyperLogLogs of the hll extension, in its storage format, version 1), as reports
// need it: hundreds of small sets an answer. The extension's own aggregate sorts all it has for each set that comes;
// this one gathers hashes and sorts them now and then. What comes out is, byte by byte, what the extension makes of the
// same sets.
//
// Sets have the engine's shape (hll_of(): 2^17 registers of 5 bits, up to 1,024 hashes kept as they are, sparse
// allowed); any other is refused.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace analytics {

class DistinctUnion {
public:
    static constexpr int kIndexBits = 17;
    static constexpr std::size_t kRegisters = std::size_t{1} << kIndexBits;
    static constexpr int kWidth = 5;
    static constexpr std::size_t kExplicit = 1024;  // so many hashes are kept as they are, and counted exactly

    // All that it holds lies in this memory.
    explicit DistinctUnion(std::pmr::memory_resource* memory) : hashes_(memory), registers_(memory) {}

    // Throws Error(Code::invalid_parameter) where the bytes are no such set.
    void add(std::span<const std::uint8_t> set);

    // The union as a set, and how many it counts.
    std::vector<std::uint8_t> set();
    double count();

private:
    void shrink();                       // sorts what came, each hash once
    std::vector<std::uint8_t> filled();  // one byte a register; empty where all hashes are kept, sorted

    std::pmr::vector<std::uint64_t> hashes_;
    std::size_t shrink_at_ = 4096;
    std::pmr::vector<std::uint8_t> registers_;  // empty until a set had registers, or hashes are too many to keep
};

}  // namespace analytics
