// The rules of money: what a line is worth before discount and without tax. docs/money.md has them with examples.
//
// Exact throughout: shares add up to what was shared, and the lines add up to the order.
#pragma once

#include "core/decimal.hpp"
#include "core/event.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace analytics {

// What an order carries beside its lines.
struct OrderMoney {
    std::optional<Decimal> discount;  // over all lines, on top of their own
    std::optional<Decimal> tax;       // over all lines, theirs included
    bool tax_included = false;
    int minor_digits = 2;  // of the currency
    bool itemised = true;  // whether lines are items; otherwise the one line is the event itself
};

// On entry a line's amount is its value as sent (price x quantity; nothing where no price is known), discount and tax
// are its own. On return they are as analytics.event stores them.
// Throws EventError(out_of_range) when a discount or an included tax is greater than what it applies to.
void settle(std::span<EventLine> lines, const OrderMoney& order);

// A line of an order or of a refund, as it is stored.
struct OrderLine {
    std::optional<std::string_view> product_id;
    LineKind kind = LineKind::product;
    std::optional<std::int64_t> quantity;
    std::optional<Decimal> unit_price;
    std::optional<Decimal> amount, discount, tax, shipping;
};

// The lines of a refund of whatever `bought` has left after `refunded`: by product and kind the units, amount, discount
// and tax that remain, shipping on line 1. What was refunded beyond a product, or without naming one, is taken off the
// others by value, lines of the same kind first. No number is negative; amounts less discounts plus taxes plus shipping
// add up to what was paid less what was given back, or to 0 where that was more. Nothing left: one line of amount 0.
// Views in the result are those of `bought`. Throws Error(out_of_range) where a product's units exceed an integer.
std::vector<EventLine> remaining_refund(std::span<const OrderLine> bought, std::span<const OrderLine> refunded,
                                        int minor_digits);

}  // namespace analytics
