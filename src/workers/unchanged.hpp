// Conditional GETs that are answered without their query: where nothing was committed since the answer that the client
// has was made, it is still right. The engine's watermark is PostgreSQL's own: the snapshot, which is another one after
// every transaction that wrote anything, wherever.
//
// Only for what depends on data alone: never on the clock, on chance, or on functions that others may add.
#pragma once

#include "core/http/wire.hpp"
#include "core/rest/exchange.hpp"
#include "workers/headers.hpp"
#include "workers/report_query.hpp"

#include <optional>
#include <string>

namespace analytics::workers {

// Whether the answer to a GET of a relation depends on data alone.
bool depends_on_data_alone(const http::Query& query, const rest::Prepared& prepared, const rest::Target& target);

// The same of a report (GET /api/visualize), but for its time, which its tag does not count.
bool report_depends_on_data_alone(const http::Query& query, const ReportArguments& arguments);

// The answer, if it is a GET that names its tag (If-None-Match), it was made in this process and nothing was committed
// since. In a transaction, with a snapshot as old as the transaction.
std::optional<http::Response> unchanged_answer(const http::Query& query);

// Keeps what a later request can be compared with. `snapshot`: of before the query.
std::string present_snapshot();
void remember_answer(const http::Query& query, std::string snapshot, const http::Response& answer);

// To be called when settings may have changed.
void forget_answers();

}  // namespace analytics::workers
