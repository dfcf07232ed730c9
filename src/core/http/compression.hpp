// gzip, both ways.
#pragma once

#include "core/http/message.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace analytics::http {

enum class Gunzip { done, broken, too_large };

// Fills `out`, which never grows beyond `limit`. Several members in a row are one text, as gzip has it.
Gunzip gunzip(std::string_view compressed, std::size_t limit, std::string& out);

std::string gzip(std::string_view text);

// Whether the request takes gzip (Accept-Encoding).
bool accepts_gzip(const Fields& fields);

}  // namespace analytics::http
