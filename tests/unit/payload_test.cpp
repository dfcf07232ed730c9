// One object, an array, or lines: what counts as an event, and how one bad one leaves its neighbours alone.
#include "event_fixture.hpp"

#include "core/error.hpp"

namespace analytics {
namespace {

using namespace std::string_literals;

class Payload : public EventTest {
protected:
    // "0:a 1:!invalid_json 2:c": index and event type, or code, of all that a payload holds, in order.
    std::string outline(std::string_view payload) {
        const EventBatch batch = parse(payload);
        std::string text;
        auto event = batch.events.begin();
        auto rejection = batch.rejections.begin();
        while (event != batch.events.end() || rejection != batch.rejections.end()) {
            if (!text.empty()) text += " ";
            if (rejection == batch.rejections.end() ||
                (event != batch.events.end() && event->index < rejection->index)) {
                text += std::to_string(event->index) + ":" + std::string(event->event_type);
                ++event;
            } else {
                text += std::to_string(rejection->index) + ":!" + rejection->code;
                ++rejection;
            }
        }
        return text;
    }
};

TEST_F(Payload, one_object) {
    EXPECT_EQ(outline(R"({"event":"a"})"), "0:a");
    EXPECT_EQ(outline("\n\t {\n  \"event\":\n  \"a\"\n}\n\n"), "0:a");
    EXPECT_EQ(outline("\xEF\xBB\xBF{\"event\":\"a\"}"), "0:a");
}

TEST_F(Payload, an_array) {
    EXPECT_EQ(outline(R"([{"event":"a"},{"event":"b"}])"), "0:a 1:b");
    EXPECT_EQ(outline("[\n  {\"event\":\"a\"},\n  {\"event\":\"b\"}\n]\n"), "0:a 1:b");
    EXPECT_EQ(outline("\xEF\xBB\xBF [ {\"event\":\"a\"} ] "), "0:a");
    EXPECT_EQ(outline("[]"), "");
    EXPECT_EQ(outline(" [ ] \n"), "");
}

TEST_F(Payload, lines) {
    EXPECT_EQ(outline("{\"event\":\"a\"}\n{\"event\":\"b\"}"), "0:a 1:b");
    EXPECT_EQ(outline("{\"event\":\"a\"}\r\n{\"event\":\"b\"}\r\n"), "0:a 1:b");
    EXPECT_EQ(outline("\xEF\xBB\xBF{\"event\":\"a\"}\n{\"event\":\"b\"}"), "0:a 1:b");
    // Blank lines are not counted.
    EXPECT_EQ(outline("\n\n{\"event\":\"a\"}\n \t\r\n\n{\"event\":\"b\"}\n\n"), "0:a 1:b");
}

TEST_F(Payload, a_bad_line_spoils_no_other) {
    EXPECT_EQ(outline("{\"event\":\"a\"}\n{\"event\":\n{\"event\":\"c\"}"), "0:a 1:!invalid_json 2:c");
    EXPECT_EQ(outline("oops\n{\"event\":\"b\"}"), "0:!invalid_json 1:b");
    EXPECT_EQ(
        outline("{broken\n{\"event\":\"b\"}\n42\n[]\n\"x\"\nnull\n{\"event\":\"c\"} {\"event\":\"d\"}"),
        "0:!invalid_json 1:b 2:!not_an_object 3:!not_an_object 4:!not_an_object 5:!not_an_object 6:!invalid_json");
    EXPECT_EQ(outline("{\"event\":\"a\",\"x\":\"\xFF\"}\n{\"event\":\"b\"}"), "0:!invalid_utf8 1:b");
    EXPECT_EQ(outline("\xFF\xFE\n{\"event\":\"b\"}"), "0:!invalid_utf8 1:b");
    EXPECT_EQ(outline("{\"event\":\"a\"}\n{\"x\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}\n" +
                      "{\"event\":\"c\"}\n" + std::string(100'000, '{') + "\n{\"event\":\"e\"}"),
              "0:a 1:!too_deep 2:c 3:!invalid_json 4:e");
}

TEST_F(Payload, a_bad_element_spoils_no_other) {
    EXPECT_EQ(outline(R"([{"event":"a"},42,null,"x",[{}],{"event":"c"}])"),
              "0:a 1:!not_an_object 2:!not_an_object 3:!not_an_object 4:!not_an_object 5:c");
    EXPECT_EQ(outline("[{\"event\":\"a\"},{\"event\":\"\xFF\"},{\"event\":\"c\"}]"), "0:a 1:!invalid_utf8 2:c");
    EXPECT_EQ(outline("[{\"event\":\"a\"},{\"x\":" + std::string(100'000, '[') + std::string(100'000, ']') +
                      "},{\"event\":\"c\"}]"),
              "0:a 1:!too_deep 2:c");
    EXPECT_EQ(outline(R"([{"event":"a"},{"event":"b","x":NaN},{"event":"c","x":"\q"},{"event":"d","x":"\u0000"},
                          {"event":"e","x":"\ud800"},{"event":"f","x":nope},{"event":"g"}])"),
              "0:a 1:!invalid_number 2:!invalid_json 3:!nul_character 4:!invalid_utf8 5:!invalid_json 6:g");
}

TEST_F(Payload, a_value_that_is_no_object_is_one_rejection) {
    EXPECT_EQ(outline("42"), "0:!not_an_object");
    EXPECT_EQ(outline(" \"x\" "), "0:!not_an_object");
    EXPECT_EQ(outline("null"), "0:!not_an_object");
    EXPECT_EQ(outline("[[]]"), "0:!not_an_object");
}

TEST_F(Payload, lines_may_begin_with_one_that_is_an_array) {
    EXPECT_EQ(outline("[1]\n{\"event\":\"b\"}"), "0:!not_an_object 1:b");
    EXPECT_EQ(outline("[{\"event\":\"a\"}]\n[{\"event\":\"b\"}]"), "0:!not_an_object 1:!not_an_object");
}

TEST_F(Payload, what_is_no_json_at_all_is_an_error) {
    for (const std::string& text : {""s,
                                    " \n\t"s,
                                    "\xEF\xBB\xBF"s,
                                    "hello"s,
                                    "hello\nworld"s,
                                    "event=a&b=c"s,
                                    "{"s,
                                    "["s,
                                    "[{\"event\":\"a\"}"s,
                                    "[{\"event\":\"a\"},"s,
                                    "[\n{\"event\":\"a\"},\n{\"event\":\"b\"}"s,
                                    "[{\"event\":\"a\"}] x"s,
                                    "{\n\"event\": \"a\",\n\"x\"\n}"s,
                                    "<html></html>"s,
                                    "\xFF"s,
                                    "{\"event\":\"a\"}x"s,
                                    "NaN"s,
                                    "nope"s,
                                    "{\n\"items\": [\n\"a\"\n,,]}"s,
                                    std::string("\0", 1),
                                    std::string(50'000, '[')}) {
        try {
            parse(text);
            ADD_FAILURE() << "taken: " << text;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Code::invalid_text);
            EXPECT_FALSE(error.hint().empty());
            EXPECT_TRUE(is_valid_utf8(error.detail()));
        }
    }
}

TEST_F(Payload, the_error_says_where) {
    try {
        parse("[{\"event\":\"a\"},\n {\"event\" \"b\"}]");
        FAIL();
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "payload is not JSON");
        EXPECT_EQ(error.detail(), "line 2, byte 11: expected a colon, found \"\"b\"}]\"");
    }
}

TEST_F(Payload, what_was_sent_is_kept_byte_for_byte) {
    const std::string sent = "{\"event\":\"a\", \"x\": 1.50 }";
    EventBatch batch = parse("  " + sent + "  \r\n{oops \xFF \r\n[1, 2]\r\n");
    EXPECT_EQ(batch.events.at(0).source, sent);
    EXPECT_EQ(batch.rejections.at(0).source, "{oops \xFF");
    EXPECT_FALSE(batch.rejections.at(0).is_json);
    EXPECT_EQ(batch.rejections.at(0).code, "invalid_utf8");
    EXPECT_EQ(batch.rejections.at(1).source, "[1, 2]");
    EXPECT_TRUE(batch.rejections.at(1).is_json);
    EXPECT_EQ(batch.rejections.at(1).store_id, "main");
}

TEST_F(Payload, is_json_says_whether_jsonb_can_hold_it) {
    const auto is_json = [this](const std::string& payload) {
        reason(payload);
        return last_rejection().is_json;
    };
    EXPECT_TRUE(is_json(R"({"event":"A"})"));
    EXPECT_TRUE(is_json(R"({"x":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]})"));
    EXPECT_FALSE(is_json("{\"x\":" + std::string(200, '[') + std::string(200, ']') + "}"));
    EXPECT_FALSE(is_json(R"({"event":"a\u0000"})"));
    EXPECT_FALSE(is_json(R"({"event":"\ud800"})"));
    EXPECT_FALSE(is_json("{\"event\":\"\xFF\"}"));
    EXPECT_FALSE(is_json(R"({"event":NaN})"));
    EXPECT_FALSE(is_json(R"({"event":"a","x":1e99999})"));
    EXPECT_FALSE(is_json("[\"event\n\"]"));
}

TEST_F(Payload, a_million_events_are_the_limit) {
    std::string text;
    for (int i = 0; i < 1'000'001; ++i) text += "1\n";
    try {
        parse_events(text, Format::automatic, context_);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::limit_exceeded);
    }
}

TEST_F(Payload, few_bytes_can_not_ask_for_much_memory) {
    // Ten events of 60 MiB of properties each, 2,000 lines times 30 KiB.
    std::string event = R"({"event":"view_item","note":")" + std::string(30'000, 'x') + R"(","items":[)";
    for (int i = 0; i < 2'000; ++i) event += i == 0 ? R"({"name":"a"})" : R"(,{"name":"a"})";
    event += "]}\n";
    std::string text;
    for (int i = 0; i < 10; ++i) text += event;
    EXPECT_EQ(parse_events(event, Format::automatic, context_).events.size(), 1U);
    try {
        parse_events(text, Format::automatic, context_);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::limit_exceeded);
    }
}

TEST_F(Payload, a_batch_can_be_moved_and_its_views_stay) {
    EventBatch batch = parse(R"({"event":"a","event_id":"\u0065\u0031","x":1})");
    const EventBatch moved = std::move(batch);
    EXPECT_EQ(moved.events[0].event_type, "a");
    EXPECT_EQ(moved.events[0].event_id, "e1");
    EXPECT_EQ(moved.events[0].lines[0].properties, R"({"x":1})");
}

TEST_F(Payload, formats_have_names) {
    EXPECT_EQ(parse_format("auto"), Format::automatic);
    EXPECT_EQ(parse_format("native"), Format::native);
    try {
        parse_format("excel");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::invalid_parameter);
        EXPECT_STREQ(error.what(), "unknown format \"excel\"");
        EXPECT_NE(error.hint().find("native"), std::string::npos);
    }
}

}  // namespace
}  // namespace analytics
