// The small parts of the HTTP server: query strings, routes, errors, signatures, compression, origins, tags, rates.
#include <gtest/gtest.h>

#include <string>

#include "core/http/compression.hpp"
#include "core/http/cors.hpp"
#include "core/http/digest.hpp"
#include "core/http/errors.hpp"
#include "core/http/etag.hpp"
#include "core/http/metrics_text.hpp"
#include "core/http/query_string.hpp"
#include "core/http/rates.hpp"
#include "core/http/response_writer.hpp"
#include "core/http/router.hpp"

namespace analytics::http {
namespace {

Fields with(std::string name, std::string value) {
    Fields fields;
    fields.add(std::move(name), std::move(value));
    return fields;
}

TEST(HttpQuery, decodes_names_and_values) {
    const auto parameters = parse_query("a=1&b=x+y%2Bz&&c&d=%C3%A4&a=2");
    ASSERT_TRUE(parameters);
    EXPECT_EQ(find_parameter(*parameters, "a"), "2");
    EXPECT_EQ(find_parameter(*parameters, "b"), "x y+z");
    EXPECT_EQ(find_parameter(*parameters, "c"), "");
    EXPECT_EQ(find_parameter(*parameters, "d"), "\xC3\xA4");
    EXPECT_FALSE(find_parameter(*parameters, "e"));
    EXPECT_FALSE(parse_query("a=%4"));
    EXPECT_FALSE(parse_query("a=%gg"));
    EXPECT_FALSE(parse_query("a=%00"));
}

TEST(HttpRoute, knows_each_path) {
    EXPECT_EQ(match_route("/").route, Route::page);
    for (const char* const page :
         {"/customers", "/customers/", "/customers/a b/c", "/products", "/funnel", "/live", "/health"}) {
        EXPECT_EQ(match_route(page).route, Route::page) << page;
    }
    for (const char* const other : {"/customer", "/customersx", "/index.html", "/assets", "//", "/Health"}) {
        EXPECT_EQ(match_route(other).route, Route::none) << other;
    }
    EXPECT_EQ(match_route("/assets/index-1.js").route, Route::asset);
    EXPECT_EQ(match_route("/favicon.svg").route, Route::asset);
    EXPECT_EQ(match_route("/api/ingest").route, Route::ingest);
    EXPECT_EQ(match_route("/api/").route, Route::openapi);
    EXPECT_EQ(match_route("/api/sales_daily").name, "sales_daily");
    EXPECT_EQ(match_route("/api/rpc/recommend").route, Route::function);
    EXPECT_EQ(match_route("/api/rpc/recommend").name, "recommend");
    EXPECT_EQ(match_route("/api/rpc/").route, Route::none);
    EXPECT_EQ(match_route("/api/a/b").route, Route::none);
    EXPECT_EQ(match_route("/API/ingest").route, Route::none);
    EXPECT_TRUE(allows(Route::ingest, "POST"));
    EXPECT_FALSE(allows(Route::ingest, "GET"));
    EXPECT_FALSE(allows(Route::visualize, "OPTION"));
    EXPECT_TRUE(allows(Route::relation, "DELETE"));
}

TEST(HttpErrors, map_sqlstates) {
    EXPECT_EQ(status_of("42501", true), 401);
    EXPECT_EQ(status_of("42501", false), 403);
    EXPECT_EQ(status_of("22023", false), 400);
    EXPECT_EQ(status_of("22023", false, "role \"nobody\" does not exist"), 401);
    EXPECT_EQ(status_of("22023", false, "invalid metric"), 400);
    EXPECT_EQ(status_of("22P02", false), 400);
    EXPECT_EQ(status_of("23505", false), 409);
    EXPECT_EQ(status_of("25006", false), 405);
    EXPECT_EQ(status_of("25001", false), 500);
    EXPECT_EQ(status_of("42883", false), 404);
    EXPECT_EQ(status_of("42601", false), 400);
    EXPECT_EQ(status_of("55P03", false), 503);
    EXPECT_EQ(status_of("55000", false), 500);
    EXPECT_EQ(status_of("57014", false), 504);
    EXPECT_EQ(status_of("57P01", false), 503);
    EXPECT_EQ(status_of("P0001", false), 400);
    EXPECT_EQ(status_of("P0002", false), 500);
    EXPECT_EQ(status_of("XX000", false), 500);
}

TEST(HttpErrors, are_json_whatever_they_say) {
    EXPECT_EQ(
        error_response(400, "c", "a\"b\\c\n\x01\xFF\xC3\xA4", "", "h").body,
        "{\"code\":\"c\",\"message\":\"a\\\"b\\\\c\\n\\u0001\xEF\xBF\xBD\xC3\xA4\",\"details\":null,\"hint\":\"h\"}");
    EXPECT_EQ(as_utf8("a\xE2\x82z\xED\xA0\x80"), "a\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

// The values come from RFC 4231, FIPS 180 and RFC 4648.
TEST(HttpDigest, knows_published_values) {
    EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(base64("f"), "Zg==");
    EXPECT_EQ(base64("fo"), "Zm8=");
    EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
    EXPECT_EQ(base64(""), "");
    EXPECT_TRUE(equal_secrets("abc", "abc"));
    EXPECT_FALSE(equal_secrets("abc", "abd"));
    EXPECT_FALSE(equal_secrets("abc", "ab"));
}

TEST(HttpGzip, comes_back) {
    std::string text(200000, 'x');
    text += "end";
    std::string back;
    EXPECT_EQ(gunzip(gzip(text), text.size(), back), Gunzip::done);
    EXPECT_EQ(back, text);
    EXPECT_EQ(gunzip(gzip(text), text.size() - 1, back), Gunzip::too_large);
    EXPECT_EQ(gunzip(gzip("a") + gzip("b"), 10, back), Gunzip::done);
    EXPECT_EQ(back, "ab");
    EXPECT_EQ(gunzip(gzip(""), 0, back), Gunzip::done);
    EXPECT_EQ(gunzip("", 10, back), Gunzip::broken);
    EXPECT_EQ(gunzip("no gzip", 10, back), Gunzip::broken);
    const std::string whole = gzip(text);
    EXPECT_EQ(gunzip(whole.substr(0, whole.size() - 1), text.size(), back), Gunzip::broken);
    EXPECT_EQ(gunzip(whole + "x", text.size(), back), Gunzip::broken);
}

TEST(HttpGzip, is_sent_to_who_takes_it) {
    EXPECT_TRUE(accepts_gzip(with("Accept-Encoding", "deflate, gzip;q=0.5, br")));
    EXPECT_TRUE(accepts_gzip(with("Accept-Encoding", "*")));
    EXPECT_FALSE(accepts_gzip(with("Accept-Encoding", "gzip;q=0")));
    EXPECT_FALSE(accepts_gzip(with("Accept-Encoding", "*, gzip; q=0.000")));
    EXPECT_FALSE(accepts_gzip(with("Accept-Encoding", "br")));
    EXPECT_FALSE(accepts_gzip({}));
}

TEST(HttpOrigins, let_in_those_that_are_listed) {
    const Origins origins("https://shop.example, http://localhost:3000");
    Fields answer;
    origins.permit(with("Origin", "https://shop.example"), answer);
    EXPECT_EQ(answer.find("Access-Control-Allow-Origin"), "https://shop.example");
    EXPECT_EQ(answer.find("Vary"), "Origin");
    Fields other;
    origins.permit(with("Origin", "https://evil.example"), other);
    EXPECT_FALSE(other.find("Access-Control-Allow-Origin"));
    EXPECT_EQ(other.find("Vary"), "Origin");
    Fields none;
    Origins("").permit(with("Origin", "https://shop.example"), none);
    EXPECT_TRUE(none.all().empty());
    Fields all;
    Origins("*").permit(with("Origin", "https://shop.example"), all);
    EXPECT_EQ(all.find("Access-Control-Allow-Origin"), "*");
}

TEST(HttpOrigins, answer_preflights) {
    Fields request = with("Origin", "https://shop.example");
    request.add("Access-Control-Request-Method", "POST");
    request.add("Access-Control-Request-Headers", "content-type,x-thing");
    const Response yes = Origins("https://shop.example").preflight(request, "POST, OPTIONS");
    EXPECT_EQ(yes.status, 204);
    EXPECT_EQ(yes.fields.find("Access-Control-Allow-Methods"), "POST, OPTIONS");
    EXPECT_EQ(yes.fields.find("Access-Control-Allow-Headers"), "content-type,x-thing");
    const Response no = Origins("https://other.example").preflight(request, "POST, OPTIONS");
    EXPECT_FALSE(no.fields.find("Access-Control-Allow-Methods"));
}

TEST(HttpOrigins, are_checked_as_a_setting) {
    EXPECT_TRUE(is_list_of_origins(""));
    EXPECT_TRUE(is_list_of_origins("*"));
    EXPECT_TRUE(is_list_of_origins("https://a.example, http://b.example:8080"));
    EXPECT_FALSE(is_list_of_origins("a.example"));
    EXPECT_FALSE(is_list_of_origins("https://a.example/"));
    EXPECT_FALSE(is_list_of_origins("https://"));
}

TEST(HttpTags, match_what_they_were_made_of) {
    const std::string tag = etag_of("body");
    EXPECT_EQ(tag, etag_of("body"));
    EXPECT_NE(tag, etag_of("other"));
    EXPECT_TRUE(none_match_names(with("If-None-Match", tag), tag));
    EXPECT_TRUE(none_match_names(with("If-None-Match", "\"x\", " + tag.substr(2)), tag));
    EXPECT_TRUE(none_match_names(with("If-None-Match", "*"), tag));
    EXPECT_FALSE(none_match_names(with("If-None-Match", "\"x\""), tag));
    EXPECT_FALSE(none_match_names({}, tag));
}

// By hand: a rate of 10 a second; after 25 at once the debt is 15, and one more may come when 1 is there again.
TEST(HttpRates, let_debts_be_paid) {
    Rates rates;
    EXPECT_EQ(rates.wait("k", 0), 0);
    rates.charge("k", 10, 25, 0);
    EXPECT_EQ(rates.wait("k", 0), 2);
    EXPECT_EQ(rates.wait("k", 1'500'000), 1);
    EXPECT_EQ(rates.wait("k", 1'599'999), 1);
    EXPECT_EQ(rates.wait("k", 1'600'000), 0);
    EXPECT_EQ(rates.wait("other", 0), 0);
    rates.charge("k", 10, 9, 100'000'000);  // full again, whatever time went by
    EXPECT_EQ(rates.wait("k", 100'000'000), 0);
    rates.charge("k", 10, 1, 100'000'000);
    EXPECT_EQ(rates.wait("k", 100'000'000), 1);
    rates.charge("k", 0, 1000, 100'000'000);
    EXPECT_EQ(rates.wait("k", 100'000'000), 0);
}

TEST(HttpWriter, writes_responses) {
    Response response;
    response.fields.add("X-A", "b\r\nX-Evil: 1");
    response.body = "hello";
    EXPECT_EQ(write_response(response, {Body::whole, true, 784111777}),
              "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: analytics\r\nX-A: b  X-Evil: 1\r\n"
              "Content-Length: 5\r\nX-Content-Type-Options: nosniff\r\nConnection: keep-alive\r\n\r\nhello");
    const std::string head = write_response(response, {Body::left_out, false, 0});
    EXPECT_NE(head.find("Content-Length: 5\r\n"), std::string::npos);
    EXPECT_TRUE(head.ends_with("Connection: close\r\n\r\n"));
    response.status = 304;
    EXPECT_EQ(write_response(response, {}).find("Content-Length"), std::string::npos);
    EXPECT_TRUE(write_response(response, {}).ends_with("\r\n\r\n"));
    EXPECT_EQ(write_chunk("0123456789abcdefg"), "11\r\n0123456789abcdefg\r\n");
    EXPECT_EQ(write_chunk(""), "");
}

TEST(HttpMetrics, are_escaped) {
    MetricsText text;
    text.metric("a_total", "counter", "All of it.");
    text.sample({{"path", "a\"b\\c\nd"}, {"n", "1"}}, 2.5);
    text.sample({}, 3);
    EXPECT_EQ(text.text(),
              "# HELP a_total All of it.\n# TYPE a_total counter\n"
              "a_total{path=\"a\\\"b\\\\c\\nd\",n=\"1\"} 2.5\na_total 3\n");
}

}  // namespace
}  // namespace analytics::http
