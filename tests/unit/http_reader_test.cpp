// Requests from bytes: whole, in pieces, one after the other, and those that are none.
#include "core/http/request_reader.hpp"

#include <gtest/gtest.h>

#include <string>

namespace analytics::http {
namespace {

using State = RequestReader::State;

const ReadLimits kLimits{16 * 1024, 100};

// Feeds all bytes, as much at a time as `step` says.
RequestReader read(std::string_view bytes, std::size_t step = 1000000) {
    RequestReader reader(kLimits);
    std::string in;
    for (std::size_t i = 0; i < bytes.size(); i += step) {
        in += bytes.substr(i, step);
        in.erase(0, reader.feed(in));
    }
    return reader;
}

int status_of_failure(std::string_view bytes) {
    const RequestReader reader = read(bytes);
    return reader.state() == State::failed ? reader.failure().status : 0;
}

constexpr std::string_view kPost =
    "POST /api/ingest?format=native&key=a%20b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Thing:  a b \r\n\r\nhello";

TEST(HttpReader, reads_whole_request) {
    RequestReader reader = read(kPost);
    ASSERT_EQ(reader.state(), State::complete);
    const Request request = reader.take();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/api/ingest");
    EXPECT_EQ(request.query, "format=native&key=a%20b");
    EXPECT_EQ(request.body, "hello");
    EXPECT_EQ(request.fields.find("x-thing"), "a b");
    EXPECT_TRUE(request.keep_alive);
}

TEST(HttpReader, pieces_of_any_size_are_the_same) {
    for (std::size_t step = 1; step < kPost.size(); ++step) {
        RequestReader reader = read(kPost, step);
        ASSERT_EQ(reader.state(), State::complete) << step;
        EXPECT_EQ(reader.take().body, "hello");
    }
}

TEST(HttpReader, leaves_the_next_request) {
    const std::string two = std::string(kPost) + "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    RequestReader first(kLimits);
    const std::size_t used = first.feed(two);
    EXPECT_EQ(used, kPost.size());
    RequestReader second(kLimits);
    EXPECT_EQ(second.feed(std::string_view(two).substr(used)), two.size() - used);
    ASSERT_EQ(second.state(), State::complete);
    EXPECT_EQ(second.take().path, "/");
}

TEST(HttpReader, ignores_empty_lines_before_a_request) {
    EXPECT_EQ(read("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 1).state(), State::complete);
}

TEST(HttpReader, reads_chunks) {
    const std::string_view chunked =
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: "
        "t\r\n\r\n";
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, chunked.size()}) {
        RequestReader reader = read(chunked, step);
        ASSERT_EQ(reader.state(), State::complete) << step;
        EXPECT_EQ(reader.take().body, "abcdefg");
    }
}

TEST(HttpReader, expects_continue_until_the_body_is_there) {
    const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n";
    RequestReader reader = read(head);
    EXPECT_EQ(reader.state(), State::body);
    EXPECT_TRUE(reader.expects_continue());
    reader.feed("ab");
    EXPECT_EQ(reader.state(), State::complete);
}

TEST(HttpReader, keeps_alive_as_the_version_says) {
    const auto keeps = [](std::string_view bytes) { return read(bytes).take().keep_alive; };
    EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
    EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(HttpReader, takes_absolute_targets_and_decodes_paths) {
    EXPECT_EQ(read("GET http://shop.example/a%2Fb?c=d HTTP/1.1\r\nHost: x\r\n\r\n").take().path, "/a/b");
    EXPECT_EQ(read("GET http://shop.example HTTP/1.1\r\nHost: x\r\n\r\n").take().path, "/");
    EXPECT_EQ(read("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").take().path, "*");
}

TEST(HttpReader, refuses_what_is_no_request) {
    EXPECT_EQ(status_of_failure("hello world\r\n\r\n"), 400);
    EXPECT_EQ(status_of_failure("GET / HTTP/1.1\r\n\r\n"), 400) << "no Host";
    EXPECT_EQ(status_of_failure("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400) << "two";
    EXPECT_EQ(status_of_failure("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
    EXPECT_EQ(status_of_failure("GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
    EXPECT_EQ(status_of_failure("GET a HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
    EXPECT_EQ(status_of_failure("GET / HTTP/1.1\nHost: x\n\n"), 400) << "bare line feeds";
    EXPECT_EQ(status_of_failure("GET / HTTP/1.1\r\nHost : x\r\n\r\n"), 400) << "a blank before the colon";
    EXPECT_EQ(status_of_failure("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), 505);
    EXPECT_EQ(status_of_failure("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
    EXPECT_EQ(status_of_failure("POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n"), 417);
}

// Two readings of one message are how requests are smuggled past a proxy.
TEST(HttpReader, refuses_bodies_of_two_lengths) {
    const std::string head = "POST / HTTP/1.1\r\nHost: x\r\n";
    EXPECT_EQ(status_of_failure(head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
    EXPECT_EQ(status_of_failure(head + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n"), 400);
    EXPECT_EQ(status_of_failure(head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 400);
    EXPECT_EQ(status_of_failure(head + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na"), 400);
    EXPECT_EQ(status_of_failure(head + "Content-Length: -1\r\n\r\n"), 400);
    EXPECT_EQ(status_of_failure(head + "Content-Length: +1\r\n\r\na"), 400);
    EXPECT_EQ(status_of_failure(head + "Content-Length: 0x1\r\n\r\na"), 400);
    EXPECT_EQ(status_of_failure(head + "Content-Length: 1, 1\r\n\r\na"), 400);
    EXPECT_EQ(status_of_failure(head + "Transfer-Encoding: gzip\r\n\r\nab"), 501);
    EXPECT_EQ(status_of_failure(head + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"), 501);
    EXPECT_EQ(status_of_failure(head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
              400);
    EXPECT_EQ(status_of_failure("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
    EXPECT_EQ(status_of_failure(head + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"), 501);
    EXPECT_EQ(status_of_failure(head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), 400);
}

TEST(HttpReader, limits_header_and_body) {
    const std::string head = "POST / HTTP/1.1\r\nHost: x\r\n";
    EXPECT_EQ(status_of_failure(head + "X: " + std::string(20000, 'a') + "\r\n\r\n"), 431);
    EXPECT_EQ(status_of_failure(head + "X: " + std::string(20000, 'a')), 431) << "before it ends";
    EXPECT_EQ(status_of_failure(head + "Content-Length: 101\r\n\r\n"), 413) << "before it comes";
    EXPECT_EQ(status_of_failure(head + "Content-Length: 99999999999999999999999\r\n\r\n"), 400);
    EXPECT_EQ(read(head + "Content-Length: 100\r\n\r\n" + std::string(100, 'a')).state(), State::complete);
    const std::string chunk = "3c\r\n" + std::string(60, 'a') + "\r\n";
    EXPECT_EQ(status_of_failure(head + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk + "0\r\n\r\n"), 413);
}

// What stands between chunks is no body, and would be kept without an end.
TEST(HttpReader, limits_what_chunks_are_extended_by) {
    const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    EXPECT_EQ(status_of_failure(head + "5;" + std::string(17000, 'a')), 431);
    EXPECT_EQ(status_of_failure(head + "1\r\na\r\n" + std::string(17000, '0')), 431);
    EXPECT_EQ(status_of_failure(head + "0\r\nX: " + std::string(17000, 'a')), 431);
    EXPECT_EQ(read(head + "5;a=" + std::string(1000, 'a') + "\r\nhello\r\n0\r\nX: y\r\n\r\n").state(), State::complete);
}

TEST(HttpReader, limits_the_number_of_fields) {
    std::string head = "GET / HTTP/1.1\r\nHost: x\r\n";
    for (int i = 1; i < 200; ++i) {
        head += "a:b\r\n";
    }
    EXPECT_EQ(read(head + "\r\n").state(), State::complete);
    EXPECT_EQ(status_of_failure(head + "a:b\r\n\r\n"), 431);
}

TEST(HttpReader, says_what_is_wrong_as_json) {
    const RequestReader reader = read("GET / HTTP/1.1\r\n\r\n");
    EXPECT_EQ(reader.failure().body,
              "{\"code\":\"bad_request\",\"message\":\"the request is not well-formed HTTP\",\"details\":\"HTTP/1.1 "
              "has exactly "
              "one field Host.\",\"hint\":\"See RFC 9112; a client library writes requests as they must be.\"}");
}

}  // namespace
}  // namespace analytics::http
