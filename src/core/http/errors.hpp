// Errors as answers: every one has the body {"code","message","details","hint"}.
#pragma once

#include "core/http/message.hpp"

#include <string>
#include <string_view>

namespace analytics::http {

// Appends a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD.
void append_json(std::string& out, std::string_view text);

// The text with U+FFFD in the place of bytes that are no UTF-8.
std::string as_utf8(std::string_view text);

std::string_view reason(int status);

// The status for an error of PostgreSQL, as PostgREST maps them; `anonymous`: the request came without a role of its
// own, so that what is forbidden might be allowed to somebody who logs in. `message`: 22023 is said of a role that does
// not exist as well, and that is 401.
int status_of(std::string_view sqlstate, bool anonymous, std::string_view message = {});

// `code`: a SQLSTATE, or a word of ours. Empty details and hint are null.
Response error_response(int status, std::string_view code, std::string_view message, std::string_view details = {},
                        std::string_view hint = {});

}  // namespace analytics::http
