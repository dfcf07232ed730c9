// Which path is what, and by which methods it is used.
#pragma once

#include "core/no_postgres.hpp"

#include <string>
#include <string_view>

namespace analytics::http {

enum class Route {
    page,       // GET / and what else the dashboard shows at an address of its own
    asset,      // GET /assets/NAME and /favicon.svg, which its pages load
    script,     // GET /analytics.js
    metrics,    // GET /metrics
    ingest,     // POST /api/ingest
    visualize,  // GET /api/visualize
    live,       // GET /api/live
    health,     // GET /api/health
    openapi,    // GET /api/
    relation,   // /api/NAME
    function,   // /api/rpc/NAME
    none,
};

struct Match {
    Route route = Route::none;
    std::string name;  // of a relation or function
};

Match match_route(std::string_view path);

// As the field Allow has it: "GET, HEAD, OPTIONS".
std::string_view methods_of(Route route);
bool allows(Route route, std::string_view method);

// Whether it is answered by way of the database.
bool needs_database(Route route);

}  // namespace analytics::http
