// What an executor answers by SQL, but for ingestion: reports as the request's role, and what the gateway asks for
// itself (a listener's stores, what was committed, health).
#pragma once

#include "core/http/wire.hpp"
#include "workers/answer_pieces.hpp"

namespace analytics::workers {

// An answer that the pieces have begun is their end, or says why it will not come.
http::Answer serve_query(const http::Query& query, AnswerPieces& pieces);

// parts: of the look itself and then of each that came back, five texts: the snapshot that it ends with, the time,
// events, counts (core/http/live_feed.hpp), and "reset" where it would reach back too far. Status 200 alone.
http::Answer serve_watch(const http::Watch& watch);

}  // namespace analytics::workers
