#include "core/http/errors.hpp"

#include <array>
#include <cstddef>

namespace analytics::http {
namespace {

struct Rule {
    std::string_view prefix;  // of a SQLSTATE
    int status;
};

// The first that fits. From PostgREST's documentation, but for 22P05, 25006, 55P03, 57014 and 57P*: what a client can
// do about these is another thing than about their neighbours.
constexpr std::array kRules = {
    Rule{"08", 503},     // connection
    Rule{"09", 500},     // triggered action
    Rule{"0L", 403},     // invalid grantor
    Rule{"0P", 403},     // invalid role
    Rule{"21000", 400},  // a subquery returned several rows
    Rule{"22P05", 400},  // untranslatable character
    Rule{"23503", 409},  // foreign key
    Rule{"23505", 409},  // unique
    Rule{"25006", 405},  // read-only transaction
    Rule{"25", 500},     // transaction state
    Rule{"28", 403},     // authorization
    Rule{"2D", 500},     // transaction termination
    Rule{"38", 500},     // external routine
    Rule{"39", 500},     // external routine invocation
    Rule{"3B", 500},     // savepoint
    Rule{"40", 503},     // serialization failure, deadlock: try again
    Rule{"53400", 500},  // configuration limit
    Rule{"53", 503},     // insufficient resources
    Rule{"54", 413},     // program limit
    Rule{"55P03", 503},  // somebody holds a lock for too long: try again
    Rule{"55", 500},     // object state
    Rule{"57014", 504},  // statement_timeout
    Rule{"57P", 503},    // shutting down
    Rule{"57", 500},     // operator intervention
    Rule{"58", 500},     // system
    Rule{"F0", 500},     // configuration file
    Rule{"HV", 500},     // foreign data
    Rule{"P0001", 400},  // RAISE
    Rule{"P0", 500},     // PL/pgSQL
    Rule{"XX", 500},     // internal
    Rule{"42883", 404},  // no such function
    Rule{"42P01", 404},  // no such relation
    Rule{"42P17", 500},  // infinite recursion
};

// Bytes of the well-formed UTF-8 sequence that `text` begins with; 0: none.
std::size_t sequence(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF && tail(1)) {
        return 2;
    }
    const bool second_fits = !(first == 0xE0 && byte(1) < 0xA0) && !(first == 0xED && byte(1) > 0x9F) &&
                             !(first == 0xF0 && byte(1) < 0x90) && !(first == 0xF4 && byte(1) > 0x8F);
    if (first >= 0xE0 && first <= 0xEF && tail(1) && tail(2) && second_fits) {
        return 3;
    }
    return first >= 0xF0 && first <= 0xF4 && tail(1) && tail(2) && tail(3) && second_fits ? 4 : 0;
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
    append_json(out, name);
    out += ':';
    if (value.empty()) {
        out += "null";
    } else {
        append_json(out, value);
    }
}

}  // namespace

void append_json(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += '"';
    while (!text.empty()) {
        const auto c = static_cast<unsigned char>(text.front());
        std::size_t length = sequence(text);
        if (length == 0) {
            out += "\xEF\xBF\xBD";
            length = 1;
        } else if (c == '"' || c == '\\') {
            out += {'\\', text.front()};
        } else if (c == '\n') {
            out += "\\n";
        } else if (c < 0x20) {
            out += "\\u00";
            out += {digits[c >> 4U], digits[c & 15U]};
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length);
    }
    out += '"';
}

std::string as_utf8(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t length = sequence(text);
        out += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

std::string_view reason(int status) {
    switch (status) {
        case 100:
            return "Continue";
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 204:
            return "No Content";
        case 206:
            return "Partial Content";
        case 207:
            return "Multi-Status";
        case 300:
            return "Multiple Choices";
        case 304:
            return "Not Modified";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 415:
            return "Unsupported Media Type";
        case 416:
            return "Requested Range Not Satisfiable";  // as clients of PostgREST know it
        case 417:
            return "Expectation Failed";
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "";
    }
}

int status_of(std::string_view sqlstate, bool anonymous, std::string_view message) {
    if (sqlstate == "42501") {  // insufficient privilege
        return anonymous ? 401 : 403;
    }
    if (sqlstate == "22023" && message.starts_with("role") && message.ends_with("does not exist")) {
        return 401;
    }
    for (const Rule& rule : kRules) {
        if (sqlstate.starts_with(rule.prefix)) {
            return rule.status;
        }
    }
    return 400;
}

Response error_response(int status, std::string_view code, std::string_view message, std::string_view details,
                        std::string_view hint) {
    Response response;
    response.status = status;
    response.fields.add("Content-Type", "application/json; charset=utf-8");
    response.body += '{';
    append_member(response.body, "code", code);
    response.body += ',';
    append_member(response.body, "message", message);
    response.body += ',';
    append_member(response.body, "details", details);
    response.body += ',';
    append_member(response.body, "hint", hint);
    response.body += '}';
    return response;
}

}  // namespace analytics::http
