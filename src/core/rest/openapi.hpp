// What is served, as an OpenAPI 2.0 (Swagger) document: GET / in PostgREST's dialect.
//
// Source: https://docs.postgrest.org, version 16: openapi; https://swagger.io/specification/v2
#pragma once

#include "core/rest/schema.hpp"

#include <set>
#include <string>

namespace analytics::rest {

struct OpenApiAbout {
    std::string schema;        // the one that is described; its comment's first line is the title
    std::set<Name> relations;  // what the request's role may read or write
    std::set<Name> functions;  // and call, under any of their signatures
    std::string scheme = "http";
    std::string host;  // with its port
    std::string base_path = "/";
    std::string version;
    std::string title = "PostgREST API";  // these two: of a schema without a comment
    std::string description = "This is a dynamic API in PostgREST's dialect";
    std::string manual = "https://postgrest.org/en/v16/references/api.html";
    bool shows_security = false;  // say that requests carry a token
};

std::string openapi(const Schema& schema, const OpenApiAbout& about);

}  // namespace analytics::rest
