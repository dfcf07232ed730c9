// What functions may say of an answer's head: response.headers, response.status, RAISE SQLSTATE 'PGRST'.
#pragma once

#include "core/no_postgres.hpp"

#include <string_view>

namespace analytics::rest {

// Whether the two make a field of a head.
bool is_field(std::string_view name, std::string_view value);

// Content-Length, Connection and the like: where the message ends is the server's business. Such fields say nothing.
bool frames_message(std::string_view name);

// Whether a status can end an exchange: 1xx would leave the client waiting.
constexpr bool is_final(long status) { return status >= 200 && status <= 999; }

}  // namespace analytics::rest
