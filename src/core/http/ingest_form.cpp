#include "core/http/ingest_form.hpp"

#include "core/http/digest.hpp"
#include "core/http/errors.hpp"
#include "core/http/query_string.hpp"

namespace analytics::http {
namespace {

constexpr std::string_view kKeyPrefix = "ik_";

bool is_json_type(std::string_view type) {
    return equal_ignoring_case(type, "application/json") || equal_ignoring_case(type, "application/x-ndjson") ||
           equal_ignoring_case(type, "text/plain") ||
           (lower_case(type).starts_with("application/") && lower_case(type).ends_with("+json"));
}

// The value of a parameter of a media type, without quotes.
std::string parameter_of(std::string_view field, std::string_view name) {
    for (auto semicolon = field.find(';'); semicolon != std::string_view::npos; semicolon = field.find(';')) {
        field.remove_prefix(semicolon + 1);
        const std::string_view parameter = trim(field.substr(0, field.find(';')));
        const auto equals = parameter.find('=');
        if (equals == std::string_view::npos || !equal_ignoring_case(trim(parameter.substr(0, equals)), name)) {
            continue;
        }
        std::string_view value = trim(parameter.substr(equals + 1));
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
            value = value.substr(1, value.size() - 2);
        }
        return lower_case(value);
    }
    return {};
}

bool is_taken_type(const Fields& fields) {
    const auto field = fields.find("Content-Type");
    if (!field || trim(*field).empty()) {
        return true;
    }
    const std::string charset = parameter_of(*field, "charset");
    return is_json_type(trim(field->substr(0, field->find(';')))) &&
           (charset.empty() || charset == "utf-8" || charset == "utf8" || charset == "us-ascii");
}

Response unsupported(std::string_view message, std::string_view hint) {
    return error_response(415, "unsupported_type", message, {}, hint);
}

// The key, or nothing; `foreign`: there is a token, but it is no key.
std::string key_of(const Fields& fields, const Parameters& parameters, bool& foreign) {
    if (const auto authorization = fields.find("Authorization")) {
        const auto space = authorization->find(' ');
        const std::string_view token =
            space == std::string_view::npos ? std::string_view() : trim(authorization->substr(space));
        if (equal_ignoring_case(authorization->substr(0, space), "Bearer") && token.starts_with(kKeyPrefix)) {
            return std::string(token);
        }
        foreign = true;
    }
    return std::string(find_parameter(parameters, "key").value_or(""));
}

}  // namespace

std::string key_hash(std::string_view key) { return sha256(key); }

std::variant<Ingest, Response> read_ingest_form(Request&& request, bool open) {
    const auto parameters = parse_query(request.query);
    if (!parameters) {
        return error_response(400, "bad_query", "the query string is not well-formed", {},
                              "Encode names and values as in a form: %25 for a percent sign.");
    }
    if (!is_taken_type(request.fields)) {
        return unsupported(
            "the type of the body is not supported",
            "Send application/json, application/*+json, application/x-ndjson or text/plain, in UTF-8 (curl: -H "
            "'Content-Type: application/json').");
    }
    Ingest ingest;
    if (const auto encoding = request.fields.find("Content-Encoding");
        encoding && !encoding->empty() && !equal_ignoring_case(*encoding, "identity")) {
        ingest.gzipped = equal_ignoring_case(*encoding, "gzip") || equal_ignoring_case(*encoding, "x-gzip");
        if (!ingest.gzipped) {
            Response response = unsupported("the encoding of the body is not supported", "Send it as it is, or gzip.");
            response.fields.add("Accept-Encoding", "gzip");
            return response;
        }
    }
    bool foreign = false;
    const std::string key = key_of(request.fields, *parameters, foreign);
    if (key.empty() && (foreign || !open)) {
        Response response = error_response(401, "no_key", "the request has no ingest key", {},
                                           "Send Authorization: Bearer ik_..., or ?key=ik_...");
        response.fields.add("WWW-Authenticate", "Bearer");
        return response;
    }
    ingest.open = key.empty();
    if (!ingest.open) {
        ingest.key_hash = key_hash(key);
    }
    if (request.body.empty()) {
        return error_response(400, "22P02", "the body is empty", {},
                              "Send one JSON object, an array of objects, or one object a line.");
    }
    ingest.format = as_utf8(find_parameter(*parameters, "format").value_or("auto"));
    ingest.store = as_utf8(find_parameter(*parameters, "store").value_or("main"));
    ingest.shopify = request.fields.find("X-Shopify-Hmac-Sha256").value_or("");
    ingest.woocommerce = request.fields.find("X-WC-Webhook-Signature").value_or("");
    ingest.body = std::move(request.body);
    return ingest;
}

}  // namespace analytics::http
