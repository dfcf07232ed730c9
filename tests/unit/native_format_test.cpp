// A native event's fields, one by one: what is taken, and how it is normalised.
#include "event_fixture.hpp"

namespace analytics {
namespace {

using NativeEvent = EventTest;

TEST_F(NativeEvent, every_field_is_read) {
    const Event& event = one(R"({
        "event": "purchase", "event_id": "e1", "timestamp": "2024-05-01T10:00:00.25+02:00", "revision": 3, "store": "paris",
        "customer_id": "c1", "anonymous_id": "a1", "session_id": "s1", "order_id": "o1", "currency": "usd",
        "channel": "web", "country": "gb", "device": "mobile", "campaign": "spring", "tax": 2, "shipping": 4.95,
        "discount": 1, "tax_included": false, "test": true,
        "items": [{"product_id": "p1", "name": "Mug", "category": "kitchen", "brand": "Acme", "quantity": 2, "price": 9.50,
                   "discount": 0.5, "tax": 1.25, "kind": "product"}, {"product_id": "p2", "price": "3", "kind": "fee"}],
        "properties": {"city": "Leeds"}})");
    EXPECT_EQ(event.index, 0U);
    EXPECT_EQ(event.store_id, "paris");
    EXPECT_EQ(event.event_id, "e1");
    EXPECT_EQ(event.event_type, "purchase");
    EXPECT_EQ(event.occurred_at, 1'714'550'400'250'000);  // 2024-05-01 08:00:00.25 UTC
    EXPECT_EQ(event.revision, 3);
    EXPECT_EQ(show(event.customer_id), "c1");
    EXPECT_EQ(show(event.anonymous_id), "a1");
    EXPECT_EQ(show(event.session_id), "s1");
    EXPECT_EQ(show(event.order_id), "o1");
    EXPECT_EQ(event.currency, "USD");
    EXPECT_FALSE(event.tax_included);
    EXPECT_EQ(show(event.channel), "web");
    EXPECT_EQ(show(event.country), "GB");
    EXPECT_EQ(show(event.device), "mobile");
    EXPECT_EQ(show(event.campaign), "spring");
    EXPECT_EQ(show(event.excluded), "test");
    EXPECT_TRUE(event.known_by_order());
    ASSERT_EQ(event.lines.size(), 2U);

    const EventLine& first = event.lines[0];
    EXPECT_EQ(first.line, 1);
    EXPECT_EQ(show(first.product_id), "p1");
    EXPECT_EQ(first.quantity, 2);
    EXPECT_EQ(show(first.unit_price), "9.50");
    EXPECT_EQ(show(first.amount), "19.00");
    EXPECT_EQ(show(first.discount), "1.36");  // 0.5, and of the order's 1.00 by 19 : 3 86 cents
    EXPECT_EQ(show(first.tax), "1.25");
    EXPECT_EQ(show(first.shipping), "4.95");
    EXPECT_EQ(first.kind, LineKind::product);
    EXPECT_EQ(first.properties, R"({"city": "Leeds","name": "Mug","category": "kitchen","brand": "Acme"})");

    const EventLine& second = event.lines[1];
    EXPECT_EQ(second.line, 2);
    EXPECT_EQ(show(second.product_id), "p2");
    EXPECT_EQ(second.quantity, 1);
    EXPECT_EQ(show(second.amount), "3");
    EXPECT_EQ(show(second.discount), "0.14");
    EXPECT_EQ(show(second.tax), "0.75");
    EXPECT_EQ(show(second.shipping), "null");
    EXPECT_EQ(second.kind, LineKind::fee);
    EXPECT_EQ(second.properties, R"({"city": "Leeds"})");
}

TEST_F(NativeEvent, only_the_event_is_required) {
    const Event& event = one(R"({"event":"page_view"})");
    EXPECT_EQ(event.store_id, "main");
    EXPECT_EQ(event.event_id, "random-1");
    EXPECT_EQ(event.occurred_at, kNow);
    EXPECT_EQ(event.revision, 1);
    EXPECT_EQ(event.currency, "GBP");
    EXPECT_FALSE(event.tax_included);
    EXPECT_EQ(event.scope, RefundScope::listed);
    for (const auto& field : {event.customer_id, event.anonymous_id, event.session_id, event.order_id, event.channel,
                              event.country, event.device, event.campaign, event.excluded}) {
        EXPECT_FALSE(field.has_value());
    }
    ASSERT_EQ(event.lines.size(), 1U);
    EXPECT_EQ(event.lines[0].line, 1);
    EXPECT_FALSE(event.lines[0].product_id.has_value());
    EXPECT_FALSE(event.lines[0].quantity.has_value());
    EXPECT_EQ(show(event.lines[0].amount), "null");
    EXPECT_EQ(event.lines[0].properties, "");
}

TEST_F(NativeEvent, null_and_empty_strings_are_absent) {
    const Event& event = one(R"({"event":"purchase","event_id":"","timestamp":null,"revision":null,"store":"",
        "customer_id":"","order_id":null,"currency":"","channel":"","country":"","tax":"","shipping":null,"discount":"",
        "amount":null,"full":null,"tax_included":null,"test":null,"properties":null,"updated_at":"",
        "items":[{"product_id":"","quantity":"","price":1,"discount":null,"tax":"","kind":"","name":"","brand":null}]})");
    EXPECT_EQ(event.event_id, "random-1");
    EXPECT_EQ(event.store_id, "main");
    EXPECT_EQ(event.currency, "GBP");
    EXPECT_EQ(event.occurred_at, kNow);
    EXPECT_FALSE(event.channel || event.country || event.order_id || event.customer_id || event.excluded);
    EXPECT_FALSE(event.updated_at.has_value());
    EXPECT_FALSE(event.lines[0].product_id.has_value());
    EXPECT_EQ(event.lines[0].quantity, 1);
    EXPECT_EQ(show(event.lines[0].discount), "null");
    EXPECT_EQ(event.lines[0].properties, R"({"updated_at":""})");
    EXPECT_EQ(reason(R"({"event":"purchase","amount":1,"items":null,"properties":""})"), "accepted");
}

TEST_F(NativeEvent, a_purchase_without_an_id_is_known_by_its_order) {
    EXPECT_EQ(one(R"({"event":"purchase","order_id":"17","amount":1})").event_id, "purchase:17");
    EXPECT_EQ(one(R"({"event":"purchase","order_id":17,"amount":1})").event_id, "purchase:17");
    EXPECT_EQ(one(R"({"event":"purchase","order_id":"17","event_id":"x","amount":1})").event_id, "x");
    EXPECT_EQ(one(R"({"event":"refund","order_id":"17","amount":1})").event_id, "random-1");
    EXPECT_EQ(one(R"({"event":"purchase","amount":1})").event_id, "random-2");
}

TEST_F(NativeEvent, ids_may_be_numbers_and_stay_their_digits) {
    const Event& event = one(R"({"event":"purchase","event_id":12345678901234567890123,"customer_id":1.50,"order_id":7,
        "session_id":-1,"anonymous_id":1e3,"channel":1,"device":2,"campaign":3,"amount":1})");
    EXPECT_EQ(event.event_id, "12345678901234567890123");
    EXPECT_EQ(show(event.customer_id), "1.50");
    EXPECT_EQ(show(event.session_id), "-1");
    EXPECT_EQ(show(event.anonymous_id), "1e3");
    EXPECT_EQ(show(event.channel), "1");
    EXPECT_EQ(show(one(R"({"event":"view_item","items":[{"product_id":85123}]})").lines[0].product_id), "85123");
}

TEST_F(NativeEvent, numbers_may_be_strings_and_keep_22_digits) {
    const Event& event = one(R"({"event":"purchase","revision":"2","shipping":"4.950","tax":"0.50",
        "items":[{"price":"1234567890.123456789012","quantity":"3"},{"price":0.10,"quantity":2.0},{"price":1e1,"quantity":2e0}]})");
    EXPECT_EQ(event.revision, 2);
    EXPECT_EQ(show(event.lines[0].unit_price), "1234567890.123456789012");
    EXPECT_EQ(show(event.lines[0].amount), "3703703670.370370367036");
    EXPECT_EQ(show(event.lines[0].shipping), "4.950");
    // 0.1 is not 0.1000000000000000055511151231257827.
    EXPECT_EQ(show(event.lines[1].amount), "0.20");
    EXPECT_EQ(event.lines[1].quantity, 2);
    EXPECT_EQ(show(event.lines[2].unit_price), "10");
    EXPECT_EQ(show(one(R"({"event":"purchase","items":[{"price":9999999999999999999999}]})").lines[0].amount),
              "9999999999999999999999");
    EXPECT_EQ(show(one(R"({"event":"purchase","items":[{"price":"1\u002e5"}]})").lines[0].amount), "1.5");
}

TEST_F(NativeEvent, timestamps) {
    const auto at = [this](const std::string& value, const std::string& store = "main") {
        return one(R"({"event":"a","store":")" + store + R"(","timestamp":)" + value + "}").occurred_at;
    };
    constexpr UnixMicros kMay = 1'714'550'400'000'000;  // 2024-05-01 08:00:00 UTC
    EXPECT_EQ(at(R"("2024-05-01T08:00:00Z")"), kMay);
    EXPECT_EQ(at(R"("2024-05-01 08:00:00+00")"), kMay);
    EXPECT_EQ(at("1714550400"), kMay);
    EXPECT_EQ(at("1714550400000"), kMay);
    EXPECT_EQ(at(R"("1714550400")"), kMay);
    EXPECT_EQ(at(R"("1714550400.5")"), kMay + 500'000);
    EXPECT_EQ(at("1714550400123"), kMay + 123'000);
    EXPECT_EQ(at("1714550400.123456"), kMay + 123'456);
    // Without a zone: the store's, two hours ahead of UTC in Paris; an instant is an instant everywhere.
    EXPECT_EQ(at(R"("2024-05-01T10:00:00")", "paris"), kMay);
    EXPECT_EQ(at(R"("2024-05-01T08:00:00Z")", "paris"), kMay);
    EXPECT_EQ(at(R"("2024-05-01T08:00:00")"), kMay);
    // The edges.
    EXPECT_EQ(at(R"("1990-01-01T00:00:00Z")"), 631'152'000'000'000);
    EXPECT_EQ(at(R"("2024-06-02T12:00:00Z")"), kNow + kMicrosPerDay);
}

TEST_F(NativeEvent, updated_at_is_the_orders_version_and_stays_a_property) {
    const Event& event = one(R"({"event":"purchase","amount":1,"updated_at":"2024-05-01T08:00:00Z"})");
    EXPECT_EQ(event.updated_at, 1'714'550'400'000'000);
    EXPECT_EQ(event.lines[0].properties, R"({"updated_at":"2024-05-01T08:00:00Z"})");
    EXPECT_EQ(one(R"({"event":"purchase","amount":1,"updated_at":1714550400})").updated_at, 1'714'550'400'000'000);
    EXPECT_FALSE(one(R"({"event":"refund","amount":1,"updated_at":"2024-05-01T08:00:00Z"})").updated_at.has_value());
    EXPECT_FALSE(one(R"({"event":"view_item","updated_at":"whenever"})").updated_at.has_value());
    EXPECT_EQ(reason(R"({"event":"purchase","amount":1,"updated_at":"whenever"})"), "invalid_timestamp /updated_at");
}

TEST_F(NativeEvent, unknown_members_become_properties_as_they_were_sent) {
    const auto properties = [this](const std::string& members) {
        return std::string(one(R"({"event":"view_item")" + members + "}").lines[0].properties);
    };
    EXPECT_EQ(properties(""), "");
    EXPECT_EQ(properties(R"(,"a":1.500,"b":{"c":[1, 2]},"product_id":"p","quantity":2,"price":1)"),
              R"({"a":1.500,"b":{"c":[1, 2]},"product_id":"p","quantity":2,"price":1})");
    EXPECT_EQ(properties(R"(,"properties":{"city":"\u00c9vry", "n":12345678901234567890123.10})"),
              R"({"city":"\u00c9vry","n":12345678901234567890123.10})");
    EXPECT_EQ(properties(R"(,"properties":{},"items":[])"), "");
    // jsonb takes the last of two: the sent properties win over a stray member.
    EXPECT_EQ(properties(R"(,"properties":{"a":2},"a":1)"), R"({"a":1,"a":2})");
    EXPECT_EQ(properties(R"(,"\u0061":1)"), R"({"\u0061":1})");
}

TEST_F(NativeEvent, each_line_has_the_events_properties_and_its_items_own) {
    const Event& event = one(R"({"event":"purchase","gift":true,"properties":{"city":"Leeds"},"items":[
        {"price":1,"name":"Mug","colour":"red","city":"York"},{"price":2,"name":null,"brand":""},{"price":3}]})");
    EXPECT_EQ(event.lines[0].properties, R"({"gift":true,"city":"Leeds","name":"Mug","colour":"red","city":"York"})");
    EXPECT_EQ(event.lines[1].properties, R"({"gift":true,"city":"Leeds"})");
    EXPECT_EQ(event.lines[1].properties.data(), event.lines[2].properties.data());  // one text for both
    EXPECT_EQ(one(R"({"event":"view_item","items":[{"name":"Mug"}]})").lines[0].properties, R"({"name":"Mug"})");
}

TEST_F(NativeEvent, of_two_members_of_one_name_the_last_counts) {
    const Event& event = one(R"({"event":"a","event":"view_item","event_id":"x","\u0065vent_id":"y","channel":"web",
                                 "channel":null,"items":[{"price":1,"price":2}]})");
    EXPECT_EQ(event.event_type, "view_item");
    EXPECT_EQ(event.event_id, "y");
    EXPECT_FALSE(event.channel.has_value());
    EXPECT_EQ(show(event.lines[0].unit_price), "2");
    EXPECT_EQ(reason(R"({"event":"a","event":null})"), "missing /event");
}

TEST_F(NativeEvent, escapes_are_resolved_in_what_is_read) {
    const Event& event =
        one(R"({"\u0065vent":"view\u005fitem","customer_id":"J\u00fcrgen \"J\" \ud83d\ude00","channel":"a\/b",
                                 "items":[{"\u0070roduct_id":"p\t1"}]})");
    EXPECT_EQ(event.event_type, "view_item");
    EXPECT_EQ(show(event.customer_id), "J\xC3\xBCrgen \"J\" \xF0\x9F\x98\x80");
    EXPECT_EQ(show(event.channel), "a/b");
    EXPECT_EQ(show(event.lines[0].product_id), "p\t1");
    EXPECT_EQ(event.lines[0].properties, "");
}

TEST_F(NativeEvent, many_texts_that_need_unescaping_stay_where_they_are) {
    std::string payload;
    for (int i = 0; i < 20'000; ++i) {
        payload += R"({"event":"a","customer_id":"\u0063ustomer number )" + std::to_string(i) + "\"}\n";
    }
    const EventBatch batch = parse(payload);
    ASSERT_EQ(batch.events.size(), 20'000U);
    for (std::size_t i = 0; i < batch.events.size(); ++i) {
        ASSERT_EQ(show(batch.events[i].customer_id), "customer number " + std::to_string(i));
    }
}

TEST_F(NativeEvent, refunds) {
    const Event& listed =
        one(R"({"event":"refund","order_id":"o","shipping":1,"items":[{"product_id":"p","price":5,"quantity":2}]})");
    EXPECT_EQ(listed.scope, RefundScope::listed);
    EXPECT_EQ(listed.lines[0].quantity, 2);
    EXPECT_EQ(show(listed.lines[0].amount), "10");
    EXPECT_EQ(show(listed.lines[0].shipping), "1");

    const Event& money = one(R"({"event":"refund","amount":5,"shipping":1})");
    EXPECT_EQ(money.scope, RefundScope::listed);
    EXPECT_FALSE(money.lines[0].product_id || money.lines[0].quantity || money.lines[0].unit_price);
    EXPECT_EQ(show(money.lines[0].amount), "5");

    const Event& full =
        one(R"({"event":"refund","order_id":"o","full":true,"reason":"late","properties":{"by":"phone"}})");
    EXPECT_EQ(full.scope, RefundScope::full);
    EXPECT_TRUE(full.lines.empty());
    EXPECT_EQ(full.properties, R"({"reason":"late","by":"phone"})");
    // What is listed is what is refunded.
    EXPECT_EQ(one(R"({"event":"refund","order_id":"o","full":true,"amount":5})").scope, RefundScope::listed);
    EXPECT_EQ(one(R"({"event":"refund","order_id":"o","full":true,"items":[{"price":5}]})").scope, RefundScope::listed);
    EXPECT_EQ(one(R"({"event":"refund","order_id":"o","full":true,"items":[]})").scope, RefundScope::full);
}

TEST_F(NativeEvent, each_stores_rules_are_asked_for_once) {
    std::string payload;
    for (int i = 0; i < 30; ++i) {
        payload +=
            R"({"event":"purchase","amount":1,"store":")" + std::string(i % 3 == 0 ? "paris" : "tokyo") + "\"}\n";
        payload += "{\"event\":\"a\"}\n";
    }
    const EventBatch batch = parse(payload);
    ASSERT_EQ(batch.events.size(), 60U);
    EXPECT_EQ(batch.events[0].currency, "EUR");
    EXPECT_EQ(batch.events[2].currency, "JPY");
    EXPECT_EQ(batch.events[1].store_id, "main");
    EXPECT_EQ(rule_calls_, (std::map<std::string, int>{{"main", 1}, {"paris", 1}, {"tokyo", 1}}));
}

TEST_F(NativeEvent, a_bound_sender_writes_to_its_store_alone) {
    context_.store = "paris";
    EXPECT_EQ(one(R"({"event":"a"})").store_id, "paris");
    EXPECT_EQ(one(R"({"event":"a","store":"tokyo"})").store_id, "tokyo");
    context_.store_is_bound = true;
    EXPECT_EQ(one(R"({"event":"a"})").store_id, "paris");
    EXPECT_EQ(one(R"({"event":"a","store":"paris"})").store_id, "paris");
    EXPECT_EQ(reason(R"({"event":"a","store":"tokyo","event_id":"e"})"), "store_mismatch /store");
    EXPECT_EQ(last_rejection().store_id, "paris");
    EXPECT_EQ(show(last_rejection().event_id), "e");
    // Nothing of another store's is taken on the word of an event that can't be read.
    EXPECT_EQ(reason(R"({"event":"a","store":"tokyo","x":NaN})"), "invalid_number /x");
    EXPECT_EQ(last_rejection().store_id, "paris");
}

TEST_F(NativeEvent, a_sender_sends_the_types_that_it_may) {
    const std::vector<std::string> types = {"view_item", "add_to_cart"};
    context_.event_types = &types;
    EXPECT_EQ(one(R"({"event":"view_item"})").event_type, "view_item");
    EXPECT_EQ(one(R"({"event":"add_to_cart"})").event_type, "add_to_cart");
    EXPECT_EQ(reason(R"({"event":"view_item_list"})"), "event_not_allowed /event");
    // Whatever else is wrong with what may not be sent; but a name that is none is no type.
    EXPECT_EQ(reason(R"({"event":"purchase","event_id":"e","items":[{}]})"), "event_not_allowed /event");
    EXPECT_EQ(show(last_rejection().event_id), "e");
    EXPECT_EQ(last_rejection().message, "event is \"purchase\", which this sender may not send");
    EXPECT_EQ(reason(R"({"event":"Purchase"})"), "invalid_event_type /event");
    const std::vector<std::string> none;
    context_.event_types = &none;
    EXPECT_EQ(reason(R"({"event":"view_item"})"), "event_not_allowed /event");
}

TEST_F(NativeEvent, a_sender_writes_to_the_stores_it_may_use) {
    rules_["tokyo"].is_allowed = false;
    EXPECT_EQ(one(R"({"event":"a","store":"paris"})").store_id, "paris");
    EXPECT_EQ(reason(R"({"event":"a","store":"tokyo"})"), "store_mismatch /store");
    EXPECT_EQ(last_rejection().store_id, "main");
    EXPECT_EQ(reason(R"({"event":"a","store":"tokyo","x":NaN})"), "invalid_number /x");
    EXPECT_EQ(last_rejection().store_id, "main");
}

}  // namespace
}  // namespace analytics
