#include "core/auth/json_object.hpp"

#include <set>

namespace analytics::auth {

bool read_object(const std::string& text, json::Document& document) {
    const char* const end = text.data() + text.size();
    return document.read(text.data(), end) && !document.flaw() && json::skip_blanks(document.stop(), end) == end &&
           document.root().type == json::Type::object;
}

std::string text_of(const json::Node& string) {
    if (!string.escaped) {
        return std::string(string.content());
    }
    std::string text;
    json::unescape(string.content(), text);
    return text;
}

std::string name_of(const json::Node& member) {
    if (!member.key_escaped) {
        return std::string(member.key);
    }
    std::string name;
    json::unescape(member.key, name);
    return name;
}

const json::Node* find_member(const json::Node& object, std::string_view name) {
    const json::Node* found = nullptr;
    for (const json::Node& member : json::Children(object)) {
        if (member.key_escaped ? name_of(member) == name : member.key == name) {
            found = &member;
        }
    }
    return found;
}

bool repeats_a_name(const json::Node& object) {
    std::set<std::string> names;
    for (const json::Node& member : json::Children(object)) {
        if (!names.insert(name_of(member)).second) {
            return true;
        }
    }
    return false;
}

}  // namespace analytics::auth
