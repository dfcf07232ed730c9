// Who asks, by the token of a request: a JSON Web Token (RFC 7519), signed as RFC 7515 has it.
//
// Codes, messages and statuses are PostgREST's, and so is what a token may be. Stricter than there: names given twice,
// a header with `crit`, base64 that is not the one text for its bytes, and tokens above 8 kB are refused; the role
// `none`, which for PostgreSQL means the one who logged in, is nobody; `nbf` and `iat` count as the numbers they are,
// however large.
#pragma once

#include "core/auth/keys.hpp"
#include "core/auth/role_path.hpp"
#include "core/http/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace analytics::auth {

// What tokens are judged by.
struct Rules {
    std::vector<Key> keys;  // none: no token is taken
    std::string audience;   // empty: it is not looked at
    RolePath role_path = RolePath::parse(".role");
    std::string anon_role;  // of who names no role; empty: such requests are refused
};

struct Identity {
    std::string role;    // never empty
    std::string claims;  // JSON as it was sent, its "role" the role above
};

struct Refusal {
    int status = 401;
    std::string code;
    std::string message;
    std::string details;
};

// The token of the field Authorization; nullopt where it is another scheme: then nobody logs in, as in PostgREST.
std::optional<std::string_view> bearer_token(std::string_view authorization);

// `now`: seconds since 1970. Without a token it is the anonymous role.
std::variant<Identity, Refusal> identify(std::optional<std::string_view> token, const Rules& rules, std::int64_t now);

http::Response response_of(const Refusal& refusal);

}  // namespace analytics::auth
