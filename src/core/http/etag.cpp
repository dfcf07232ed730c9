#include "core/http/etag.hpp"

#include "core/http/digest.hpp"

namespace analytics::http {

std::string etag_of(std::string_view text) { return "W/\"" + hex(sha256(text).substr(0, 12)) + '"'; }

bool none_match_names(const Fields& request, std::string_view tag) {
    const auto condition = request.find("If-None-Match");
    if (!condition) {
        return false;
    }
    if (*condition == "*") {
        return true;
    }
    const auto opaque = [](std::string_view t) { return t.starts_with("W/") ? t.substr(2) : t; };
    // tags of ours hold no comma
    for (std::string_view rest = *condition; !rest.empty();) {
        const auto comma = rest.find(',');
        if (opaque(trim(rest.substr(0, comma))) == opaque(tag)) {
            return true;
        }
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    }
    return false;
}

}  // namespace analytics::http
