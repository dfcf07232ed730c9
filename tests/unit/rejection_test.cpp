// Every reason for which the core refuses an event: code and pointer, then what the rejection says beside them.
#include "event_fixture.hpp"

namespace analytics {
namespace {

class Rejections : public EventTest {
protected:
    // An event of a harmless type with these members; a purchase where it begins with its own.
    std::string with(const std::string& members) { return reason(R"({"event":"view_item",)" + members + "}"); }
    std::string item(const std::string& members) {
        return reason(R"({"event":"purchase","items":[{)" + members + "}]}");
    }
};

TEST_F(Rejections, missing) {
    EXPECT_EQ(reason("{}"), "missing /event");
    EXPECT_EQ(reason(R"({"event":null})"), "missing /event");
    EXPECT_EQ(reason(R"({"event":""})"), "missing /event");
    EXPECT_EQ(reason(R"({"event":"purchase"})"), "missing /items");
    EXPECT_EQ(reason(R"({"event":"purchase","items":[]})"), "missing /items");
    EXPECT_EQ(reason(R"({"event":"refund"})"), "missing /items");
    EXPECT_EQ(reason(R"({"event":"refund","full":false})"), "missing /items");
    EXPECT_EQ(reason(R"({"event":"refund","full":true})"), "missing /order_id");
    EXPECT_EQ(item(R"("product_id":"p")"), "missing /items/0/price");
    EXPECT_EQ(item(R"("price":null)"), "missing /items/0/price");
    EXPECT_EQ(reason(R"({"event":"refund","items":[{"price":1},{"product_id":"p"}]})"), "missing /items/1/price");
}

TEST_F(Rejections, wrong_type) {
    EXPECT_EQ(reason(R"({"event":5})"), "wrong_type /event");
    EXPECT_EQ(reason(R"({"event":["a"]})"), "wrong_type /event");
    for (const std::string name : {"event_id", "store", "customer_id", "anonymous_id", "session_id", "order_id",
                                   "channel", "device", "campaign"}) {
        EXPECT_EQ(with("\"" + name + "\":true"), "wrong_type /" + name);
        EXPECT_EQ(with("\"" + name + "\":{}"), "wrong_type /" + name);
    }
    for (const std::string name : {"currency", "country"}) EXPECT_EQ(with("\"" + name + "\":5"), "wrong_type /" + name);
    for (const std::string name : {"tax", "shipping", "discount", "amount", "revision", "timestamp"}) {
        EXPECT_EQ(with("\"" + name + "\":true"), "wrong_type /" + name);
        EXPECT_EQ(with("\"" + name + "\":[1]"), "wrong_type /" + name);
    }
    for (const std::string name : {"full", "tax_included", "test"}) {
        EXPECT_EQ(with("\"" + name + "\":\"true\""), "wrong_type /" + name);
        EXPECT_EQ(with("\"" + name + "\":1"), "wrong_type /" + name);
    }
    EXPECT_EQ(with(R"("items":{})"), "wrong_type /items");
    EXPECT_EQ(with(R"("items":"x")"), "wrong_type /items");
    EXPECT_EQ(with(R"("items":[{},5])"), "wrong_type /items/1");
    EXPECT_EQ(with(R"("items":[null])"), "wrong_type /items/0");
    EXPECT_EQ(with(R"("properties":[1])"), "wrong_type /properties");
    EXPECT_EQ(with(R"("properties":"x")"), "wrong_type /properties");
    EXPECT_EQ(item(R"("price":true)"), "wrong_type /items/0/price");
    EXPECT_EQ(item(R"("price":1,"quantity":{})"), "wrong_type /items/0/quantity");
    EXPECT_EQ(item(R"("price":1,"kind":5)"), "wrong_type /items/0/kind");
    EXPECT_EQ(item(R"("price":1,"product_id":false)"), "wrong_type /items/0/product_id");
}

TEST_F(Rejections, invalid_event_type) {
    for (const std::string name : {"Purchase", "1a", "_a", "view item", "view-item", "caf\xC3\xA9", " a", "a.b"}) {
        EXPECT_EQ(reason("{\"event\":\"" + name + "\"}"), "invalid_event_type /event") << name;
    }
    EXPECT_EQ(reason("{\"event\":\"" + std::string(65, 'a') + "\"}"), "invalid_event_type /event");
    EXPECT_EQ(reason("{\"event\":\"" + std::string(64, 'a') + "\"}"), "accepted");
    EXPECT_EQ(reason(R"({"event":"a_9"})"), "accepted");
}

TEST_F(Rejections, invalid_timestamp) {
    for (const std::string text :
         {"yesterday", "2024-05-01", "2024-02-30T00:00:00Z", "12/31/2024", "NaN", "2024-05-01T08:00Z"}) {
        EXPECT_EQ(with("\"timestamp\":\"" + text + "\""), "invalid_timestamp /timestamp") << text;
    }
}

TEST_F(Rejections, timestamp_out_of_range) {
    for (const std::string value :
         {"\"1989-12-31T23:59:59.999999Z\"", "\"2024-06-02T12:00:00.000001Z\"", "\"9999-12-31T23:59:59Z\"", "0", "-1",
          "1714550400000000", "1714550400000000000", "99999999999999999999999", "1e300", "\"-99999999999999999999999\"",
          "\"0000-01-01T00:00:00Z\""}) {
        EXPECT_EQ(with("\"timestamp\":" + value), "timestamp_out_of_range /timestamp") << value;
    }
}

TEST_F(Rejections, invalid_number) {
    for (const std::string text :
         {"abc", "1,50", "1.234,5", "12 GBP", "NaN", "Infinity", "-inf", "0x10", "+1", " 1", "1."}) {
        EXPECT_EQ(item("\"price\":\"" + text + "\""), "invalid_number /items/0/price") << text;
    }
    EXPECT_EQ(item(R"("price":1,"quantity":1.5)"), "invalid_number /items/0/quantity");
    EXPECT_EQ(item(R"("price":1,"quantity":"two")"), "invalid_number /items/0/quantity");
    EXPECT_EQ(with(R"("revision":1.5)"), "invalid_number /revision");
    EXPECT_EQ(with(R"("tax":"NaN")"), "invalid_number /tax");
    EXPECT_EQ(with(R"("x":NaN)"), "invalid_number /x");
    EXPECT_EQ(with(R"("items":[{"price":-Infinity}])"), "invalid_number /items/0/price");
}

TEST_F(Rejections, out_of_range) {
    EXPECT_EQ(item(R"("price":-1)"), "out_of_range /items/0/price");
    EXPECT_EQ(item(R"("price":"-0.01")"), "out_of_range /items/0/price");
    EXPECT_EQ(item(R"("price":-0.00)"), "accepted");
    EXPECT_EQ(item(R"("price":12345678901234567890123)"), "out_of_range /items/0/price");
    EXPECT_EQ(item(R"("price":0.00000000000000000000001)"), "out_of_range /items/0/price");
    EXPECT_EQ(item(R"("price":1e22)"), "out_of_range /items/0/price");
    EXPECT_EQ(item(R"("price":1,"discount":-1)"), "out_of_range /items/0/discount");
    EXPECT_EQ(item(R"("price":1,"tax":-1)"), "out_of_range /items/0/tax");
    EXPECT_EQ(item(R"("price":1,"kind":"voucher")"), "out_of_range /items/0/kind");
    for (const std::string value : {"0", "-1", "2147483648", "1e21", "\"0\"", "99999999999999999999999"}) {
        EXPECT_EQ(item("\"price\":1,\"quantity\":" + value), "out_of_range /items/0/quantity") << value;
        EXPECT_EQ(with("\"revision\":" + value), "out_of_range /revision") << value;
    }
    EXPECT_EQ(item(R"("price":1,"quantity":2147483647)"), "accepted");
    for (const std::string name : {"tax", "shipping", "discount", "amount"}) {
        EXPECT_EQ(with("\"" + name + "\":-0.5"), "out_of_range /" + name);
    }
    EXPECT_EQ(with(R"("x":1e20000)"), "out_of_range /x");
}

TEST_F(Rejections, items_beyond_32767) {
    const auto items = [](int count) {
        std::string text = R"({"event":"purchase","items":[)";
        for (int i = 0; i < count; ++i) text += i == 0 ? R"({"price":1})" : R"(,{"price":1})";
        return text + "]}";
    };
    EXPECT_EQ(one(items(32'767)).lines.back().line, 32'767);
    EXPECT_EQ(reason(items(32'768)), "out_of_range /items");
}

TEST_F(Rejections, properties_that_many_items_would_multiply) {
    // 4,096 items times 16 KiB and a little is more than 64 MiB.
    std::string text = R"({"event":"purchase","note":")" + std::string(16'384, 'x') + R"(","items":[)";
    for (int i = 0; i < 4'096; ++i) text += i == 0 ? R"({"price":1})" : R"(,{"price":1})";
    EXPECT_EQ(reason(text + "]}"), "out_of_range /properties");
}

TEST_F(Rejections, codes_of_currency_and_country) {
    EXPECT_EQ(with(R"("currency":"GBX")"), "unknown_currency /currency");
    EXPECT_EQ(with(R"("currency":"pounds")"), "unknown_currency /currency");
    EXPECT_EQ(with(R"("country":"XX")"), "invalid_country /country");
    EXPECT_EQ(with(R"("country":"Germany")"), "invalid_country /country");
    EXPECT_EQ(with(R"("country":"UK")"), "invalid_country /country");
    EXPECT_EQ(last_rejection().message, R"(country is "UK"; the United Kingdom is GB)");
}

TEST_F(Rejections, key_too_long) {
    const std::string longest(1024, 'k');
    for (const std::string name : {"event_id", "store", "customer_id", "anonymous_id", "session_id", "order_id",
                                   "channel", "device", "campaign"}) {
        EXPECT_EQ(with("\"" + name + "\":\"" + longest + "\""), "accepted") << name;
        EXPECT_EQ(with("\"" + name + "\":\"" + longest + "k\""), "key_too_long /" + name);
    }
    EXPECT_EQ(with("\"customer_id\":1" + std::string(1024, '0')), "key_too_long /customer_id");
    EXPECT_EQ(item(R"("price":1,"product_id":")" + longest + "k\""), "key_too_long /items/0/product_id");
    // Bytes count, as they are stored: 512 times two, and an escape is one character.
    EXPECT_EQ(with("\"customer_id\":\"" + std::string(1023, 'k') + "\\n\""), "accepted");
    EXPECT_EQ(with("\"customer_id\":\"" + std::string(1023, 'k') + "\xC3\xA9\""), "key_too_long /customer_id");
    // purchase:<order_id> is a key, too.
    EXPECT_EQ(reason(R"({"event":"purchase","amount":1,"order_id":")" + std::string(1015, 'k') + "\"}"), "accepted");
    EXPECT_EQ(reason(R"({"event":"purchase","amount":1,"order_id":")" + std::string(1016, 'k') + "\"}"),
              "key_too_long /order_id");
}

TEST_F(Rejections, too_deep) {
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_EQ(with("\"x\":" + nested(31)), "accepted");  // the event itself is the first of 32
    EXPECT_EQ(with("\"x\":" + nested(32)).substr(0, 13), "too_deep /x/0");
}

TEST_F(Rejections, characters_that_can_not_be_stored) {
    EXPECT_EQ(with(R"("customer_id":"a\u0000b")"), "nul_character /customer_id");
    EXPECT_EQ(with(R"("x":{"y":["\u0000"]})"), "nul_character /x/y/0");
    EXPECT_EQ(with(R"("properties":{"a\u0000":1})"), "nul_character /properties");
    EXPECT_EQ(with(std::string("\"x\":\"a\0b\"", 9)), "nul_character /x");
    EXPECT_EQ(with("\"x\":\"\xC3\x28\""), "invalid_utf8 /x");
    EXPECT_EQ(with("\"\xFF\":1"), "invalid_utf8 ");
    EXPECT_EQ(with("\"items\":[{\"name\":\"\xED\xA0\x80\"}]"), "invalid_utf8 /items/0/name");
    EXPECT_EQ(with(R"("x":"\ud800")"), "invalid_utf8 /x");
    EXPECT_EQ(with(R"("x":"\udc00\ud800")"), "invalid_utf8 /x");
    EXPECT_EQ(with(R"("x":"\ud83d\ude00")"), "accepted");
}

TEST_F(Rejections, name_the_event_where_it_could_be_read) {
    reason(R"({"country":"XX","event":"a","event_id":"e1","store":"paris"})");
    EXPECT_EQ(show(last_rejection().event_id), "e1");
    EXPECT_EQ(last_rejection().store_id, "paris");
    reason(R"({"event":"A","event_id":17})");
    EXPECT_EQ(show(last_rejection().event_id), "17");
    EXPECT_EQ(last_rejection().store_id, "main");
    reason(R"({"event":"A"})");
    EXPECT_FALSE(last_rejection().event_id.has_value());
    // Also where something else in the event is no JSON.
    reason(R"({"event_id":"e2","store":"tokyo","x":NaN})");
    EXPECT_EQ(show(last_rejection().event_id), "e2");
    EXPECT_EQ(last_rejection().store_id, "tokyo");
    reason("{\"event_id\":\"\xFF\",\"event\":\"a\"}");
    EXPECT_FALSE(last_rejection().event_id.has_value());
    reason(R"({"event_id":"\u0000","event":"a"})");
    EXPECT_FALSE(last_rejection().event_id.has_value());
    reason("{\"event_id\":\"" + std::string(2000, 'e') + "\",\"event\":\"a\"}");
    EXPECT_FALSE(last_rejection().event_id.has_value());
}

TEST_F(Rejections, messages_say_what_was_found_and_what_is_wanted) {
    const auto message = [this](const std::string& payload) {
        reason(payload);
        return last_rejection().message;
    };
    EXPECT_EQ(message(R"({"event":"Purchase"})"),
              R"(event is "Purchase"; 1 to 64 of a-z, 0-9 and _ are wanted, a letter first)");
    EXPECT_EQ(message(R"({"event":"purchase","items":[{"price":"abc"}]})"),
              R"(price is "abc"; a number like 19.90 is wanted)");
    EXPECT_EQ(message(R"({"event":"purchase","items":[{"price":1,"quantity":0}]})"),
              "quantity is 0; it must be from 1 to 2147483647");
    EXPECT_EQ(message(R"({"event":"a","tax":{}})"), "tax is an object; a number like 19.90 is wanted");
    EXPECT_EQ(message("[5]"), "found a number; an event is an object");
    // A sender's text is cut and made printable.
    EXPECT_EQ(message("{\"event\":\"" + std::string(30, 'A') + "\\n" + std::string(5000, 'B') + "\"}"),
              "event is \"" + std::string(30, 'A') + "?" + std::string(9, 'B') +
                  "...\"; 1 to 64 of a-z, 0-9 and _ are wanted, a letter first");
}

}  // namespace
}  // namespace analytics
