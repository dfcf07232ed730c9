// Errors of PostgreSQL as PostgREST answers them.
//
// Source: https://docs.postgrest.org, errors: HTTP status codes, RAISE errors. Other than there: a statement's timeout
// (57014) is 504, and all of 57P is 503.

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>

#include "core/http/errors.hpp"
#include "core/json.hpp"
#include "core/rest/exchange.hpp"
#include "core/rest/function_fields.hpp"

namespace analytics::rest {
namespace {

struct Rule {
    std::string_view prefix;
    int status;
};

// The first that fits.
constexpr std::array kRules = {
    Rule{"08", 503},    Rule{"09", 500},    Rule{"0L", 403},    Rule{"0P", 403},    Rule{"23503", 409},
    Rule{"23505", 409}, Rule{"25006", 405}, Rule{"21000", 500}, Rule{"25", 500},    Rule{"28", 403},
    Rule{"2D", 500},    Rule{"38", 500},    Rule{"39", 500},    Rule{"3B", 500},    Rule{"40", 500},
    Rule{"53400", 500}, Rule{"53", 503},    Rule{"54", 500},    Rule{"55", 500},    Rule{"57014", 504},
    Rule{"57P", 503},   Rule{"57", 500},    Rule{"58", 500},    Rule{"F0", 500},    Rule{"HV", 500},
    Rule{"P0001", 400}, Rule{"P0", 500},    Rule{"XX", 500},    Rule{"42883", 404}, Rule{"42P01", 404},
    Rule{"42P17", 500},
};

std::optional<int> status_in(std::string_view digits) {
    int status = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), status);
    const bool whole = error == std::errc() && end == digits.data() + digits.size();
    return whole && is_final(status) ? std::optional(status) : std::nullopt;
}

int status_of(std::string_view sqlstate, std::string_view message, bool anonymous) {
    if (sqlstate == "42501") {
        return anonymous ? 401 : 403;
    }
    if (sqlstate == "21000" && message.ends_with("requires a WHERE clause")) {
        return 400;
    }
    if (sqlstate == "22023" && message.starts_with("role") && message.ends_with("does not exist")) {
        return 401;
    }
    if (sqlstate.starts_with("PT")) {
        return status_in(sqlstate.substr(2)).value_or(500);
    }
    const auto rule =
        std::find_if(kRules.begin(), kRules.end(), [&](const Rule& rule) { return sqlstate.starts_with(rule.prefix); });
    return rule == kRules.end() ? 400 : rule->status;
}

// Members of a JSON object: texts unescaped, others as they are. Nothing: it is no object.
std::optional<std::map<std::string, const json::Node*>> members_of(json::Document& document, const std::string& text) {
    const char* const end = text.data() + text.size();
    if (!document.read(text.data(), end) || json::skip_blanks(document.stop(), end) != end ||
        document.root().type != json::Type::object) {
        return std::nullopt;
    }
    std::map<std::string, const json::Node*> members;
    for (const json::Node& member : json::Children(document.root())) {
        std::string key;
        json::unescape(member.key, key);
        members[key] = &member;
    }
    return members;
}

std::optional<std::string> text_of(const std::map<std::string, const json::Node*>& members, const char* key) {
    const auto found = members.find(key);
    if (found == members.end() || found->second->type != json::Type::string) {
        return std::nullopt;
    }
    std::string text;
    json::unescape(found->second->content(), text);
    return text;
}

Failure bad_raise(std::string details, bool of_message) {
    return {500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error", std::move(details),
            of_message ? "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: "
                         "'details', 'hint'."
                       : "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: "
                         "'status_text'."};
}

// RAISE SQLSTATE 'PGRST': the answer is all the function's.
http::Response raised_response(const std::string& message, const std::string& detail) {
    json::Document said;
    const auto members = members_of(said, message);
    const auto code = members ? text_of(*members, "code") : std::nullopt;
    const auto text = members ? text_of(*members, "message") : std::nullopt;
    if (!code || !text) {
        return failure_response(bad_raise("Invalid JSON value for MESSAGE: '" + message + "'", true));
    }
    if (detail.empty()) {
        return failure_response(bad_raise("DETAIL is missing in the RAISE statement", false));
    }
    json::Document told;
    const auto how = members_of(told, detail);
    const auto status = how && how->contains("status") && how->at("status")->type == json::Type::number
                            ? status_in(how->at("status")->raw)
                            : std::nullopt;
    if (!status || !how->contains("headers") || how->at("headers")->type != json::Type::object) {
        return failure_response(bad_raise("Invalid JSON value for DETAIL: '" + detail + "'", false));
    }
    http::Response response = http::error_response(*status, *code, *text, text_of(*members, "details").value_or(""),
                                                   text_of(*members, "hint").value_or(""));
    response.fields.add("Proxy-Status", "PostgREST; error=" + *code);
    for (const json::Node& header : json::Children(*how->at("headers"))) {
        std::string name;
        std::string value;
        json::unescape(header.key, name);
        if (header.type == json::Type::string) {
            json::unescape(header.content(), value);
        }
        if (is_field(name, value) && !frames_message(name)) {
            response.fields.set(name, value);
        }
    }
    return response;
}

}  // namespace

http::Response sql_error_response(const std::string& sqlstate, const std::string& message, const std::string& detail,
                                  const std::string& hint, bool anonymous) {
    if (sqlstate == "PGRST") {
        return raised_response(message, detail);
    }
    http::Response response =
        http::error_response(status_of(sqlstate, message, anonymous), sqlstate, message, detail, hint);
    response.fields.add("Proxy-Status", "PostgREST; error=" + sqlstate);
    if (response.status == 401) {
        response.fields.add("WWW-Authenticate", "Bearer");
    }
    if (response.status == 503) {
        response.fields.add("Retry-After", "1");
    }
    return response;
}

}  // namespace analytics::rest
