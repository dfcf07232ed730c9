// Responses as bytes.
#pragma once

#include "core/http/message.hpp"

#include <cstdint>
#include <string>

namespace analytics::http {

enum class Body {
    whole,        // it is there
    left_out,     // HEAD: only its length is told, where it was made
    chunked,      // it follows later, by write_chunk()
    until_close,  // it follows later, as it is: for HTTP/1.0
};

struct Framing {
    Body body = Body::whole;
    bool keep_alive = true;
    std::int64_t unix_seconds = 0;  // for Date
};

// The whole response, or its head where the body is left out or follows.
std::string write_response(const Response& response, const Framing& framing);

// One chunk of a stream; an empty one would end it and is nothing.
std::string write_chunk(std::string_view bytes);

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(std::int64_t unix_seconds);

}  // namespace analytics::http
