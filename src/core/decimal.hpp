// Exact decimal numbers for money: a coefficient and a scale, no binary fraction anywhere.
//
// Invariant: |coefficient| < 10^38 and 0 <= scale <= 38; an operation whose result would not fit throws
// Error(Code::out_of_range). The scale that was sent is kept ("19.90" stays 19.90).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace analytics {

class Decimal {
public:
    constexpr Decimal() = default;
    constexpr Decimal(__int128 coefficient, int scale) : coefficient_(coefficient), scale_(scale) {}

    // JSON number grammar (optional exponent). Nullopt when the text is no such number. Digits beyond the limit of
    // 22 significant ones (or a scale beyond 22) throw Error(Code::out_of_range).
    static std::optional<Decimal> parse(std::string_view text);

    __int128 coefficient() const { return coefficient_; }
    int scale() const { return scale_; }
    bool is_negative() const { return coefficient_ < 0; }
    bool is_zero() const { return coefficient_ == 0; }
    std::string to_string() const;

    friend Decimal operator+(const Decimal& a, const Decimal& b);
    friend Decimal operator-(const Decimal& a, const Decimal& b);
    friend Decimal operator*(const Decimal& a, std::int64_t factor);
    friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b);  // by value: 1.0 == 1.00
    friend bool operator==(const Decimal& a, const Decimal& b);

private:
    __int128 coefficient_ = 0;
    int scale_ = 0;
};

// round(a * b / c) to `digits` decimals, half away from zero; intermediate results are held exactly.
Decimal multiply_divide(const Decimal& a, const Decimal& b, const Decimal& c, int digits);

// Shares `total` out in proportion to `weights` (none negative), each share a multiple of 10^-digits, by largest
// remainder (ties: the earlier one first); the shares add up to `total` exactly: what `total` has beyond `digits`
// decimals goes to the first share that is not zero (or the first weight that is not zero).
// All weights zero: everything goes to the first.
std::vector<Decimal> share_out(const Decimal& total, std::span<const Decimal> weights, int digits);

}  // namespace analytics
