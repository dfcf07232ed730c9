#include "core/auth/jwt.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "core/auth/base64url.hpp"
#include "core/auth/json_object.hpp"
#include "core/http/errors.hpp"

namespace analytics::auth {
namespace {

constexpr std::size_t kMaxToken = 8192;    // bytes
constexpr std::int64_t kAllowedSkew = 30;  // seconds that two clocks may differ

Refusal malformed(std::string message, std::string details = {}) {
    return {401, "PGRST301", std::move(message), std::move(details)};
}

Refusal bad_claim(std::string message) { return {401, "PGRST303", std::move(message), {}}; }

Refusal not_decoded() { return malformed("JWT cryptographic operation failed"); }

Refusal no_such_role(const std::string& role) { return {401, "22023", "role \"" + role + "\" does not exist", {}}; }

// ---- the signature ----

struct Header {
    std::string algorithm;
    std::optional<std::string> key_id;
};

std::optional<Header> read_header(std::string_view part) {
    const auto text = read_base64url(part);
    json::Document document;
    if (!text || !read_object(*text, document) || repeats_a_name(document.root())) {
        return std::nullopt;
    }
    const json::Node& header = document.root();
    // an encrypted token has three more parts; what is critical has to be understood, and nothing is here
    if (find_member(header, "enc") != nullptr || find_member(header, "crit") != nullptr) {
        return std::nullopt;
    }
    for (const std::string_view name : {"alg", "kid", "typ", "cty"}) {
        const json::Node* const member = find_member(header, name);
        if (member != nullptr && member->type != json::Type::string &&
            (name == "alg" || member->type != json::Type::null)) {
            return std::nullopt;
        }
    }
    const json::Node* const algorithm = find_member(header, "alg");
    const json::Node* const id = find_member(header, "kid");
    if (algorithm == nullptr) {
        return std::nullopt;
    }
    return Header{text_of(*algorithm),
                  id == nullptr || id->type == json::Type::null ? std::nullopt : std::optional(text_of(*id))};
}

// The payload, if one of the keys signed it.
std::variant<std::string, Refusal> verify(std::string_view token, const std::vector<Key>& keys) {
    if (token.empty()) {
        return malformed("Empty JWT is sent in Authorization header");
    }
    if (token.size() > kMaxToken) {
        return malformed("JWT couldn't be decoded", "It has more than 8192 bytes.");
    }
    if (const auto parts = std::count(token.begin(), token.end(), '.') + 1; parts != 3) {
        return malformed("Expected 3 parts in JWT; got " + std::to_string(parts));
    }
    const auto header_end = token.find('.');
    const auto payload_end = token.rfind('.');
    const auto header = read_header(token.substr(0, header_end));
    auto payload = read_base64url(token.substr(header_end + 1, payload_end - header_end - 1));
    if (!header || !payload) {
        return not_decoded();
    }
    if (header->algorithm == "none") {
        return malformed("Wrong or unsupported encoding algorithm",
                         "JWT is unsecured but expected 'alg' was not 'none'");
    }
    const Algorithm* const algorithm = find_algorithm(header->algorithm);
    const auto signature = read_base64url(token.substr(payload_end + 1));
    if (algorithm == nullptr || !signature) {
        return not_decoded();
    }
    bool suitable = false;
    for (const Key& key : keys) {
        if (key.suits(*algorithm, header->key_id)) {
            suitable = true;
            if (key.made(*signature, token.substr(0, payload_end), *algorithm)) {
                return std::move(*payload);
            }
        }
    }
    return malformed("No suitable key or wrong key type", suitable ? "None of the keys was able to decode the JWT"
                                                                   : "No suitable key was found to decode the JWT");
}

// ---- the claims ----

// As near as a double comes; beyond its range infinite.
double number_of(std::string_view digits) {
    double number = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc::result_out_of_range) {  // too small, or too large
        const auto exponent = digits.find_first_of("eE");
        const bool small = exponent != std::string_view::npos && digits.substr(exponent + 1).starts_with('-');
        number = small ? 0 : std::numeric_limits<double>::infinity();
        number = digits.starts_with('-') ? -number : number;
    }
    return number;
}

// As in PostgREST, an `exp` that is no whole number of 64 bits was long ago.
double expiry_of(double number) { return std::floor(number) == number && std::abs(number) < 0x1p63 ? number : 0; }

bool names_audience(const json::Node& claim, const std::string& audience) {
    if (claim.type == json::Type::string) {
        return text_of(claim) == audience;
    }
    bool empty = true;
    for (const json::Node& element : json::Children(claim)) {
        if (text_of(element) == audience) {
            return true;
        }
        empty = false;
    }
    return empty;
}

bool is_text_or_texts(const json::Node& claim) {
    if (claim.type == json::Type::array) {
        for (const json::Node& element : json::Children(claim)) {
            if (element.type != json::Type::string) {
                return false;
            }
        }
        return true;
    }
    return claim.type == json::Type::string;
}

// Null where the claim is missing or null.
const json::Node* find_claim(const json::Node& claims, std::string_view name) {
    const json::Node* const claim = find_member(claims, name);
    return claim == nullptr || claim->type == json::Type::null ? nullptr : claim;
}

std::optional<Refusal> check_claims(const json::Node& claims, const std::string& audience, std::int64_t now) {
    const auto earliest = static_cast<double>(now - kAllowedSkew);
    const auto latest = static_cast<double>(now + kAllowedSkew);
    for (const std::string_view name : {"exp", "nbf", "iat"}) {
        const json::Node* const claim = find_claim(claims, name);
        if (claim == nullptr) {
            continue;
        }
        if (claim->type != json::Type::number) {
            return bad_claim("The JWT '" + std::string(name) + "' claim must be a number");
        }
        const double time = number_of(claim->raw);
        if (name == "exp" && earliest > expiry_of(time)) {
            return bad_claim("JWT expired");
        }
        if (name != "exp" && latest < time) {
            return bad_claim(name == "nbf" ? "JWT not yet valid" : "JWT issued at future");
        }
    }
    if (const json::Node* const claim = find_claim(claims, "aud")) {
        if (!is_text_or_texts(*claim)) {
            return bad_claim("The JWT 'aud' claim must be a string or an array of strings");
        }
        if (!audience.empty() && !names_audience(*claim, audience)) {
            return bad_claim("JWT not in audience");
        }
    }
    return std::nullopt;
}

// The claims with the role that was found: wherever it stood, functions look for it at "role".
std::string with_role(const std::string& text, const json::Node& claims, const std::string& role) {
    const json::Node* const member = find_member(claims, "role");
    if (member != nullptr && member->type == json::Type::string && text_of(*member) == role) {
        return text;
    }
    std::string value;
    http::append_json(value, role);
    std::string result = text;
    if (member != nullptr) {
        return result.replace(static_cast<std::size_t>(member->raw.data() - text.data()), member->raw.size(), value);
    }
    return result.insert(result.rfind('}'), (claims.span > 1 ? ",\"role\":" : "\"role\":") + value);
}

// A name that SET ROLE would take for another thing than a role is not one.
std::variant<Identity, Refusal> as_role(std::string role, std::string claims) {
    if (role.empty() || role == "none") {
        return no_such_role(role);
    }
    return Identity{std::move(role), std::move(claims)};
}

}  // namespace

std::optional<std::string_view> bearer_token(std::string_view authorization) {
    const std::string_view scheme = authorization.substr(0, authorization.find_first_of(" \t"));
    if (!http::equal_ignoring_case(scheme, "Bearer")) {
        return std::nullopt;
    }
    return http::trim(authorization.substr(scheme.size()));
}

std::variant<Identity, Refusal> identify(std::optional<std::string_view> token, const Rules& rules, std::int64_t now) {
    std::string text = "{}";
    if (token) {
        if (rules.keys.empty()) {
            return Refusal{500, "PGRST300", "Server lacks JWT secret", {}};
        }
        auto verified = verify(*token, rules.keys);
        if (auto* const refusal = std::get_if<Refusal>(&verified)) {
            return std::move(*refusal);
        }
        text = std::move(std::get<std::string>(verified));
    }
    json::Document document;
    if (!read_object(text, document) || repeats_a_name(document.root())) {
        return bad_claim("Parsing claims failed");
    }
    if (auto refusal = check_claims(document.root(), rules.audience, now)) {
        return std::move(*refusal);
    }
    auto role = rules.role_path.find(document.root());
    if (!role && rules.anon_role.empty()) {
        return Refusal{401, "PGRST302", "Anonymous access is disabled", {}};
    }
    if (!role) {
        role = rules.anon_role;
    }
    std::string claims = with_role(text, document.root(), *role);
    return as_role(std::move(*role), std::move(claims));
}

http::Response response_of(const Refusal& refusal) {
    http::Response response = http::error_response(refusal.status, refusal.code, refusal.message, refusal.details);
    response.fields.add("Proxy-Status", "PostgREST; error=" + refusal.code);  // as with every error of the dialect
    if (refusal.code == "PGRST301" || refusal.code == "PGRST303") {
        response.fields.add("WWW-Authenticate",
                            "Bearer error=\"invalid_token\", error_description=\"" + refusal.message + "\"");
    } else if (refusal.status == 401) {
        response.fields.add("WWW-Authenticate", "Bearer");
    }
    return response;
}

}  // namespace analytics::auth
