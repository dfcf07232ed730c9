#include "workers/identity.hpp"

#include "core/http/errors.hpp"

namespace analytics::workers {

std::variant<Identity, http::Response> identify(const http::Request& request, const std::string& anon_role) {
    http::Response refusal;
    if (request.fields.find("Authorization")) {
        refusal =
            http::error_response(401, "no_tokens", "tokens are not supported by this version", {},
                                 "Leave out Authorization; analytics.http_anon_role is the role of such requests.");
    } else if (anon_role.empty()) {
        refusal = http::error_response(401, "no_role", "the request has no role", {},
                                       "Set analytics.http_anon_role to a role that may read reports.");
    } else {
        std::string claims = "{\"role\":";
        http::append_json(claims, anon_role);
        return Identity{anon_role, claims + '}'};
    }
    refusal.fields.add("WWW-Authenticate", "Bearer");
    return refusal;
}

}  // namespace analytics::workers
