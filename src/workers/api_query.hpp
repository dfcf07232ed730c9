// /api/NAME and /api/rpc/NAME: PostgREST's dialect. core/rest says what is to be run and how it is answered; this runs
// it.
#pragma once

#include "core/http/wire.hpp"

namespace analytics::workers {

http::Response serve_api(const http::Query& query);

// /api/: the OpenAPI document of what the request's role may use.
http::Response serve_manual(const http::Query& query);

}  // namespace analytics::workers
