// POST /api/ingest as far as the gateway judges it; what gateway and executors write to each other; the live feed.
#include "core/http/ingest_form.hpp"

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "core/http/digest.hpp"
#include "core/http/live_feed.hpp"
#include "core/http/wire.hpp"

namespace analytics::http {
namespace {

Request post(std::string type, std::string query = "key=ik_1") {
    Request request;
    request.method = "POST";
    request.query = std::move(query);
    request.body = "{}";
    if (!type.empty()) {
        request.fields.add("Content-Type", std::move(type));
    }
    return request;
}

int status_of_form(Request request, bool open = false) {
    const auto form = read_ingest_form(std::move(request), open);
    const auto* const refusal = std::get_if<Response>(&form);
    return refusal == nullptr ? 0 : refusal->status;
}

TEST(HttpIngest, takes_the_types_of_json) {
    for (const char* type : {"", "application/json", "Application/JSON; charset=UTF-8", "application/vnd.shop+json",
                             "application/x-ndjson", "text/plain;charset=utf-8", "text/plain; charset=\"us-ascii\""}) {
        EXPECT_EQ(status_of_form(post(type)), 0) << type;
    }
    for (const char* type : {"application/x-www-form-urlencoded", "text/html", "application/xml", "multipart/form-data",
                             "application/json; charset=latin1", "json"}) {
        EXPECT_EQ(status_of_form(post(type)), 415) << type;
    }
}

TEST(HttpIngest, takes_gzip_and_no_other_encoding) {
    Request request = post("");
    request.fields.add("Content-Encoding", "GZIP");
    auto form = read_ingest_form(std::move(request), false);
    EXPECT_TRUE(std::get<Ingest>(form).gzipped);
    Request other = post("");
    other.fields.add("Content-Encoding", "br");
    EXPECT_EQ(status_of_form(std::move(other)), 415);
}

TEST(HttpIngest, finds_the_key) {
    auto by_query = read_ingest_form(post("", "format=native&store=b&key=ik_1"), false);
    EXPECT_EQ(std::get<Ingest>(by_query).key_hash, sha256("ik_1"));
    EXPECT_EQ(std::get<Ingest>(by_query).format, "native");
    Request request = post("", "key=ik_2");
    request.fields.add("Authorization", "bearer  ik_1");
    auto by_header = read_ingest_form(std::move(request), false);
    EXPECT_EQ(std::get<Ingest>(by_header).key_hash, sha256("ik_1"));
    EXPECT_EQ(status_of_form(post("", "")), 401);
    Request token = post("", "");
    token.fields.add("Authorization", "Bearer eyJ0");
    EXPECT_EQ(status_of_form(std::move(token), true), 401) << "a token is no key, and no anonymous either";
}

TEST(HttpIngest, wants_no_key_where_it_is_open) {
    auto form = read_ingest_form(post("", "store=b"), true);
    EXPECT_TRUE(std::get<Ingest>(form).open);
    EXPECT_EQ(std::get<Ingest>(form).store, "b");
    EXPECT_TRUE(std::get<Ingest>(form).key_hash.empty());
    auto with_key = read_ingest_form(post("", "key=ik_1"), true);
    EXPECT_FALSE(std::get<Ingest>(with_key).open) << "a key is looked at all the same";
}

TEST(HttpIngest, refuses_empty_bodies_and_broken_queries) {
    Request empty = post("");
    empty.body.clear();
    EXPECT_EQ(status_of_form(std::move(empty)), 400);
    EXPECT_EQ(status_of_form(post("", "key=ik_1&format=%zz")), 400);
}

TEST(HttpWire, comes_back) {
    Task task;
    Ingest ingest;
    ingest.id = 7;
    ingest.key_hash = std::string("\0\1\2", 3);
    ingest.body = std::string(100000, 'b');
    ingest.gzipped = true;
    task.ingests = {ingest, Ingest()};
    task.ingests[1].id = 8;
    const auto back = read_task(write_task(task));
    ASSERT_TRUE(back);
    ASSERT_EQ(back->ingests.size(), 2U);
    EXPECT_EQ(back->ingests[0].key_hash, ingest.key_hash);
    EXPECT_EQ(back->ingests[0].body, task.ingests[0].body);
    EXPECT_TRUE(back->ingests[0].gzipped);
    EXPECT_EQ(back->ingests[1].id, 8U);

    Task query;
    query.query.emplace().role = "web";
    query.query->request.fields.add("A", "b");
    const auto query_back = read_task(write_task(query));
    ASSERT_TRUE(query_back && query_back->query);
    EXPECT_EQ(query_back->query->role, "web");
    EXPECT_EQ(query_back->query->request.fields.find("a"), "b");

    Answer answer;
    answer.id = 9;
    answer.response.status = 207;
    answer.response.body = "x";
    answer.again = true;
    answer.events = -1;
    answer.parts = {"", "p"};
    const auto answers = read_answers(write_answers({answer, answer}));
    ASSERT_TRUE(answers);
    ASSERT_EQ(answers->size(), 2U);
    EXPECT_EQ(answers->back().response.status, 207);
    EXPECT_TRUE(answers->back().again);
    EXPECT_EQ(answers->back().parts.at(1), "p");
}

TEST(HttpWire, brings_answers_in_pieces) {
    Answer answer;
    answer.id = 9;
    answer.response.body = "1,2\n";
    for (const Piece piece : {Piece::whole, Piece::more, Piece::last}) {
        answer.piece = piece;
        const auto answers = read_answers(write_answers({answer}));
        ASSERT_TRUE(answers);
        EXPECT_EQ(answers->front().piece, piece);
        EXPECT_EQ(answers->front().response.body, "1,2\n");
    }
    answer.piece = Piece::more;
    EXPECT_FALSE(read_answers(write_answers({answer, Answer()})));
    EXPECT_FALSE(read_answers(write_answers({Answer(), answer})));
    answer.piece = static_cast<Piece>(3);
    EXPECT_FALSE(read_answers(write_answers({answer})));
}

TEST(HttpWire, refuses_what_is_cut_or_longer) {
    Task task;
    task.ingests.emplace_back().body = "body";
    const std::string whole = write_task(task);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(read_task(std::string_view(whole).substr(0, size))) << size;
    }
    EXPECT_FALSE(read_task(whole + "x"));
    EXPECT_FALSE(read_task("\x09"));
}

LiveBatch batch(const std::string& id) {
    return *read_batch(
        id, "2026-01-01T00:00:00Z",
        R"([{"store_id": "a", "event_type": "purchase", "n": 1}, {"store_id": "b", "event_type": "search", "n": 2}])",
        R"({"a": {"purchase": 3}, "b": {"search": 1}})");
}

TEST(HttpLive, cuts_batches_by_listener) {
    EXPECT_EQ(message_for(batch("5:6:"), {}),
              "id: 5:6:\nevent: events\ndata: {\"as_of\":\"2026-01-01T00:00:00Z\",\"events\":[{\"store_id\": \"a\", "
              "\"event_type\": \"purchase\", \"n\": 1},{\"store_id\": \"b\", \"event_type\": \"search\", \"n\": 2}],"
              "\"counts\":{\"purchase\":3,\"search\":1},\"dropped\":2}\n\n");
    LiveFilter only_b;
    only_b.allowed = {"b"};
    const std::string message = message_for(batch("5:6:"), only_b);
    EXPECT_EQ(message.find("purchase"), std::string::npos);
    EXPECT_NE(message.find("\"counts\":{\"search\":1},\"dropped\":0"), std::string::npos);
    LiveFilter nobody;
    nobody.allowed.emplace();
    EXPECT_EQ(message_for(batch("5:6:"), nobody), "");
    LiveFilter types;
    types.types = {"view_item"};
    EXPECT_EQ(message_for(batch("5:6:"), types), "");
}

TEST(HttpLive, shows_the_newest_hundred) {
    std::string events = "[";
    for (int i = 0; i < 150; ++i) {
        events +=
            (i > 0 ? "," : "") + std::string(R"({"store_id":"a","event_type":"e","n":)") + std::to_string(i) + "}";
    }
    const auto many = read_batch("1:1:", "t", events + "]", R"({"a":{"e":150}})");
    const std::string message = message_for(*many, {});
    EXPECT_EQ(message.find("\"n\":49}"), std::string::npos);
    EXPECT_NE(message.find("[{\"store_id\":\"a\",\"event_type\":\"e\",\"n\":50}"), std::string::npos);
    EXPECT_NE(message.find("\"dropped\":50"), std::string::npos);
}

TEST(HttpLive, goes_on_where_a_listener_left) {
    LiveFeed feed;
    feed.move_to("1:1:");
    EXPECT_TRUE(feed.since("1:1:")->empty());
    feed.add(batch("2:2:"), 0);
    feed.add(batch("3:3:"), 1);
    ASSERT_TRUE(feed.since("1:1:"));
    EXPECT_EQ(feed.since("1:1:")->size(), 2U);
    ASSERT_EQ(feed.since("2:2:")->size(), 1U);
    EXPECT_EQ(feed.since("2:2:")->front()->id, "3:3:");
    EXPECT_TRUE(feed.since("3:3:")->empty());
    EXPECT_FALSE(feed.since("9:9:"));
    feed.add(batch("4:4:"), LiveFeed::kKeep + 1);
    EXPECT_FALSE(feed.since("1:1:")) << "what is older than five minutes is gone";
    EXPECT_EQ(feed.since("2:2:")->size(), 2U);
}

TEST(HttpLive, knows_snapshots) {
    for (const char* text : {"728:931:728", "1:1:", "1:9:2,3,4"}) {
        EXPECT_TRUE(is_snapshot(text)) << text;
    }
    for (const char* text : {"", "1", "1:2", "a:1:", "1:1:2,", "1:1:,2", "1:1:2;", "1:1:'", "-1:1:"}) {
        EXPECT_FALSE(is_snapshot(text)) << text;
    }
}

TEST(HttpLive, refuses_batches_that_are_none) {
    EXPECT_FALSE(read_batch("", "", "{}", "{}"));
    EXPECT_FALSE(read_batch("", "", "[1]", "{}"));
    EXPECT_FALSE(read_batch("", "", "[]", "[]"));
    EXPECT_FALSE(read_batch("", "", "[]", R"({"a":{"b":"c"}})"));
}

}  // namespace
}  // namespace analytics::http
