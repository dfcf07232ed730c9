#include "core/rest/payload.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "core/http/errors.hpp"
#include "core/http/query_string.hpp"
#include "core/json.hpp"

namespace analytics::rest {
namespace {

Failure invalid(std::string message) { return {400, "PGRST102", std::move(message), {}, {}}; }

std::vector<std::string> keys_of(const json::Node& object) {
    std::vector<std::string> keys;
    std::set<std::string> seen;
    for (const json::Node& member : json::Children(object)) {
        std::string key;
        json::unescape(member.key, key);
        if (seen.insert(key).second) {
            keys.push_back(std::move(key));
        }
    }
    return keys;
}

std::variant<Payload, Failure> read_json(std::string_view body, bool has_columns) {
    const std::string text(body);  // ends with a NUL, as the reader wants it
    json::Document document;
    const bool read = document.read(text.data(), text.data() + text.size());
    if (!read || json::skip_blanks(document.stop(), text.data() + text.size()) != text.data() + text.size() ||
        (document.flaw() && document.flaw()->kind != json::Flaw::Kind::too_deep)) {
        return invalid("Empty or invalid json");
    }
    Payload payload;
    payload.json = text;
    const json::Node& root = document.root();
    if (root.type == json::Type::object) {
        payload.is_object = true;
        payload.columns = keys_of(root);
        return payload;
    }
    if (root.type != json::Type::array) {
        return payload;  // a function may take it whole; relations find no columns
    }
    std::optional<std::set<std::string>> first;
    for (const json::Node& element : json::Children(root)) {
        if (has_columns) {
            break;
        }
        if (element.type != json::Type::object) {
            return invalid("All object keys must match");
        }
        const std::vector<std::string> keys = keys_of(element);
        std::set<std::string> set(keys.begin(), keys.end());
        if (!first) {
            first = std::move(set);
            payload.columns = keys;
        } else if (*first != set) {
            return invalid("All object keys must match");
        }
    }
    return payload;
}

// The next record, from `at` on; nothing after the last. Quoted fields hold doubled quotes (RFC 4180).
std::optional<std::vector<std::string>> next_record(std::string_view text, std::size_t& at) {
    if (at >= text.size()) {
        return std::nullopt;
    }
    std::vector<std::string> fields(1);
    bool quoted = false;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (quoted) {
            if (c != '"') {
                fields.back() += c;
            } else if (at + 1 < text.size() && text[at + 1] == '"') {
                fields.back() += text[++at];
            } else {
                quoted = false;
            }
        } else if (c == '"' && fields.back().empty()) {
            quoted = true;
        } else if (c == ',') {
            fields.emplace_back();
        } else if (c == '\n' || c == '\r') {
            at += c == '\r' && at + 1 < text.size() && text[at + 1] == '\n' ? 2 : 1;
            return fields;
        } else {
            fields.back() += c;
        }
    }
    return fields;
}

std::variant<Payload, Failure> read_csv(std::string_view body) {
    std::size_t at = 0;
    const auto header = next_record(body, at);
    if (!header) {
        return invalid("not enough input");
    }
    Payload payload;
    std::set<std::string> seen;
    for (const std::string& name : *header) {
        if (seen.insert(name).second) {
            payload.columns.push_back(name);
        }
    }
    payload.json = "[";
    while (const auto record = next_record(body, at)) {
        if (record->size() == 1 && record->front().empty()) {
            continue;  // an empty line
        }
        if (record->size() != header->size()) {
            return invalid("All lines must have same number of fields");
        }
        payload.json += payload.json.size() > 1 ? ",{" : "{";
        for (std::size_t i = 0; i < record->size(); ++i) {
            payload.json += i > 0 ? "," : "";
            http::append_json(payload.json, (*header)[i]);
            payload.json += ':';
            if ((*record)[i] == "NULL") {
                payload.json += "null";
            } else {
                http::append_json(payload.json, (*record)[i]);
            }
        }
        payload.json += '}';
    }
    payload.json += ']';
    return payload;
}

std::variant<Payload, Failure> read_form(std::string_view body) {
    const auto parameters = http::parse_query(body);
    if (!parameters) {
        return invalid("the form is not well-formed");
    }
    Payload payload;
    payload.form = *parameters;
    payload.is_object = true;
    payload.json = "{";
    std::set<std::string> seen;
    for (auto parameter = parameters->rbegin(); parameter != parameters->rend(); ++parameter) {  // the last one counts
        if (seen.insert(parameter->first).second) {
            payload.columns.push_back(parameter->first);
            payload.json += payload.json.size() > 1 ? "," : "";
            http::append_json(payload.json, parameter->first);
            payload.json += ':';
            http::append_json(payload.json, parameter->second);
        }
    }
    payload.json += '}';
    std::reverse(payload.columns.begin(), payload.columns.end());
    return payload;
}

}  // namespace

std::variant<Payload, Failure> read_payload(std::string_view body, BodyType type, bool has_columns) {
    if (type != BodyType::octets && body.find('\0') != std::string_view::npos) {
        return invalid("Empty or invalid json");
    }
    switch (type) {
        case BodyType::json:
            return read_json(body, has_columns);
        case BodyType::csv:
            return read_csv(body);
        case BodyType::form:
            return read_form(body);
        default:
            return Payload{std::string(body), false, {}, {}};
    }
}

}  // namespace analytics::rest
