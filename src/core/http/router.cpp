#include "core/http/router.hpp"

#include <array>
#include <utility>

namespace analytics::http {
namespace {

constexpr std::array kPaths = {
    std::pair{std::string_view("/"), Route::page},
    std::pair{std::string_view("/favicon.svg"), Route::asset},
    std::pair{std::string_view("/analytics.js"), Route::script},
    std::pair{std::string_view("/metrics"), Route::metrics},
    std::pair{std::string_view("/api/ingest"), Route::ingest},
    std::pair{std::string_view("/api/visualize"), Route::visualize},
    std::pair{std::string_view("/api/live"), Route::live},
    std::pair{std::string_view("/api/health"), Route::health},
    std::pair{std::string_view("/api"), Route::openapi},
    std::pair{std::string_view("/api/"), Route::openapi},
};

// Pages of the dashboard, which draws what the address says: /customers, /customers/ada, ...
constexpr std::array<std::string_view, 5> kPages = {"/customers", "/products", "/funnel", "/live", "/health"};
constexpr std::string_view kAssets = "/assets/";

constexpr std::string_view kApi = "/api/";
constexpr std::string_view kFunctions = "/api/rpc/";

}  // namespace

Match match_route(std::string_view path) {
    for (const auto& [known, route] : kPaths) {
        if (path == known) {
            return {route, {}};
        }
    }
    for (const std::string_view page : kPages) {
        if (path.starts_with(page) && (path.size() == page.size() || path[page.size()] == '/')) {
            return {Route::page, {}};
        }
    }
    if (path.starts_with(kAssets)) {
        return {Route::asset, {}};
    }
    for (const auto& [prefix, route] : {std::pair{kFunctions, Route::function}, std::pair{kApi, Route::relation}}) {
        if (path.starts_with(prefix)) {
            const std::string_view name = path.substr(prefix.size());
            const bool whole = !name.empty() && name.find('/') == std::string_view::npos;
            return whole ? Match{route, std::string(name)} : Match{};
        }
    }
    return {};
}

std::string_view methods_of(Route route) {
    switch (route) {
        case Route::ingest:
            return "POST, OPTIONS";
        case Route::relation:
            return "GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS";
        case Route::function:
            return "GET, HEAD, POST, OPTIONS";
        case Route::live:
            return "GET, OPTIONS";
        default:
            return "GET, HEAD, OPTIONS";
    }
}

bool allows(Route route, std::string_view method) {
    for (std::string_view rest = methods_of(route); !rest.empty();) {
        const auto comma = rest.find(", ");
        if (rest.substr(0, comma) == method) {
            return true;
        }
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 2);
    }
    return false;
}

bool needs_database(Route route) {
    return route == Route::ingest || route == Route::visualize || route == Route::live || route == Route::health ||
           route == Route::openapi || route == Route::relation || route == Route::function;
}

}  // namespace analytics::http
