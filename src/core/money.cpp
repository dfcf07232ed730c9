#include "core/money.hpp"

#include "core/error.hpp"
#include "core/event_error.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

namespace analytics {
namespace {

Decimal sum(std::span<const Decimal> values) {
    Decimal total;
    for (const Decimal& value : values) total = total + value;
    return total;
}

// As share_out, but no share is larger than its room: what one cannot take goes to the first that still can.
// The rooms must hold the total.
std::vector<Decimal> share_within(const Decimal& total, std::span<const Decimal> weights,
                                  std::span<const Decimal> rooms, int digits) {
    std::vector<Decimal> shares = share_out(total, weights, digits);
    Decimal excess;
    for (std::size_t i = 0; i < shares.size(); ++i) {
        if (shares[i] <= rooms[i]) continue;
        excess = excess + (shares[i] - rooms[i]);
        shares[i] = rooms[i];
    }
    for (std::size_t i = 0; i < shares.size() && !excess.is_zero(); ++i) {
        const Decimal part = std::min(excess, rooms[i] - shares[i]);
        shares[i] = shares[i] + part;
        excess = excess - part;
    }
    return shares;
}

// One settling of an event's lines. Lines without a price have no part in any sharing.
class Settlement {
public:
    Settlement(std::span<EventLine> lines, const OrderMoney& order) : lines_(lines), order_(order) {}

    void run() {
        for (std::size_t i = 0; i < lines_.size(); ++i) check_own_discount(i);
        if (order_.discount && !order_.discount->is_zero()) share_discount();
        if (order_.tax) share_tax();
        if (order_.tax_included) {
            for (std::size_t i = 0; i < lines_.size(); ++i) take_tax_out(i);
        }
    }

private:
    Where where(std::size_t i, std::string_view key) const { return order_.itemised ? Where{key, i} : Where{key}; }

    static Decimal discount_of(const EventLine& line) { return line.discount.value_or(Decimal()); }

    // What the customer pays for the line, tax included where prices include it.
    static Decimal paid(const EventLine& line) { return *line.amount - discount_of(line); }

    void check_own_discount(std::size_t i) const {
        const EventLine& line = lines_[i];
        if (!line.amount || !line.discount || *line.discount <= *line.amount) return;
        reject_event(reject::kOutOfRange, where(i, "discount"),
                     "discount is " + line.discount->to_string() + "; the line is worth " + line.amount->to_string());
    }

    // The values by which something is shared: those of the eligible lines, 0 for the rest. Gift cards are money paid
    // in advance; they take part only where nothing else is worth anything.
    template <typename Eligible, typename Value>
    std::vector<Decimal> weights(Eligible eligible, Value value) const {
        std::vector<Decimal> result(lines_.size());
        for (const bool gift_cards : {false, true}) {
            bool any = false;
            for (std::size_t i = 0; i < lines_.size(); ++i) {
                const EventLine& line = lines_[i];
                if (!eligible(line) || (line.kind == LineKind::gift_card) != gift_cards) continue;
                result[i] = value(line);
                any = any || !result[i].is_zero();
            }
            if (any) break;
        }
        return result;
    }

    void share_discount() {
        const Decimal& discount = *order_.discount;
        const auto priced = [](const EventLine& line) { return line.amount.has_value(); };
        if (std::none_of(lines_.begin(), lines_.end(), priced)) {
            if (!lines_.front().discount) lines_.front().discount = discount;  // nothing to share it by
            return;
        }
        const std::vector<Decimal> values = weights(priced, [](const EventLine& line) { return *line.amount; });
        std::vector<Decimal> rooms(lines_.size());
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            if (!values[i].is_zero()) rooms[i] = paid(lines_[i]);
        }
        if (const Decimal room = sum(rooms); discount > room) {
            reject_event(reject::kOutOfRange, Where{"discount"},
                         "discount is " + discount.to_string() + "; what it applies to is worth " + room.to_string());
        }
        const std::vector<Decimal> shares = share_within(discount, values, rooms, order_.minor_digits);
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            if (!values[i].is_zero()) lines_[i].discount = discount_of(lines_[i]) + shares[i];
        }
    }

    void share_tax() {
        const auto untaxed = [](const EventLine& line) { return line.amount && !line.tax; };
        if (std::none_of(lines_.begin(), lines_.end(), untaxed)) {
            // Every line has its own; an event without any price keeps what was sent.
            if (!lines_.front().amount && !lines_.front().tax) lines_.front().tax = order_.tax;
            return;
        }
        Decimal rest = *order_.tax;
        for (const EventLine& line : lines_) {
            if (line.tax) rest = rest - *line.tax;
        }
        if (rest.is_negative()) {
            reject_event(reject::kOutOfRange, Where{"tax"},
                         "tax is " + order_.tax->to_string() + "; the lines' taxes are more than that");
        }
        if (rest.is_zero()) return;

        const std::vector<Decimal> values = weights(untaxed, paid);
        const Decimal room = sum(values);
        std::vector<Decimal> shares;
        if (order_.tax_included) {
            if (rest > room) {
                reject_event(
                    reject::kOutOfRange, Where{"tax"},
                    "tax is " + order_.tax->to_string() + "; the prices that contain it come to " + room.to_string());
            }
            shares = share_within(rest, values, values, order_.minor_digits);
        } else if (room.is_zero()) {
            shares.resize(lines_.size());
            shares[static_cast<std::size_t>(std::find_if(lines_.begin(), lines_.end(), untaxed) - lines_.begin())] =
                rest;
        } else {
            shares = share_out(rest, values, order_.minor_digits);
        }
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            if (untaxed(lines_[i]) && (!values[i].is_zero() || !shares[i].is_zero())) lines_[i].tax = shares[i];
        }
    }

    // net = value - discount - tax stays exact; the discount gives up the tax that it contained.
    void take_tax_out(std::size_t i) {
        EventLine& line = lines_[i];
        if (!line.amount || !line.tax) return;
        const Decimal value = *line.amount;
        const Decimal taxed = paid(line);
        if (*line.tax > taxed) {
            reject_event(reject::kOutOfRange, where(i, "tax"),
                         "tax is " + line.tax->to_string() + "; the price that contains it is " + taxed.to_string());
        }
        const Decimal net = taxed - *line.tax;
        if (!line.discount || line.discount->is_zero()) {
            line.amount = net;
        } else if (!taxed.is_zero()) {
            // Rounding must not turn the discount negative where prices are finer than the smallest coin.
            line.amount = std::max(multiply_divide(value, net, taxed, order_.minor_digits), net);
            line.discount = *line.amount - net;
        }
    }

    std::span<EventLine> lines_;
    const OrderMoney& order_;
};

// What an order has left of one product.
struct Remainder {
    std::optional<std::string_view> product_id;
    LineKind kind;
    bool bought = false;
    std::int64_t units = 0;
    std::optional<Decimal> unit_price;
    Decimal amount, discount, tax;
    Decimal net;  // amount - discount, as far as it is not taken off yet
};

class Refund {
public:
    explicit Refund(int minor_digits) : minor_digits_(minor_digits) {}

    void add_bought(const OrderLine& line) {
        Remainder& rest = find(line);
        if (!rest.bought) {
            rest.unit_price = line.unit_price;
        } else if (rest.unit_price && (!line.unit_price || *rest.unit_price != *line.unit_price)) {
            rest.unit_price.reset();
        }
        rest.bought = true;
        add(line, 1);
    }

    void add_refunded(const OrderLine& line) { add(line, -1); }

    std::vector<EventLine> lines() {
        for (Remainder& rest : rests_) rest.net = rest.amount - rest.discount;
        Decimal debt = clear_debts(&Remainder::net) + clear_debts(&Remainder::tax);
        if (shipping_.is_negative()) {
            debt = debt - shipping_;
            shipping_ = Decimal();
        }
        debt = take_off(&Remainder::net, debt, std::nullopt);
        debt = take_off(&Remainder::tax, debt, std::nullopt);
        shipping_ = shipping_ - std::min(shipping_, debt);

        std::vector<EventLine> result;
        for (const Remainder& rest : rests_) {
            if (rest.units > 0 || !rest.net.is_zero() || !rest.tax.is_zero()) result.push_back(to_line(rest));
        }
        if (result.empty()) result.emplace_back().amount = Decimal();
        if (!shipping_.is_zero()) result.front().shipping = shipping_;
        for (std::size_t i = 0; i < result.size(); ++i) result[i].line = static_cast<std::int16_t>(i + 1);
        return result;
    }

private:
    using Money = Decimal Remainder::*;

    Remainder& find(const OrderLine& line) {
        const auto key = std::make_tuple(line.product_id.has_value(), line.product_id.value_or(""), line.kind);
        const auto [place, added] = places_.try_emplace(key, rests_.size());
        if (added) rests_.push_back(Remainder{line.product_id, line.kind, false, 0, {}, {}, {}, {}, {}});
        return rests_[place->second];
    }

    void add(const OrderLine& line, std::int64_t sign) {
        Remainder& rest = find(line);
        const auto signed_value = [sign](const std::optional<Decimal>& value) {
            return value.value_or(Decimal()) * sign;
        };
        rest.units += sign * line.quantity.value_or(0);
        rest.amount = rest.amount + signed_value(line.amount);
        rest.discount = rest.discount + signed_value(line.discount);
        rest.tax = rest.tax + signed_value(line.tax);
        shipping_ = shipping_ + signed_value(line.shipping);
    }

    // Takes what is negative off the others, those of its own kind first; returns what nothing was left for.
    Decimal clear_debts(Money money) {
        Decimal unpaid;
        for (const LineKind kind : {LineKind::product, LineKind::gift_card, LineKind::fee}) {
            Decimal debt;
            for (Remainder& rest : rests_) {
                if (rest.kind != kind || !(rest.*money).is_negative()) continue;
                debt = debt - rest.*money;
                rest.*money = Decimal();
            }
            unpaid = unpaid + take_off(money, debt, kind);
        }
        return take_off(money, unpaid, std::nullopt);
    }

    // Takes up to `debt` off what is left, by value; returns what could not be taken.
    Decimal take_off(Money money, const Decimal& debt, std::optional<LineKind> kind) {
        if (debt.is_zero()) return debt;
        std::vector<Decimal> values(rests_.size());
        for (std::size_t i = 0; i < rests_.size(); ++i) {
            if ((!kind || rests_[i].kind == *kind) && !(rests_[i].*money).is_negative()) values[i] = rests_[i].*money;
        }
        const Decimal part = std::min(debt, sum(values));
        if (part.is_zero()) return debt;
        const std::vector<Decimal> shares = share_within(part, values, values, minor_digits_);
        for (std::size_t i = 0; i < rests_.size(); ++i) rests_[i].*money = rests_[i].*money - shares[i];
        return debt - part;
    }

    static EventLine to_line(const Remainder& rest) {
        if (rest.units > std::numeric_limits<std::int32_t>::max()) {
            throw Error(Code::out_of_range, "a product's units in one order exceed 2147483647");
        }
        EventLine line;
        line.product_id = rest.product_id;
        line.kind = rest.kind;
        if (rest.units > 0) line.quantity = static_cast<std::int32_t>(rest.units);
        line.unit_price = rest.unit_price;
        const bool has_goods = rest.units > 0 || !rest.net.is_zero();  // otherwise only tax is left
        const Decimal discount = has_goods ? std::max(rest.discount, Decimal()) : Decimal();
        line.amount = rest.net + discount;
        if (!discount.is_zero()) line.discount = discount;
        if (!rest.tax.is_zero()) line.tax = rest.tax;
        return line;
    }

    int minor_digits_;
    std::vector<Remainder> rests_;  // in the order in which products were bought
    std::map<std::tuple<bool, std::string_view, LineKind>, std::size_t> places_;
    Decimal shipping_;
};

}  // namespace

void settle(std::span<EventLine> lines, const OrderMoney& order) {
    if (!lines.empty()) Settlement(lines, order).run();
}

std::vector<EventLine> remaining_refund(std::span<const OrderLine> bought, std::span<const OrderLine> refunded,
                                        int minor_digits) {
    Refund refund(minor_digits);
    for (const OrderLine& line : bought) refund.add_bought(line);
    for (const OrderLine& line : refunded) refund.add_refunded(line);
    return refund.lines();
}

}  // namespace analytics
