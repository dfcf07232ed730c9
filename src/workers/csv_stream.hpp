// An answer in CSV whose statement yields it line by line (Prepared::by_lines): whole where it is short, else in pieces
// that are sent while the statement runs, so that no process ever holds more than one of them.
#pragma once

#include "core/rest/exchange.hpp"
#include "workers/answer_pieces.hpp"

namespace analytics::workers {

// As the requester. Once pieces.begun(), the response has only its status and the last piece of its body.
rest::Finished run_by_lines(const rest::Prepared& prepared, AnswerPieces& pieces);

}  // namespace analytics::workers
