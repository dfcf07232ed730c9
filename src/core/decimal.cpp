#include "core/decimal.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <boost/multiprecision/cpp_int.hpp>
#include <numeric>

namespace analytics {
namespace {

using UInt128 = unsigned __int128;

// Holds a product of two coefficients brought to any two scales: 10^76 * 10^76 < 2^511.
using Wide = boost::multiprecision::number<boost::multiprecision::cpp_int_backend<
    512, 512, boost::multiprecision::signed_magnitude, boost::multiprecision::unchecked, void>>;

constexpr int kMaxDigits = 38;        // of a coefficient
constexpr int kMaxParsedDigits = 22;  // of a number that was sent; times a quantity it still fits

constexpr auto kPowersOfTen = [] {
    std::array<UInt128, kMaxDigits + 1> powers{};
    powers[0] = 1;
    for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
    return powers;
}();

constexpr UInt128 power_of_ten(int exponent) { return kPowersOfTen[static_cast<std::size_t>(exponent)]; }

constexpr UInt128 magnitude(__int128 value) {
    return value < 0 ? -static_cast<UInt128>(value) : static_cast<UInt128>(value);
}

[[noreturn]] void throw_out_of_range() {
    throw Error(Code::out_of_range, "number has too many digits").hint("At most 38 digits can be held in all.");
}

__int128 checked(__int128 coefficient) {
    if (magnitude(coefficient) >= power_of_ten(kMaxDigits)) throw_out_of_range();
    return coefficient;
}

__int128 checked_multiply(__int128 a, __int128 b) {
    __int128 product;
    if (__builtin_mul_overflow(a, b, &product)) throw_out_of_range();
    return checked(product);
}

__int128 rescaled(const Decimal& value, int scale) {
    const int difference = scale - value.scale();
    if (difference == 0) return value.coefficient();
    return checked_multiply(value.coefficient(), static_cast<__int128>(power_of_ten(difference)));
}

Wide wide(UInt128 value) {
    Wide result = static_cast<std::uint64_t>(value >> 64);
    result <<= 64;
    return result + static_cast<std::uint64_t>(value);
}

Wide wide_power_of_ten(int exponent) {
    Wide result = 1;
    for (; exponent > kMaxDigits; exponent -= kMaxDigits) result *= wide(power_of_ten(kMaxDigits));
    return result * wide(power_of_ten(exponent));
}

UInt128 narrow(const Wide& value) {
    if (value >= wide(power_of_ten(kMaxDigits))) throw_out_of_range();
    return (static_cast<UInt128>(static_cast<std::uint64_t>(value >> 64)) << 64) |
           static_cast<std::uint64_t>(value & ~std::uint64_t{0});
}

int bit_width(UInt128 value) {
    const auto high = static_cast<std::uint64_t>(value >> 64);
    return high != 0 ? 128 - std::countl_zero(high) : 64 - std::countl_zero(static_cast<std::uint64_t>(value));
}

// all * weights[i] / sum of weights, rounded down, and what is left over one each to the largest remainders.
template <typename Int>
std::vector<UInt128> share_units(const Int& all, const std::vector<Int>& weights, UInt128 (*to_units)(const Int&)) {
    const Int total_weight = std::accumulate(weights.begin(), weights.end(), Int{0});
    std::vector<UInt128> shares(weights.size());
    std::vector<Int> remainders(weights.size());
    UInt128 left = to_units(all);
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const Int product = all * weights[i];
        shares[i] = to_units(Int(product / total_weight));
        remainders[i] = product % total_weight;
        left -= shares[i];
    }
    if (left == 0) return shares;

    std::vector<std::size_t> order(weights.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return remainders[a] > remainders[b]; });
    for (std::size_t i = 0; i < static_cast<std::size_t>(left); ++i) ++shares[order[i]];
    return shares;
}

std::vector<UInt128> share_units(UInt128 units, std::span<const Decimal> weights) {
    int scale = 0;
    for (const Decimal& weight : weights) scale = std::max(scale, weight.scale());

    int widest = 0;
    for (const Decimal& weight : weights) {
        const int bits = bit_width(magnitude(weight.coefficient())) + bit_width(power_of_ten(scale - weight.scale()));
        widest = std::max(widest, bits);
    }
    // So that neither a weight times the units nor the sum of up to 2^31 weights overflows: nearly always.
    const bool fits = widest + bit_width(units) <= 127 && widest <= 96;

    if (fits) {
        std::vector<UInt128> scaled(weights.size());
        for (std::size_t i = 0; i < weights.size(); ++i) {
            scaled[i] = magnitude(weights[i].coefficient()) * power_of_ten(scale - weights[i].scale());
        }
        return share_units<UInt128>(units, scaled, [](const UInt128& value) { return value; });
    }
    std::vector<Wide> scaled(weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i) {
        scaled[i] = wide(magnitude(weights[i].coefficient())) * wide_power_of_ten(scale - weights[i].scale());
    }
    return share_units<Wide>(wide(units), scaled, narrow);
}

}  // namespace

std::optional<Decimal> Decimal::parse(std::string_view text) {
    const char* p = text.data();
    const char* const end = p + text.size();
    const auto is_digit = [&] { return p != end && *p >= '0' && *p <= '9'; };

    const bool negative = p != end && *p == '-';
    if (negative) ++p;
    if (!is_digit()) return std::nullopt;

    UInt128 coefficient = 0;
    int digits = 0;  // significant ones
    bool too_long = false;
    const auto take_digit = [&] {
        if (coefficient != 0 || *p != '0') ++digits;
        if (digits > kMaxParsedDigits) {
            too_long = true;
        } else {
            coefficient = coefficient * 10 + static_cast<unsigned>(*p - '0');
        }
        ++p;
    };

    if (*p == '0') {
        ++p;
    } else {
        while (is_digit()) take_digit();
    }
    std::int64_t scale = 0;
    if (p != end && *p == '.') {
        ++p;
        if (!is_digit()) return std::nullopt;
        const char* const first = p;
        while (is_digit()) take_digit();
        scale = p - first;
    }
    if (p != end && (*p == 'e' || *p == 'E')) {
        ++p;
        const bool negative_exponent = p != end && *p == '-';
        if (p != end && (*p == '-' || *p == '+')) ++p;
        if (!is_digit()) return std::nullopt;
        std::int64_t exponent = 0;
        for (; is_digit(); ++p) exponent = std::min<std::int64_t>(exponent * 10 + (*p - '0'), 1'000'000'000);
        scale += negative_exponent ? exponent : -exponent;
    }
    if (p != end) return std::nullopt;

    if (coefficient == 0 && !too_long) scale = std::max<std::int64_t>(scale, 0);
    if (scale < 0 && !too_long) {
        too_long = digits - scale > kMaxParsedDigits;
        if (!too_long) coefficient *= power_of_ten(static_cast<int>(-scale));
        scale = 0;
    }
    if (too_long || scale > kMaxParsedDigits) {
        throw Error(Code::out_of_range, "number has more than 22 digits")
            .hint("A number has at most 22 significant digits, at most 22 of them after the point.");
    }
    const auto value = static_cast<__int128>(coefficient);
    return Decimal(negative ? -value : value, static_cast<int>(scale));
}

std::string Decimal::to_string() const {
    std::array<char, kMaxDigits + 4> buffer;  // sign, point, a leading zero
    char* p = buffer.data() + buffer.size();
    UInt128 rest = magnitude(coefficient_);
    for (int written = 0; rest != 0 || written <= scale_; ++written) {
        if (written == scale_ && scale_ > 0) *--p = '.';
        *--p = static_cast<char>('0' + static_cast<int>(rest % 10));
        rest /= 10;
    }
    if (coefficient_ < 0) *--p = '-';
    return std::string(p, buffer.data() + buffer.size());
}

Decimal operator+(const Decimal& a, const Decimal& b) {
    const int scale = std::max(a.scale_, b.scale_);
    return Decimal(checked(rescaled(a, scale) + rescaled(b, scale)), scale);
}

Decimal operator-(const Decimal& a, const Decimal& b) { return a + Decimal(-b.coefficient_, b.scale_); }

Decimal operator*(const Decimal& a, std::int64_t factor) {
    return Decimal(checked_multiply(a.coefficient_, factor), a.scale_);
}

std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
    if (a.scale_ == b.scale_) return a.coefficient_ <=> b.coefficient_;
    const int sign_a = (a.coefficient_ > 0) - (a.coefficient_ < 0);
    const int sign_b = (b.coefficient_ > 0) - (b.coefficient_ < 0);
    if (sign_a != sign_b || sign_a == 0) return sign_a <=> sign_b;
    const int scale = std::max(a.scale_, b.scale_);
    const Wide left = wide(magnitude(a.coefficient_)) * wide_power_of_ten(scale - a.scale_);
    const Wide right = wide(magnitude(b.coefficient_)) * wide_power_of_ten(scale - b.scale_);
    const int by_magnitude = left.compare(right);
    return (sign_a > 0 ? by_magnitude : -by_magnitude) <=> 0;
}

bool operator==(const Decimal& a, const Decimal& b) { return (a <=> b) == std::strong_ordering::equal; }

Decimal multiply_divide(const Decimal& a, const Decimal& b, const Decimal& c, int digits) {
    if (c.is_zero()) throw Error(Code::out_of_range, "division by zero");
    const int shift = digits + c.scale() - a.scale() - b.scale();
    Wide numerator = wide(magnitude(a.coefficient())) * wide(magnitude(b.coefficient()));
    Wide denominator = wide(magnitude(c.coefficient()));
    if (shift >= 0) {
        numerator *= wide_power_of_ten(shift);
    } else {
        denominator *= wide_power_of_ten(-shift);
    }
    Wide quotient = numerator / denominator;
    if ((numerator - quotient * denominator) * 2 >= denominator) ++quotient;
    const auto coefficient = static_cast<__int128>(narrow(quotient));
    const bool negative = a.is_negative() != b.is_negative() ? !c.is_negative() : c.is_negative();
    return Decimal(negative ? -coefficient : coefficient, digits);
}

std::vector<Decimal> share_out(const Decimal& total, std::span<const Decimal> weights, int digits) {
    std::vector<Decimal> shares(weights.size(), Decimal(0, digits));
    if (weights.empty()) return shares;

    const auto weighted = std::find_if(weights.begin(), weights.end(), [](const Decimal& w) { return !w.is_zero(); });
    if (weighted == weights.end()) {
        shares.front() = total;
        return shares;
    }

    UInt128 units = magnitude(total.coefficient());
    UInt128 beyond = 0;  // what is smaller than a unit, at the total's own scale
    if (total.scale() <= digits) {
        units = magnitude(rescaled(total, digits));
    } else {
        const UInt128 unit = power_of_ten(total.scale() - digits);
        beyond = units % unit;
        units /= unit;
    }

    const std::vector<UInt128> counts = share_units(units, weights);
    const __int128 sign = total.is_negative() ? -1 : 1;
    for (std::size_t i = 0; i < shares.size(); ++i) {
        shares[i] = Decimal(sign * static_cast<__int128>(counts[i]), digits);
    }
    if (beyond != 0) {
        const auto shared = std::find_if(shares.begin(), shares.end(), [](const Decimal& s) { return !s.is_zero(); });
        Decimal& target =
            shared != shares.end() ? *shared : shares[static_cast<std::size_t>(weighted - weights.begin())];
        target = target + Decimal(sign * static_cast<__int128>(beyond), total.scale());
    }
    return shares;
}

}  // namespace analytics
