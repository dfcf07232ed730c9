// What the gateway and the executors write to each other: tasks one way, answers the other. Both run the same library,
// so the format needs no version; but what is read is checked all the same, since a mistake there would be a crash.
#pragma once

#include "core/http/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace analytics::http {

// A request whose answer needs SQL. Its id is never 0.
struct Query {
    std::uint64_t id = 0;
    std::uint8_t route = 0;  // Route
    std::string name;        // of a relation or function
    std::string role;        // the database's role to be; empty: the extension's own work
    std::string claims;      // JSON, for request.jwt.claims
    Request request;
};

// One body to ingest.
struct Ingest {
    std::uint64_t id = 0;
    bool open = false;     // without a key: analytics.http_ingest_auth = 'open'
    std::string key_hash;  // SHA-256 of the key
    std::string format;
    std::string store;  // only without a key; with one it is the key's
    bool gzipped = false;
    std::string shopify;  // signatures, base64; empty: none
    std::string woocommerce;
    std::string body;
};

// The next look at what was committed.
struct Watch {
    std::uint64_t id = 0;
    std::string since;                 // a snapshot; empty: from now on
    std::vector<std::string> resumed;  // snapshots of listeners that came back
};

// Exactly one of them is there.
struct Task {
    std::optional<Query> query;
    std::vector<Ingest> ingests;
    std::optional<Watch> watch;
};

// An answer that is too long for one message comes in several: each but the last one says `more`, the body of each is
// the next piece, and the head is the first one's. An answer that is `whole` after the first piece says what went wrong
// meanwhile: the rest will not come.
enum class Piece : std::uint8_t { whole, more, last };

struct Answer {
    std::uint64_t id = 0;
    Piece piece = Piece::whole;  // more, last: it is the message's only answer
    Response response;
    bool again = false;              // an ingest that met a lock: not done, to be tried later
    std::int64_t rate = -1;          // of the key; 0: none; -1: the key was not looked at
    std::int64_t events = 0;         // that were sent
    std::vector<std::string> parts;  // of a live query, the stores allowed; of a watch, see LiveFeed
};

std::string write_task(const Task& task);
std::optional<Task> read_task(std::string_view bytes);

// Of one task, one for each of its ids.
std::string write_answers(const std::vector<Answer>& answers);
std::optional<std::vector<Answer>> read_answers(std::string_view bytes);

}  // namespace analytics::http
