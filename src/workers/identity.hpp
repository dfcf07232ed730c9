// Who asks: the role that a request's SQL runs as, and its claims.
//
// The one place where a request becomes a role. Tokens (Authorization: Bearer, a JWT) are to be read here: its role and
// its claims take the place of the anonymous ones. Until then a request with a token is refused, never taken for an
// anonymous one.
#pragma once

#include "core/http/message.hpp"

#include <string>
#include <variant>

namespace analytics::workers {

struct Identity {
    std::string role;
    std::string claims;  // JSON
};

// Or the answer that says why it is nobody.
std::variant<Identity, http::Response> identify(const http::Request& request, const std::string& anon_role);

}  // namespace analytics::workers
