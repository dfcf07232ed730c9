// UTF-8 by the rules of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace analytics {

// Length of the well-formed sequence that begins at `p` (1 to 4), or 0 when there is none before `end`.
std::size_t utf8_sequence_length(const char* p, const char* end);

bool is_valid_utf8(std::string_view text);

// Appends the code point, which is no surrogate and at most U+10FFFF.
void append_utf8(std::string& out, std::uint32_t code_point);

// At most `limit` bytes of valid UTF-8, never cut inside a character.
std::string_view utf8_prefix(std::string_view text, std::size_t limit);

}  // namespace analytics
