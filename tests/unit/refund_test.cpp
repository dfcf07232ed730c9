// What a full refund gives back: everything that the order has left.
#include "core/error.hpp"
#include "core/money.hpp"

#include "event_fixture.hpp"

#include <random>

namespace analytics {
namespace {

OrderLine line(const char* product, int quantity, const char* amount, const char* discount = nullptr,
               const char* tax = nullptr, const char* shipping = nullptr) {
    const auto optional = [](const char* text) { return text ? std::optional(decimal(text)) : std::nullopt; };
    OrderLine result;
    if (product) result.product_id = product;
    if (quantity > 0) result.quantity = quantity;
    result.amount = optional(amount);
    result.discount = optional(discount);
    result.tax = optional(tax);
    result.shipping = optional(shipping);
    return result;
}

OrderLine gift_card(const char* product, int quantity, const char* amount) {
    OrderLine result = line(product, quantity, amount);
    result.kind = LineKind::gift_card;
    return result;
}

// "product quantity amount discount tax shipping" of each line.
std::vector<std::string> left(const std::vector<OrderLine>& bought, const std::vector<OrderLine>& refunded,
                              int digits = 2) {
    std::vector<std::string> lines;
    for (const EventLine& left : remaining_refund(bought, refunded, digits)) {
        EXPECT_EQ(left.line, static_cast<int>(lines.size()) + 1);
        lines.push_back(show(left.product_id) + " " + (left.quantity ? std::to_string(*left.quantity) : "null") + " " +
                        show(left.amount) + " " + show(left.discount) + " " + show(left.tax) + " " +
                        show(left.shipping));
    }
    return lines;
}

using Lines = std::vector<std::string>;

// Net 18.00 and 27.00, tax 3.60 and 5.40, shipping 4.95: 58.95 in all.
const std::vector<OrderLine> kOrder = {line("a", 2, "20.00", "2.00", "3.60", "4.95"),
                                       line("b", 1, "30.00", "3.00", "5.40")};

TEST(RemainingRefund, of_an_untouched_order_is_the_order) {
    EXPECT_EQ(left(kOrder, {}), (Lines{"a 2 20.00 2.00 3.60 4.95", "b 1 30.00 3.00 5.40 null"}));
}

TEST(RemainingRefund, leaves_out_what_was_refunded) {
    // 58.95 less 9.00 and 1.80 of tax: 48.15 = 9.00 + 27.00 + 1.80 + 5.40 + 4.95.
    EXPECT_EQ(left(kOrder, {line("a", 1, "10.00", "1.00", "1.80")}),
              (Lines{"a 1 10.00 1.00 1.80 4.95", "b 1 30.00 3.00 5.40 null"}));
    EXPECT_EQ(left(kOrder, {line("a", 2, "20.00", "2.00", "3.60", "4.95")}), (Lines{"b 1 30.00 3.00 5.40 null"}));
}

TEST(RemainingRefund, of_a_refunded_order_is_one_line_of_nothing) {
    EXPECT_EQ(left(kOrder, kOrder), (Lines{"null null 0 null null null"}));
    EXPECT_EQ(left({}, {}), (Lines{"null null 0 null null null"}));
}

TEST(RemainingRefund, shipping_alone_may_be_left) {
    EXPECT_EQ(left(kOrder, {line("a", 2, "20.00", "2.00", "3.60"), line("b", 1, "30.00", "3.00", "5.40", "1.95")}),
              (Lines{"null null 0 null null 3.00"}));
}

TEST(RemainingRefund, money_without_a_product_is_taken_off_by_value) {
    // 5.00 by 18.00 : 27.00 is 2.00 and 3.00; the discounts stay what they were.
    EXPECT_EQ(left(kOrder, {line(nullptr, 0, "5.00")}),
              (Lines{"a 2 18.00 2.00 3.60 4.95", "b 1 27.00 3.00 5.40 null"}));
}

TEST(RemainingRefund, what_was_given_back_beyond_a_product_is_taken_off_the_others) {
    // 25.00 for a, 7.00 more than the 18.00 that were paid: b has 27.00 - 7.00 = 20.00 left. The tax of a is left.
    EXPECT_EQ(left(kOrder, {line("a", 2, "25.00")}), (Lines{"a null 0.00 null 3.60 4.95", "b 1 23.00 3.00 5.40 null"}));
    // More units than were bought: none left, not fewer than none.
    EXPECT_EQ(left(kOrder, {line("b", 3, "30.00", "3.00", "5.40")}), (Lines{"a 2 20.00 2.00 3.60 4.95"}));
}

TEST(RemainingRefund, more_money_than_goods_takes_tax_and_shipping_too) {
    // 50.00 of 45.00 net: 5.00 more, off the taxes by 3.60 : 5.40, which is 2.00 and 3.00. Left: 9 - 5 + 4.95 = 8.95.
    EXPECT_EQ(left(kOrder, {line(nullptr, 0, "50.00")}), (Lines{"a 2 2.00 2.00 1.60 4.95", "b 1 3.00 3.00 2.40 null"}));
    // 58.00: 0.95 of shipping is left; the goods are still out.
    EXPECT_EQ(left(kOrder, {line(nullptr, 0, "58.00")}), (Lines{"a 2 2.00 2.00 null 0.95", "b 1 3.00 3.00 null null"}));
    // More than the whole order: nothing.
    EXPECT_EQ(left(kOrder, {line(nullptr, 0, "100.00")}),
              (Lines{"a 2 2.00 2.00 null null", "b 1 3.00 3.00 null null"}));
}

TEST(RemainingRefund, tax_and_shipping_given_back_beyond_theirs_are_taken_off_the_goods) {
    // Shipping 4.95 - 6.75 = -1.80, off 18.00 : 27.00 as 0.72 and 1.08.
    EXPECT_EQ(left(kOrder, {line(nullptr, 0, "0", nullptr, nullptr, "6.75")}),
              (Lines{"a 2 19.28 2.00 3.60 null", "b 1 28.92 3.00 5.40 null"}));
    // Tax 9.00 - 10.80 = -1.80 the same way.
    EXPECT_EQ(left(kOrder, {line(nullptr, 0, "0", nullptr, "10.80")}),
              (Lines{"a 2 19.28 2.00 null 4.95", "b 1 28.92 3.00 null null"}));
}

TEST(RemainingRefund, lines_of_one_product_are_one) {
    const std::vector<OrderLine> bought = {line("a", 2, "20.00"), line("b", 1, "5.00"), line("a", 3, "24.00", "4.00")};
    EXPECT_EQ(left(bought, {line("a", 1, "10.00")}), (Lines{"a 4 34.00 4.00 null null", "b 1 5.00 null null null"}));
}

TEST(RemainingRefund, keeps_the_price_that_all_lines_of_a_product_share) {
    std::vector<OrderLine> bought = {line("a", 2, "20.00"), line("a", 1, "10.00"), line("b", 1, "5.00")};
    bought[0].unit_price = decimal("10.00");
    bought[1].unit_price = decimal("10.0");
    bought[2].unit_price = decimal("5.00");
    const auto lines = remaining_refund(bought, {}, 2);
    EXPECT_EQ(show(lines[0].unit_price), "10.00");
    EXPECT_EQ(show(lines[1].unit_price), "5.00");
    bought[1].unit_price = decimal("9");
    EXPECT_EQ(show(remaining_refund(bought, {}, 2)[0].unit_price), "null");
}

TEST(RemainingRefund, gift_cards_are_their_own_lines) {
    const std::vector<OrderLine> bought = {line("a", 1, "10.00"), gift_card("a", 1, "50.00")};
    EXPECT_EQ(left(bought, {line("a", 1, "10.00")}), (Lines{"a 1 50.00 null null null"}));
    // Money given back is for goods first, then for cards.
    EXPECT_EQ(left(bought, {line(nullptr, 0, "4.00")}), (Lines{"a 1 6.00 null null null", "a 1 50.00 null null null"}));
    EXPECT_EQ(left(bought, {line(nullptr, 0, "14.00")}),
              (Lines{"a 1 0.00 null null null", "a 1 46.00 null null null"}));
}

TEST(RemainingRefund, an_order_by_its_amount_alone) {
    EXPECT_EQ(
        left({line(nullptr, 0, "100.00", "10.00", "18.00", "5.00")}, {line(nullptr, 0, "40.00", nullptr, "8.00")}),
        (Lines{"null null 60.00 10.00 10.00 5.00"}));
}

TEST(RemainingRefund, refuses_units_beyond_an_integer) {
    EXPECT_THROW(remaining_refund(std::vector{line("a", 2'147'483'647, "1"), line("a", 1, "1")}, {}, 2), Error);
}

// Against the promise itself: total left = what was paid less what was given back, never below 0, nothing negative;
// and once the remainder is refunded too, nothing is left.
TEST(RemainingRefund, comes_to_what_was_paid_less_what_was_given_back) {
    std::mt19937_64 random(99);
    const auto below = [&random](int limit) { return static_cast<int>(random() % static_cast<unsigned>(limit)); };
    const char* const products[] = {"a", "b", "c", nullptr};
    for (int round = 0; round < 20'000; ++round) {
        const int digits = below(4);
        const auto some_lines = [&](int count, int largest) {
            std::vector<OrderLine> lines;
            for (int i = 0; i < count; ++i) {
                OrderLine made = line(products[below(4)], below(5), "0");
                made.kind = below(5) == 0 ? LineKind::gift_card : LineKind::product;
                const int amount = below(largest);
                made.amount = Decimal(amount, digits);
                if (below(2)) made.discount = Decimal(below(amount + 1), digits);
                if (below(2)) made.tax = Decimal(below(largest), digits);
                if (i == 0 && below(2)) made.shipping = Decimal(below(1000), digits);
                lines.push_back(made);
            }
            return lines;
        };
        const auto bought = some_lines(1 + below(5), 10'000);
        auto refunded = some_lines(below(4), below(2) ? 12'000 : 2'000);
        const auto total = [](const auto& lines) {
            Decimal sum;
            for (const auto& one : lines) {
                sum = sum + *one.amount - one.discount.value_or(Decimal()) + one.tax.value_or(Decimal()) +
                      one.shipping.value_or(Decimal());
            }
            return sum;
        };
        const Decimal expected = std::max(total(bought) - total(refunded), Decimal());
        const auto lines = remaining_refund(bought, refunded, digits);
        ASSERT_EQ(total(lines), expected) << "round " << round;
        for (const EventLine& one : lines) {
            ASSERT_FALSE(one.amount->is_negative() || (one.discount && one.discount->is_negative()) ||
                         (one.tax && one.tax->is_negative()) || (one.shipping && one.shipping->is_negative()));
            ASSERT_TRUE(!one.discount || *one.discount <= *one.amount);
            ASSERT_TRUE(!one.quantity || *one.quantity > 0);
            refunded.push_back({one.product_id, one.kind, one.quantity, one.unit_price, one.amount, one.discount,
                                one.tax, one.shipping});
        }
        const auto again = remaining_refund(bought, refunded, digits);
        ASSERT_EQ(again.size(), 1U) << "round " << round;
        ASSERT_TRUE(again[0].amount->is_zero() && !again[0].quantity && !again[0].tax && !again[0].shipping);
    }
}

}  // namespace
}  // namespace analytics
