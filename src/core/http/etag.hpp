// Entity tags and conditional requests.
#pragma once

#include "core/http/message.hpp"

#include <string>
#include <string_view>

namespace analytics::http {

// A weak tag: of equal texts the same, whatever compresses them on the way.
std::string etag_of(std::string_view text);

// Whether If-None-Match names the tag (weak comparison), so that the answer is 304.
bool none_match_names(const Fields& request, std::string_view tag);

}  // namespace analytics::http
