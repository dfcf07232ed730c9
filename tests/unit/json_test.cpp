#include "core/json.hpp"

#include "core/utf8.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace analytics::json {
namespace {

using namespace std::string_literals;

// "yes", "no: what was expected at which byte", or "flaw at pointer".
std::string judge(const std::string& text) {
    Document document;
    const char* const end = text.data() + text.size();
    if (!document.read(text.data(), end)) {
        return "no: " + std::string(document.expected()) + " at " + std::to_string(document.where() - text.data());
    }
    if (skip_blanks(document.stop(), end) != end) return "no: more";
    if (document.flaw()) return "flaw at " + document.flaw()->pointer;
    return "yes";
}

TEST(Json, takes_what_rfc_8259_takes) {
    for (const std::string& text : {"{}"s,
                                    "[]"s,
                                    " [ ] "s,
                                    "0"s,
                                    "-0"s,
                                    "-0.0e+10"s,
                                    "1E-2"s,
                                    "123.456"s,
                                    "true"s,
                                    "false"s,
                                    "null"s,
                                    "\"\""s,
                                    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""s,
                                    "\"\\ud83d\\ude00\""s,
                                    "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\""s,
                                    "\"\x7F\""s,
                                    "[1,[2,[3]],{\"a\":{}}]"s,
                                    "{\"\":0}"s,
                                    "{\"a\":1,\"a\":2}"s,
                                    "\t\r\n{\"a\"\t:\n1\r,\"b\" :2}"s,
                                    "123456789012345678901234567890"s,
                                    "1e16382"s,
                                    "\"\xEF\xBF\xBF\xF4\x8F\xBF\xBF\xED\x9F\xBF\""s}) {
        EXPECT_EQ(judge(text), "yes") << text;
    }
}

TEST(Json, refuses_what_has_no_structure) {
    for (const std::string& text : {""s,
                                    " "s,
                                    "{"s,
                                    "}"s,
                                    "["s,
                                    "]"s,
                                    "[1"s,
                                    "[1,"s,
                                    "[1,]"s,
                                    "[,1]"s,
                                    "[1 2]"s,
                                    "{,}"s,
                                    "{\"a\"}"s,
                                    "{\"a\":}"s,
                                    "{\"a\":1,}"s,
                                    "{\"a\" 1}"s,
                                    "{a:1}"s,
                                    "{'a':1}"s,
                                    "{1:2}"s,
                                    "{\"a\":1"s,
                                    "{\"a"s,
                                    "\"abc"s,
                                    "\"abc\\"s,
                                    "\"abc\\\""s,
                                    "[1}"s,
                                    "{\"a\":1]"s,
                                    "[]]"s,
                                    "{}{}"s,
                                    "1 2"s,
                                    "\"a\"\"b\""s,
                                    ":"s,
                                    ","s,
                                    "#"s,
                                    "[1]//"s,
                                    "\xEF\xBB\xBF{}"s,
                                    "{\"a\":1}\0"s,
                                    "[\"a\",\n4\n,1,"s,
                                    "\"\\u00"s,
                                    "\xFF"s,
                                    "(1)"s,
                                    "[1;2]"s}) {
        EXPECT_EQ(judge(text).substr(0, 2), "no") << text;
    }
    EXPECT_EQ(judge("{\"a\":1,\"b\" 2}"), "no: a colon at 11");
    EXPECT_EQ(judge("[1,2"), "no: ',' or ']' at 4");
    EXPECT_EQ(judge("{\"a\":\"b"), "no: the end of a string at 7");
}

TEST(Json, finds_the_end_of_what_is_flawed_inside) {
    for (const std::string& text : {"[\"a\\qb\"]"s,
                                    "[\"a\nb\"]"s,
                                    "[\"\x01\"]"s,
                                    "[\"\\u12\"]"s,
                                    "[\"\\u12G4\"]"s,
                                    "[NaN]"s,
                                    "[-Infinity]"s,
                                    "[nul]"s,
                                    "[True]"s,
                                    "[01]"s,
                                    "[1.]"s,
                                    "[.5]"s,
                                    "[-]"s,
                                    "[+1]"s,
                                    "[1e]"s,
                                    "[1e+]"s,
                                    "[0x1F]"s,
                                    "[1_000]"s,
                                    "[--1]"s,
                                    "[1.2.3]"s,
                                    "[undefined]"s,
                                    "[\"\xFF\"]"s,
                                    "[\"\xC0\x80\"]"s,
                                    "[\"\xED\xA0\x80\"]"s,
                                    "[\"\xF4\x90\x80\x80\"]"s,
                                    "[\"\xE2\x82\"]"s,
                                    "[\"\xC3\"]"s,
                                    "[\"\\u0000\"]"s,
                                    "[\"\0\"]"s,
                                    "[\"\\ud800\"]"s,
                                    "[\"\\udc00\"]"s,
                                    "[\"\\ud800\\u0041\"]"s,
                                    "[\"\\ud800\\ud800\"]"s,
                                    "[\"\\uDBFFx\"]"s,
                                    "[1e16383]"s,
                                    "[1e-16384]"s,
                                    "[1e99999999999999999999]"s,
                                    "[-12e16382]"s}) {
        EXPECT_EQ(judge(text), "flaw at /0") << text;
    }
}

TEST(Json, says_what_the_flaw_is_and_whether_jsonb_could_hold_it) {
    const auto flaw = [](const std::string& text) {
        Document document;
        EXPECT_TRUE(document.read(text.data(), text.data() + text.size())) << text;
        EXPECT_TRUE(document.flaw().has_value()) << text;
        EXPECT_FALSE(document.fits_jsonb()) << text;
        return document.flaw() ? document.flaw()->kind : Flaw::Kind::malformed;
    };
    EXPECT_EQ(flaw("[nope]"), Flaw::Kind::malformed);
    EXPECT_EQ(flaw("[\"\\x\"]"), Flaw::Kind::malformed);
    EXPECT_EQ(flaw("[nan]"), Flaw::Kind::not_a_number);
    EXPECT_EQ(flaw("[-Infinity]"), Flaw::Kind::not_a_number);
    EXPECT_EQ(flaw("[\"\xFF\"]"), Flaw::Kind::bad_utf8);
    EXPECT_EQ(flaw("[\"\\udfff\"]"), Flaw::Kind::bad_utf8);
    EXPECT_EQ(flaw("[\"\\u0000\"]"), Flaw::Kind::nul);
    EXPECT_EQ(flaw("[1e20000]"), Flaw::Kind::too_large);
}

TEST(Json, points_at_the_flaw) {
    EXPECT_EQ(judge(R"({"a":[1,{"b":"\u0000"}]})"), "flaw at /a/1/b");
    EXPECT_EQ(judge(R"({"x":1,"a~b/c":NaN})"), "flaw at /a~0b~1c");
    EXPECT_EQ(judge(R"({"\u0061":[[],[1,oops]]})"), "flaw at /a/1/1");
    EXPECT_EQ(judge(R"(NaN)"), "flaw at ");
    // In a member's name: the object that has it. The first of several counts.
    EXPECT_EQ(judge(R"({"a":{"b\u0000":1,"c":NaN}})"), "flaw at /a");
    // A name too long to repeat: its object.
    EXPECT_EQ(judge("{\"a\":{\"" + std::string(300, 'k') + "\":NaN}}"), "flaw at /a");
}

TEST(Json, depth_beyond_32_is_a_flaw_however_deep) {
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_EQ(judge(nested(32)), "yes");
    std::string pointer;
    for (int i = 0; i < 32; ++i) pointer += "/0";
    EXPECT_EQ(judge(nested(33)), "flaw at " + pointer);
    EXPECT_EQ(judge(nested(1'000'000)), "flaw at " + pointer);
    EXPECT_EQ(judge(std::string(1'000'000, '[')).substr(0, 2), "no");

    std::string objects;
    for (int i = 0; i < 40; ++i) objects += "{\"k\":";
    objects += "1" + std::string(40, '}');
    EXPECT_EQ(judge(objects).substr(0, 12), "flaw at /k/k");
    EXPECT_EQ(judge(objects + "}"), "no: more");
    EXPECT_EQ(judge(std::string(40, '[') + "}").substr(0, 2), "no");

    // jsonb's own parser is recursive: what is merely too deep for us it can hold, what is absurd perhaps not.
    Document document;
    const std::string forty = nested(40);
    const std::string thousand = nested(1000);
    EXPECT_TRUE(document.read(forty.data(), forty.data() + forty.size()) && document.fits_jsonb());
    EXPECT_TRUE(document.read(thousand.data(), thousand.data() + thousand.size()) && !document.fits_jsonb());
}

TEST(Json, nodes_hold_the_text_as_it_was_sent) {
    const std::string text = R"( {"a": [1.50, "x\n", {}], "\u0062":true , "c":{"d":null}} )";
    Document document;
    ASSERT_TRUE(document.read(text.data(), text.data() + text.size()));
    std::vector<std::string> members;
    for (const Node& node : Children(document.root())) members.emplace_back(node.member());
    EXPECT_EQ(members,
              (std::vector<std::string>{R"("a": [1.50, "x\n", {}])", R"("\u0062":true)", R"("c":{"d":null})"}));

    std::vector<std::string> elements;
    for (const Node& node : Children(*Children(document.root()).begin())) elements.emplace_back(node.raw);
    EXPECT_EQ(elements, (std::vector<std::string>{"1.50", R"("x\n")", "{}"}));
    EXPECT_EQ(document.root().raw, text.substr(1, text.size() - 2));
    EXPECT_EQ(document.root().span, 8U);
}

TEST(Json, a_document_can_be_read_into_again) {
    Document document;
    const std::string flawed = "[[[NaN";
    const std::string good = "[1]";
    EXPECT_FALSE(document.read(flawed.data(), flawed.data() + flawed.size()));
    EXPECT_TRUE(document.read(good.data(), good.data() + good.size()));
    EXPECT_FALSE(document.flaw().has_value());
    EXPECT_TRUE(document.fits_jsonb());
}

TEST(Json, unescapes) {
    const auto plain = [](std::string_view content) {
        std::string out;
        unescape(content, out);
        return out;
    };
    EXPECT_EQ(plain(R"(a\"b\\c\/d\b\f\n\r\t)"), "a\"b\\c/d\b\f\n\r\t");
    EXPECT_EQ(plain(R"(\u0041\u00e9\u20AC\ud83d\ude00!)"), "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80!");
    EXPECT_EQ(plain(R"(\uDBFF\uDFFF\uffff)"), "\xF4\x8F\xBF\xBF\xEF\xBF\xBF");
    EXPECT_EQ(plain(""), "");
}

TEST(Utf8, follows_rfc_3629_at_every_boundary) {
    // The first and last code points of each length, and their neighbours that are not allowed.
    for (const std::string& good : {"\x00"s, "\x7F"s, "\xC2\x80"s, "\xDF\xBF"s, "\xE0\xA0\x80"s, "\xED\x9F\xBF"s,
                                    "\xEE\x80\x80"s, "\xEF\xBF\xBF"s, "\xF0\x90\x80\x80"s, "\xF4\x8F\xBF\xBF"s}) {
        EXPECT_TRUE(is_valid_utf8(good));
        EXPECT_EQ(utf8_sequence_length(good.data(), good.data() + good.size()), good.size());
        EXPECT_EQ(is_valid_utf8(good.substr(0, good.size() - 1)), good.size() == 1);
    }
    for (const std::string& bad : {"\x80"s, "\xBF"s, "\xC0\x80"s, "\xC1\xBF"s, "\xE0\x9F\xBF"s, "\xED\xA0\x80"s,
                                   "\xED\xBF\xBF"s, "\xF0\x8F\xBF\xBF"s, "\xF4\x90\x80\x80"s, "\xF5\x80\x80\x80"s,
                                   "\xFE"s, "\xFF"s, "\xC3("s, "\xE2\x28\xA1"s, "\xE2\x82("s, "\xF0\x9F\x98("s}) {
        EXPECT_FALSE(is_valid_utf8(bad));
    }
}

}  // namespace
}  // namespace analytics::json
