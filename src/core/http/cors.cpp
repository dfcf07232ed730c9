#include "core/http/cors.hpp"

#include <algorithm>

namespace analytics::http {
namespace {

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> parts;
    while (!list.empty()) {
        const auto comma = list.find(',');
        if (const auto part = trim(list.substr(0, comma)); !part.empty()) {
            parts.push_back(lower_case(part));
        }
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    }
    return parts;
}

}  // namespace

Origins::Origins(std::string_view list) : origins_(split(list)) {
    all_ = std::find(origins_.begin(), origins_.end(), "*") != origins_.end();
}

bool Origins::allows(std::string_view origin) const {
    return all_ || std::find(origins_.begin(), origins_.end(), lower_case(origin)) != origins_.end();
}

void Origins::permit(const Fields& request, Fields& answer) const {
    if (!all_ && !origins_.empty()) {
        answer.add("Vary", "Origin");
    }
    const auto origin = request.find("Origin");
    if (!origin || !allows(*origin)) {
        return;
    }
    answer.add("Access-Control-Allow-Origin", all_ ? "*" : std::string(*origin));
    answer.add("Access-Control-Expose-Headers", "Content-Range, ETag, Location, Preference-Applied, Retry-After");
}

Response Origins::preflight(const Fields& request, std::string_view methods) const {
    Response response;
    response.status = 204;
    response.fields.add("Allow", std::string(methods));
    permit(request, response.fields);
    const auto origin = request.find("Origin");
    if (origin && allows(*origin) && request.find("Access-Control-Request-Method")) {
        response.fields.add("Access-Control-Allow-Methods", std::string(methods));
        response.fields.add("Access-Control-Allow-Headers",
                            std::string(request.find("Access-Control-Request-Headers")
                                            .value_or("Authorization, Content-Type, Content-Encoding")));
        response.fields.add("Access-Control-Max-Age", "86400");
    }
    return response;
}

bool is_list_of_origins(std::string_view list) {
    const auto parts = split(list);
    return std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
        const auto scheme = part.find("://");
        return part == "*" || part == "null" ||
               (scheme != std::string::npos && scheme > 0 && scheme + 3 < part.size() &&
                part.find_first_of("/?#@ ", scheme + 3) == std::string::npos);
    });
}

}  // namespace analytics::http
