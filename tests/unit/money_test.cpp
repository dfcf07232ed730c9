// The rules of money by hand-worked orders, as events come in and lines go out.
#include "core/money.hpp"
#include "core/event_error.hpp"

#include "event_fixture.hpp"

#include <random>

namespace analytics {
namespace {

// "amount discount tax" of each line.
std::vector<std::string> money(const Event& event) {
    std::vector<std::string> lines;
    for (const EventLine& line : event.lines) {
        lines.push_back(show(line.amount) + " " + show(line.discount) + " " + show(line.tax));
    }
    return lines;
}

using Lines = std::vector<std::string>;

class MoneyRules : public EventTest {
protected:
    Lines settled(const std::string& members) { return money(one(R"({"event":"purchase",)" + members + "}")); }
};

TEST_F(MoneyRules, without_tax_in_the_price_the_amount_is_price_times_quantity) {
    EXPECT_EQ(settled(R"("items":[{"price":2.55,"quantity":6},{"price":0.001,"quantity":3},{"price":5}])"),
              (Lines{"15.30 null null", "0.003 null null", "5 null null"}));
}

TEST_F(MoneyRules, a_lines_own_discount_and_tax_are_kept_as_sent) {
    EXPECT_EQ(settled(R"("items":[{"price":10,"quantity":2,"discount":1.5,"tax":3.70}])"), (Lines{"20 1.5 3.70"}));
}

TEST_F(MoneyRules, an_order_discount_is_shared_by_value_in_minor_units) {
    // Values 20.00 and 10.00; 1000 cents by 2:1 are 666.67 and 333.33: the odd cent goes to the larger remainder.
    EXPECT_EQ(settled(R"("discount":10,"items":[{"price":10.00,"quantity":2},{"price":10.00}])"),
              (Lines{"20.00 6.67 null", "10.00 3.33 null"}));
    // It comes on top of a line's own: 1.00 by 20:10 is 0.67 and 0.33.
    EXPECT_EQ(settled(R"("discount":1,"items":[{"price":10.00,"quantity":2,"discount":2.00},{"price":10.00}])"),
              (Lines{"20.00 2.67 null", "10.00 0.33 null"}));
}

TEST_F(MoneyRules, yen_are_shared_whole_and_dinars_in_thousandths) {
    // 100 by 1000:500:333 of 1833: 54.6, 27.3, 18.2.
    EXPECT_EQ(settled(R"("currency":"JPY","discount":100,"items":[{"price":1000},{"price":500},{"price":333}])"),
              (Lines{"1000 55 null", "500 27 null", "333 18 null"}));
    // 0.100 by 3.750:2.500 is 0.060 and 0.040; then 0.500 by 3.690:2.460 is 0.300 and 0.200.
    EXPECT_EQ(settled(R"("currency":"KWD","discount":0.1,"tax":0.5,
                         "items":[{"price":1.250,"quantity":3},{"price":2.500}])"),
              (Lines{"3.750 0.060 0.300", "2.500 0.040 0.200"}));
}

TEST_F(MoneyRules, a_discount_of_zero_leaves_no_trace) {
    EXPECT_EQ(settled(R"("discount":0,"items":[{"price":10}])"), (Lines{"10 null null"}));
    EXPECT_EQ(settled(R"("discount":"0.00","items":[{"price":10,"discount":0}])"), (Lines{"10 0 null"}));
}

TEST_F(MoneyRules, what_a_line_has_no_room_for_goes_to_the_others) {
    // 9.00 by 10:90 would give the first line 0.90, but its own discount took all of it.
    EXPECT_EQ(settled(R"("discount":9,"items":[{"price":10,"discount":10},{"price":90}])"),
              (Lines{"10 10 null", "90 9.00 null"}));
    EXPECT_EQ(settled(R"("discount":90,"items":[{"price":10,"discount":10},{"price":90}])"),
              (Lines{"10 10 null", "90 90.00 null"}));
}

TEST_F(MoneyRules, gift_cards_take_no_part_where_anything_else_is_worth_something) {
    EXPECT_EQ(settled(R"("discount":10,"tax":6,"items":[{"price":60,"kind":"gift_card"},{"price":40}])"),
              (Lines{"60 null null", "40 10.00 6.00"}));
    EXPECT_EQ(settled(R"("discount":5,"items":[{"price":50,"kind":"gift_card"},{"price":0}])"),
              (Lines{"50 5.00 null", "0 null null"}));
    EXPECT_EQ(settled(R"("discount":4,"items":[{"price":30,"kind":"fee"},{"price":10}])"),
              (Lines{"30 3.00 null", "10 1.00 null"}));
}

TEST_F(MoneyRules, the_orders_tax_less_the_lines_own_is_shared_over_the_rest) {
    // 10.00 - 4.00 = 6.00 by what is paid, 40 - 10 = 30 and 60: 2.00 and 4.00.
    EXPECT_EQ(settled(R"("tax":10,"items":[{"price":20,"tax":4},{"price":40,"discount":10},{"price":60}])"),
              (Lines{"20 null 4", "40 10 2.00", "60 null 4.00"}));
    // All have their own: the order's is not looked at, even where it differs.
    EXPECT_EQ(settled(R"("tax":99,"items":[{"price":20,"tax":4},{"price":40,"tax":0}])"),
              (Lines{"20 null 4", "40 null 0"}));
    // Nothing left to share: the others stay without one.
    EXPECT_EQ(settled(R"("tax":4,"items":[{"price":20,"tax":4},{"price":40}])"), (Lines{"20 null 4", "40 null null"}));
    // Nothing of value to share by: the first line has it.
    EXPECT_EQ(settled(R"("tax":1,"items":[{"price":0},{"price":0}])"), (Lines{"0 null 1", "0 null null"}));
}

TEST_F(MoneyRules, tax_is_taken_out_of_prices_that_include_it) {
    // 120.00 with 20.00 of tax: 100.00.
    EXPECT_EQ(settled(R"("tax_included":true,"items":[{"price":60.00,"quantity":2,"tax":20.00}])"),
              (Lines{"100.00 null 20.00"}));
    // Without a tax nothing is known to be in the price.
    EXPECT_EQ(settled(R"("tax_included":true,"items":[{"price":60.00,"discount":5}])"), (Lines{"60.00 5 null"}));
}

TEST_F(MoneyRules, a_discount_gives_up_the_tax_it_contained) {
    // Value 120, discount 12: 108 paid, 18 of it tax, net 90. amount = 120 * 90 / 108 = 100, discount 100 - 90.
    EXPECT_EQ(settled(R"("tax_included":true,"items":[{"price":120,"discount":12,"tax":18}])"),
              (Lines{"100.00 10.00 18"}));
}

TEST_F(MoneyRules, tax_inclusive_order_with_discount_tax_and_odd_cents) {
    // Values 19.99, 2 x 5.00 = 10.00, 0.01, in all 30.00.
    // Discount 3.00 by value: 199.9, 100, 0.1 cents -> 2.00, 1.00, 0.00. Paid: 17.99, 9.00, 0.01, in all 27.00.
    // Tax 4.50 by what is paid: 299.83, 150, 0.17 cents -> 3.00, 1.50, 0.00. Net: 14.99, 7.50, 0.01.
    // Amounts: 19.99 * 14.99 / 17.99 = 16.6564 -> 16.66; 10.00 * 7.50 / 9.00 = 8.3333 -> 8.33; 0.01.
    // Discounts: 16.66 - 14.99 = 1.67; 8.33 - 7.50 = 0.83; 0.
    EXPECT_EQ(settled(R"("tax_included":true,"discount":3.00,"tax":4.50,
                         "items":[{"price":19.99},{"price":5.00,"quantity":2},{"price":0.01}])"),
              (Lines{"16.66 1.67 3.00", "8.33 0.83 1.50", "0.01 0.00 0.00"}));
}

TEST_F(MoneyRules, yen_with_tax_included) {
    // 1100 with 10 % tax, discount 110: 990 paid, 90 tax, net 900; 1100 * 900 / 990 = 1000.
    EXPECT_EQ(settled(R"("store":"tokyo","tax_included":true,"items":[{"price":1100,"discount":110,"tax":90}])"),
              (Lines{"1000 100 90"}));
    // 333 less 33 is 300, 27 tax, net 273; 333 * 273 / 300 = 303.03 -> 303, discount 30.
    EXPECT_EQ(settled(R"("store":"tokyo","tax_included":true,"items":[{"price":333,"discount":33,"tax":27}])"),
              (Lines{"303 30 27"}));
}

TEST_F(MoneyRules, a_line_given_away_keeps_its_value) {
    EXPECT_EQ(settled(R"("tax_included":true,"items":[{"price":10,"discount":10,"tax":0}])"), (Lines{"10 10 0"}));
    EXPECT_EQ(settled(R"("tax_included":true,"items":[{"price":10,"discount":10}])"), (Lines{"10 10 null"}));
    // All of it tax: net 0, 10 * 0 / 8 = 0, discount 0.
    EXPECT_EQ(settled(R"("tax_included":true,"items":[{"price":10,"discount":2,"tax":8}])"), (Lines{"0.00 0.00 8"}));
}

TEST_F(MoneyRules, prices_finer_than_a_cent_never_make_a_discount_of_nothing_or_less) {
    // No discount: net 1.999 - 0.333 exactly.
    EXPECT_EQ(settled(R"("tax_included":true,"items":[{"price":1.999,"tax":0.333}])"), (Lines{"1.666 null 0.333"}));
    // 1.999 * 1.664 / 1.998 = 1.6648 -> 1.66 would be less than the net.
    EXPECT_EQ(settled(R"("tax_included":true,"items":[{"price":1.999,"discount":0.001,"tax":0.334}])"),
              (Lines{"1.664 0.000 0.334"}));
}

TEST_F(MoneyRules, stores_that_include_tax_need_not_say_so) {
    EXPECT_EQ(settled(R"("store":"paris","items":[{"price":120,"tax":20}])"), (Lines{"100 null 20"}));
    EXPECT_EQ(settled(R"("store":"paris","tax_included":false,"items":[{"price":120,"tax":20}])"),
              (Lines{"120 null 20"}));
}

TEST_F(MoneyRules, a_purchase_by_its_amount_alone) {
    EXPECT_EQ(settled(R"("amount":49.90,"discount":5,"tax":9,"shipping":3)"), (Lines{"49.90 5 9"}));
    EXPECT_EQ(settled(R"("amount":120,"discount":12,"tax":18,"tax_included":true)"), (Lines{"100.00 10.00 18"}));
    // Items win; the amount beside them is not looked at.
    EXPECT_EQ(settled(R"("amount":49.90,"items":[{"price":1}])"), (Lines{"1 null null"}));
}

TEST_F(MoneyRules, a_refund_by_amount_is_what_is_given_back) {
    EXPECT_EQ(money(one(R"({"event":"refund","amount":25.50,"tax":4})")), (Lines{"25.50 null 4"}));
    EXPECT_EQ(money(one(R"({"event":"refund","amount":25.50,"discount":3})")), (Lines{"25.50 null null"}));
    EXPECT_EQ(money(one(R"({"event":"refund","amount":24,"tax":4,"tax_included":true})")), (Lines{"20 null 4"}));
}

TEST_F(MoneyRules, shipping_stands_on_line_1) {
    const Event& event = one(R"({"event":"purchase","shipping":4.95,"items":[{"price":1},{"price":2}]})");
    EXPECT_EQ(show(event.lines[0].shipping), "4.95");
    EXPECT_EQ(show(event.lines[1].shipping), "null");
}

TEST_F(MoneyRules, what_is_more_than_it_applies_to_is_refused) {
    const auto purchase = [](const std::string& members) { return R"({"event":"purchase",)" + members + "}"; };
    EXPECT_EQ(reason(purchase(R"("items":[{"price":1},{"price":10,"discount":10.01}])")),
              "out_of_range /items/1/discount");
    EXPECT_EQ(reason(purchase(R"("discount":3.01,"items":[{"price":1},{"price":2}])")), "out_of_range /discount");
    EXPECT_EQ(reason(purchase(R"("discount":81,"items":[{"price":10,"discount":10},{"price":80}])")),
              "out_of_range /discount");
    EXPECT_EQ(reason(purchase(R"("discount":41,"items":[{"price":40},{"price":60,"kind":"gift_card"}])")),
              "out_of_range /discount");
    EXPECT_EQ(reason(purchase(R"("amount":10,"discount":11)")), "out_of_range /discount");
    EXPECT_EQ(reason(purchase(R"("tax":3,"items":[{"price":20,"tax":4},{"price":40}])")), "out_of_range /tax");
    EXPECT_EQ(reason(purchase(R"("tax_included":true,"items":[{"price":10,"discount":5,"tax":5.01}])")),
              "out_of_range /items/0/tax");
    EXPECT_EQ(reason(purchase(R"("tax_included":true,"tax":31,"items":[{"price":10},{"price":20}])")),
              "out_of_range /tax");
    EXPECT_EQ(reason(R"({"event":"refund","amount":10,"tax":11,"tax_included":true})"), "out_of_range /tax");
    // Not included, a tax may be anything.
    EXPECT_EQ(reason(purchase(R"("tax":31,"items":[{"price":10},{"price":20}])")), "accepted");
}

TEST_F(MoneyRules, sums_beyond_38_digits_are_refused_not_wrapped) {
    const std::string wide = "9999999999999999999999";
    EXPECT_EQ(reason(R"({"event":"purchase","tax":1,"items":[{"price":)" + wide +
                     R"(,"quantity":2147483647},{"price":0.0000000000000000000001}]})"),
              "out_of_range ");
}

TEST_F(MoneyRules, other_events_keep_what_they_carry) {
    EXPECT_EQ(money(one(R"({"event":"view_item","items":[{"product_id":"a"}]})")), (Lines{"null null null"}));
    EXPECT_EQ(money(one(R"({"event":"add_to_cart","items":[{"product_id":"a","price":5,"quantity":2}]})")),
              (Lines{"10 null null"}));
    EXPECT_EQ(money(one(R"({"event":"begin_checkout","discount":2,"tax":1,"items":[{"product_id":"a"},{"price":5}]})")),
              (Lines{"null null null", "5 2.00 1.00"}));
    EXPECT_EQ(money(one(R"({"event":"view_cart","discount":2,"tax":1,"items":[{"product_id":"a"}]})")),
              (Lines{"null 2 1"}));
    EXPECT_EQ(money(one(R"({"event":"view_cart","discount":2,"amount":9})")), (Lines{"9 2 null"}));
}

// Whatever is sent: what the lines come to is what the customer paid.
TEST(MoneyProperties, the_lines_add_up_to_the_order) {
    std::mt19937_64 random(20240601);
    const auto below = [&random](std::int64_t limit) {
        return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(limit));
    };
    int shared_discounts = 0;
    int shared_taxes = 0;
    for (int round = 0; round < 20'000; ++round) {
        const int digits = static_cast<int>(below(4));
        const int price_digits = digits + static_cast<int>(below(5) == 0);
        std::vector<EventLine> lines(static_cast<std::size_t>(1 + below(8)));
        OrderMoney order;
        order.minor_digits = digits;
        order.tax_included = below(2) == 0;
        Decimal value;     // of all lines, less their own discounts
        Decimal eligible;  // the same without gift cards: what an order discount may take
        Decimal own_tax;
        bool all_have_tax = true;
        for (EventLine& line : lines) {
            line.amount = Decimal(below(6) == 0 ? 0 : below(100'000), price_digits);
            line.kind = below(8) == 0 ? LineKind::gift_card : LineKind::product;
            if (below(4) == 0)
                line.discount = Decimal(below(static_cast<std::int64_t>(line.amount->coefficient()) + 1), price_digits);
            const Decimal paid = *line.amount - line.discount.value_or(Decimal());
            value = value + paid;
            if (line.kind != LineKind::gift_card) eligible = eligible + paid;
        }
        if (below(2) == 0 && !eligible.is_zero()) {
            order.discount = Decimal(below(static_cast<std::int64_t>(eligible.coefficient()) + 1), eligible.scale());
            value = value - *order.discount;
            ++shared_discounts;
        }
        if (!order.discount) {
            for (EventLine& line : lines) {
                const Decimal paid = *line.amount - line.discount.value_or(Decimal());
                if (below(4) == 0)
                    line.tax = Decimal(below(static_cast<std::int64_t>(paid.coefficient()) + 1), paid.scale());
                own_tax = own_tax + line.tax.value_or(Decimal());
                all_have_tax = all_have_tax && line.tax.has_value();
            }
        } else {
            all_have_tax = false;
        }
        Decimal tax = own_tax;
        if (below(2) == 0 && !all_have_tax) {
            // A tenth of what the lines without one are worth at least: always within them.
            Decimal room;
            bool cards_only = true;
            for (const EventLine& line : lines)
                cards_only = cards_only && (line.tax || line.kind == LineKind::gift_card);
            for (const EventLine& line : lines) {
                if (!line.tax && (line.kind != LineKind::gift_card || cards_only)) {
                    room = room + *line.amount - line.discount.value_or(Decimal());
                }
            }
            if (order.discount) room = room - *order.discount;
            const Decimal shared(room.is_negative() ? 0 : room.coefficient() / 10, room.scale());
            order.tax = own_tax + shared;
            tax = *order.tax;
            ++shared_taxes;
        }

        try {
            settle(lines, order);
        } catch (const EventError& error) {
            FAIL() << "round " << round << ": " << error.pointer << " " << error.message;
        }

        Decimal net;
        Decimal taxes;
        for (const EventLine& line : lines) {
            ASSERT_FALSE(line.amount->is_negative());
            ASSERT_FALSE(line.discount && (line.discount->is_negative() || *line.discount > *line.amount));
            ASSERT_FALSE(line.tax && line.tax->is_negative());
            net = net + *line.amount - line.discount.value_or(Decimal());
            taxes = taxes + line.tax.value_or(Decimal());
        }
        ASSERT_EQ(taxes, tax) << "round " << round;
        ASSERT_EQ(order.tax_included ? net + taxes : net, value) << "round " << round;
    }
    EXPECT_GT(shared_discounts, 5'000);
    EXPECT_GT(shared_taxes, 5'000);
}

}  // namespace
}  // namespace analytics
