// /api/NAME and /api/rpc/NAME: PostgREST's dialect. core/rest says what is to be run and how it is answered; this runs
// it.
#pragma once

#include "core/http/wire.hpp"
#include "workers/answer_pieces.hpp"

namespace analytics::workers {

// Once pieces.begun(), the response is the last piece, or says why the rest will not come.
http::Response serve_api(const http::Query& query, AnswerPieces& pieces);

// /api/: the OpenAPI document of what the request's role may use.
http::Response serve_manual(const http::Query& query);

}  // namespace analytics::workers
