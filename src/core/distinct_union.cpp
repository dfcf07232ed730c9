#include "core/distinct_union.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace analytics {

namespace {

// The first byte: version and kind. The second and third say the shape: width - 1 and index bits; sparse allowed, and
// the logarithm of what is kept as hashes, plus one.
enum Kind : std::uint8_t { kUndefined = 0x10, kEmpty = 0x11, kHashes = 0x12, kSparse = 0x13, kFull = 0x14 };
constexpr std::uint8_t kShape1 = ((DistinctUnion::kWidth - 1) << 5) | DistinctUnion::kIndexBits;
constexpr std::uint8_t kShape2 = 0x40 | 11;
constexpr std::size_t kHeader = 3;
constexpr std::size_t kMost = (std::size_t{1} << DistinctUnion::kWidth) - 1;
constexpr std::size_t kSparseBits = DistinctUnion::kIndexBits + DistinctUnion::kWidth;
constexpr std::size_t kFullBytes = DistinctUnion::kRegisters * DistinctUnion::kWidth / 8;
// Beyond so many hashes registers take less memory.
constexpr std::size_t kMostHashes = DistinctUnion::kRegisters / sizeof(std::uint64_t);

[[noreturn]] void refuse(const char* detail) {
    throw Error(Code::invalid_parameter, "this is no distinct count of a rollup").detail(detail);
}

// Big-endian bits, read from the front.
class Bits {
public:
    explicit Bits(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    std::uint32_t take(std::size_t width) {
        while (held_ < width) {
            buffer_ = buffer_ << 8 | bytes_[at_++];
            held_ += 8;
        }
        held_ -= width;
        return static_cast<std::uint32_t>(buffer_ >> held_ & ((std::uint64_t{1} << width) - 1));
    }

private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    std::uint64_t buffer_ = 0;
    std::size_t held_ = 0;
};

class BitWriter {
public:
    explicit BitWriter(std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}

    void put(std::uint32_t value, std::size_t width) {
        buffer_ = buffer_ << width | value;
        for (held_ += width; held_ >= 8; held_ -= 8) {
            bytes_.push_back(static_cast<std::uint8_t>(buffer_ >> (held_ - 8)));
        }
    }

    void end() {
        if (held_ > 0) {
            bytes_.push_back(static_cast<std::uint8_t>(buffer_ << (8 - held_)));
        }
    }

private:
    std::vector<std::uint8_t>& bytes_;
    std::uint64_t buffer_ = 0;
    std::size_t held_ = 0;
};

std::uint64_t big_endian(const std::uint8_t* bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) {
        value = value << 8 | bytes[i];
    }
    return value;
}

void fill(std::span<std::uint8_t> registers, std::uint64_t hash) {
    const std::uint64_t rest = hash >> DistinctUnion::kIndexBits;
    if (rest == 0) {
        return;
    }
    auto& held = registers[hash & (DistinctUnion::kRegisters - 1)];
    held = std::max(held, static_cast<std::uint8_t>(std::min<std::size_t>(std::countr_zero(rest) + 1, kMost)));
}

std::size_t empty_ones(const std::vector<std::uint8_t>& registers) {
    return static_cast<std::size_t>(std::count(registers.begin(), registers.end(), 0));
}

}  // namespace

void DistinctUnion::shrink() {
    std::sort(hashes_.begin(), hashes_.end());
    hashes_.erase(std::unique(hashes_.begin(), hashes_.end()), hashes_.end());
}

// Registers, or none where all hashes are kept. (Hashes that fill more registers than may be kept are more, unsorted as
// they are.)
std::vector<std::uint8_t> DistinctUnion::filled() {
    if (registers_.empty() && hashes_.size() <= kExplicit) {
        shrink();
        return {};
    }
    std::vector<std::uint8_t> registers(registers_.begin(), registers_.end());
    registers.resize(kRegisters);
    for (const auto hash : hashes_) {
        fill(registers, hash);
    }
    if (registers_.empty() && kRegisters - empty_ones(registers) <= kExplicit) {
        shrink();
        if (hashes_.size() <= kExplicit) {
            return {};
        }
    }
    return registers;
}

void DistinctUnion::add(std::span<const std::uint8_t> set) {
    if (set.size() < kHeader || set[1] != kShape1 || set[2] != kShape2) {
        refuse("It has another shape.");
    }
    const auto body = set.subspan(kHeader);
    switch (set[0]) {
        case kEmpty:
            return;
        case kHashes:
            if (body.size() % 8 != 0) {
                refuse("Its hashes are cut off.");
            }
            if (!registers_.empty()) {
                for (std::size_t i = 0; i < body.size(); i += 8) {
                    fill(registers_, big_endian(&body[i]));
                }
                return;
            }
            for (std::size_t i = 0; i < body.size(); i += 8) {
                hashes_.push_back(big_endian(&body[i]));
            }
            if (hashes_.size() >= shrink_at_) {
                shrink();
                shrink_at_ = std::max<std::size_t>(4096, 2 * hashes_.size());
                if (hashes_.size() > kMostHashes) {
                    registers_.resize(kRegisters);
                }
            }
            break;
        case kSparse: {
            registers_.resize(kRegisters);
            Bits bits(body);
            for (std::size_t left = body.size() * 8 / kSparseBits; left > 0; --left) {
                const std::uint32_t entry = bits.take(kSparseBits);
                auto& held = registers_[entry >> kWidth];
                held = std::max(held, static_cast<std::uint8_t>(entry & kMost));
            }
            break;
        }
        case kFull: {
            if (body.size() != kFullBytes) {
                refuse("Its registers are cut off.");
            }
            registers_.resize(kRegisters);
            Bits bits(body);
            for (auto& held : registers_) {
                held = std::max(held, static_cast<std::uint8_t>(bits.take(kWidth)));
            }
            break;
        }
        default:
            refuse("It is of another version or kind.");
    }
    if (!registers_.empty()) {
        for (const auto hash : hashes_) {
            fill(registers_, hash);
        }
        hashes_.clear();
    }
}

std::vector<std::uint8_t> DistinctUnion::set() {
    std::vector<std::uint8_t> bytes = {kEmpty, kShape1, kShape2};
    const auto registers = filled();
    if (registers.empty()) {
        if (!hashes_.empty()) {
            bytes[0] = kHashes;
        }
        // in the extension hashes are signed
        std::sort(hashes_.begin(), hashes_.end(),
                  [](auto a, auto b) { return static_cast<std::int64_t>(a) < static_cast<std::int64_t>(b); });
        for (const auto hash : hashes_) {
            for (int shift = 56; shift >= 0; shift -= 8) {
                bytes.push_back(static_cast<std::uint8_t>(hash >> shift));
            }
        }
        return bytes;
    }
    const bool sparse = ((kRegisters - empty_ones(registers)) * kSparseBits + 7) / 8 < kFullBytes;
    bytes[0] = sparse ? kSparse : kFull;
    BitWriter out(bytes);
    for (std::size_t i = 0; i < kRegisters; ++i) {
        if (!sparse) {
            out.put(registers[i], kWidth);
        } else if (registers[i] != 0) {
            out.put(static_cast<std::uint32_t>(i << kWidth | registers[i]), kSparseBits);
        }
    }
    out.end();
    return bytes;
}

// The extension's estimate: linear counting while registers are empty and the estimate is small, corrected where hashes
// would begin to collide. (Sums of powers of two of this range are exact, in whatever order.)
double DistinctUnion::count() {
    const auto registers = filled();
    if (registers.empty()) {
        return static_cast<double>(hashes_.size());
    }
    const auto empty = static_cast<double>(empty_ones(registers));
    double sum = empty;
    for (std::size_t i = 0; i < kRegisters; i += 8) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, &registers[i], sizeof eight);
        for (; eight != 0; eight >>= 8) {
            sum += (eight & kMost) == 0 ? 0.0 : 1.0 / static_cast<double>(std::uint64_t{1} << (eight & kMost));
        }
    }
    constexpr double kCount = kRegisters;
    const double estimate = 0.7213 / (1.0 + 1.079 / kCount) * kCount * kCount / sum;
    if (empty != 0 && estimate < 5.0 * kCount / 2.0) {
        return kCount * std::log(kCount / empty);
    }
    const double all = std::ldexp(1.0, static_cast<int>(kMost) - 1 + kIndexBits);
    return estimate <= all / 30.0 ? estimate : -all * std::log(1.0 - estimate / all);
}

}  // namespace analytics
