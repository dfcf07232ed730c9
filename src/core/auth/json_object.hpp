// Objects of JSON as tokens and keys have them: read whole, members found by their names.
#pragma once

#include "core/json.hpp"

#include <string>
#include <string_view>

namespace analytics::auth {

// Whether the text is one object that jsonb takes, nothing after it. The document points into the text.
bool read_object(const std::string& text, json::Document& document);

// Characters of a string, or of a member's name.
std::string text_of(const json::Node& string);
std::string name_of(const json::Node& member);

// The member of that name, or null where there is none. Of several it is the last, as in jsonb.
const json::Node* find_member(const json::Node& object, std::string_view name);

// Whether two members have one name. RFC 7515 and 7519 forbid it: who reads the first and who reads the last would take
// the same token for two.
bool repeats_a_name(const json::Node& object);

}  // namespace analytics::auth
