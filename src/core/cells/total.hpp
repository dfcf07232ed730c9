// A sum of exact amounts that keeps the largest scale it met, as PostgreSQL's sum(numeric) does: in 128 bits as long as
// they do, then in as many digits as it takes.
#pragma once

#include "core/decimal.hpp"

#include <boost/multiprecision/cpp_int.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace analytics::cells {

class Total {
    using Wide = boost::multiprecision::cpp_int;

public:
    Total() = default;
    Total(const Total& other)
        : sum_(other.sum_), scale_(other.scale_), wide_(other.wide_ ? std::make_unique<Wide>(*other.wide_) : nullptr) {}
    Total(Total&&) noexcept = default;
    Total& operator=(const Total& other) { return *this = Total(other); }
    Total& operator=(Total&&) noexcept = default;
    ~Total() = default;

    void add(const Decimal& amount) { add(amount.coefficient(), amount.scale()); }

    void add(const Total& other) {
        if (other.wide_ != nullptr) {
            add_wide(*other.wide_, other.scale_);
        } else {
            add(other.sum_, other.scale_);
        }
    }

    void subtract(const Total& other) {
        if (other.wide_ != nullptr) {
            add_wide(-*other.wide_, other.scale_);
        } else {
            add(-other.sum_, other.scale_);
        }
    }
    bool is_negative() const { return wide_ != nullptr ? *wide_ < 0 : sum_ < 0; }

    // Decimal digits with an optional sign and point, as numeric_out() has them.
    void add_digits(std::string_view digits) {
        Wide value = 0;
        int scale = 0;
        bool fraction = false;
        for (const char c : digits) {
            if (c >= '0' && c <= '9') {
                value = value * 10 + (c - '0');
                scale += fraction ? 1 : 0;
            }
            fraction = fraction || c == '.';
        }
        add_wide(digits.starts_with('-') ? Wide(-value) : value, scale);
    }

    bool is_zero() const { return wide_ != nullptr ? *wide_ == 0 : sum_ == 0; }
    bool fits() const { return wide_ == nullptr && sum_ < kLimit && sum_ > -kLimit; }
    Decimal value() const { return {sum_, scale_}; }  // where it fits

    std::string digits() const {
        const Wide sum = wide_ != nullptr ? *wide_ : Wide(sum_);
        std::string text = Wide(abs(sum)).str();
        if (scale_ > 0) {
            const auto scale = static_cast<std::size_t>(scale_);
            if (text.size() <= scale) {
                text.insert(0, scale + 1 - text.size(), '0');
            }
            text.insert(text.size() - scale, 1, '.');
        }
        return sum < 0 ? "-" + text : text;
    }

private:
    static constexpr __int128 kLimit = [] {
        __int128 limit = 1;
        for (int digit = 0; digit < 38; ++digit) limit *= 10;
        return limit;
    }();

    void add(__int128 term, int scale) {
        __int128 sum = 0;
        if (wide_ == nullptr && align(term, scale) && !__builtin_add_overflow(sum_, term, &sum)) {
            sum_ = sum;
        } else {
            add_wide(Wide(term), scale);
        }
    }

    // Brings both to one scale. False: one of them would not fit, and nothing has changed.
    bool align(__int128& term, int& scale) {
        __int128 sum = sum_;
        int own = scale_;
        for (; own < scale; ++own) {
            if (__builtin_mul_overflow(sum, 10, &sum)) return false;
        }
        __int128 aligned = term;
        int sent = scale;
        for (; sent < own; ++sent) {
            if (__builtin_mul_overflow(aligned, 10, &aligned)) return false;
        }
        sum_ = sum;
        scale_ = own;
        term = aligned;
        scale = sent;
        return true;
    }

    void add_wide(Wide term, int scale) {
        if (wide_ == nullptr) {
            wide_ = std::make_unique<Wide>(sum_);
        }
        for (; scale_ < scale; ++scale_) *wide_ *= 10;
        for (; scale < scale_; ++scale) term *= 10;
        *wide_ += term;
    }

    __int128 sum_ = 0;
    int scale_ = 0;
    std::unique_ptr<Wide> wide_;
};

}  // namespace analytics::cells
