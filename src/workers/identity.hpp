// Who asks: the role that a request's SQL runs as, and its claims.
//
// The one place where a request becomes a role: by its token (Authorization: Bearer, core/auth/jwt.hpp), or, without
// one, the anonymous one. Whether the role exists and was granted to the authenticator says SET ROLE.
#pragma once

#include "core/auth/jwt.hpp"
#include "core/http/message.hpp"
#include "workers/http_settings.hpp"

#include <variant>

namespace analytics::workers {

// What tokens are judged by, keys and all; of the secret's file as it is now. Throws analytics::Error where there is no
// such file, or it holds no key.
auth::Rules token_rules(const HttpSettings& settings);

// Or the answer that says why it is nobody.
std::variant<auth::Identity, http::Response> identify(const http::Request& request, const auth::Rules& rules);

}  // namespace analytics::workers
