// Whatever stands in Authorization, in a token's claims, in a key or in the path to the role: it is refused, or taken
// for what it is. The first byte says which of them the others are.
#include "core/auth/jwt.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/auth/base64url.hpp"
#include "core/auth/json_object.hpp"
#include "core/error.hpp"
#include "core/http/digest.hpp"

namespace {

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                \
        }                                                                                \
    } while (false)

using namespace analytics;

const std::string kSecret = "a secret of the fuzzer, long enough";
constexpr std::int64_t kNow = 1'700'000'000;

std::string base64url(std::string_view bytes) {
    std::string text = http::base64(bytes);
    std::replace(text.begin(), text.end(), '+', '-');
    std::replace(text.begin(), text.end(), '/', '_');
    text.resize(text.find_last_not_of('=') + 1);
    return text;
}

std::string token_of(const std::string& header, const std::string& claims) {
    const std::string text = base64url(header) + '.' + base64url(claims);
    return text + '.' + base64url(http::hmac_sha256(kSecret, text));
}

auth::Rules rules() {
    auth::Rules rules;
    rules.keys = auth::read_keys(kSecret);
    rules.anon_role = "anonymous";
    return rules;
}

// Whoever it is, its claims are JSON whose role is that one.
void check(const std::variant<auth::Identity, auth::Refusal>& who) {
    if (const auto* const identity = std::get_if<auth::Identity>(&who)) {
        json::Document document;
        CHECK(!identity->role.empty() && identity->role != "none");
        CHECK(auth::read_object(identity->claims, document));
        CHECK(auth::text_of(*auth::find_member(document.root(), "role")) == identity->role);
    } else {
        CHECK(auth::response_of(std::get<auth::Refusal>(who)).status >= 401);
    }
}

void try_path(const std::string& text) {
    try {
        auth::Rules with = rules();
        with.role_path = auth::RolePath::parse(text);
        check(auth::identify(token_of(R"({"alg":"HS256"})", R"({"role":"a","a":{"b":["c",{"d":1}]}})"), with, kNow));
    } catch (const Error& error) {
        CHECK(!error.hint().empty());
    }
}

void try_keys(const std::string& text) {
    try {
        CHECK(!auth::read_keys(text).empty());
    } catch (const Error& error) {
        CHECK(!error.hint().empty());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    static const auth::Rules known = rules();
    switch (data[0]) {
        case 'a':
            if (const auto token = auth::bearer_token(text)) {
                check(auth::identify(*token, known, kNow));
            }
            break;
        case 'h':
            check(auth::identify(token_of(text, "{}"), known, kNow));
            break;
        case 'k':
            try_keys(text);
            break;
        case 'p':
            try_path(text);
            break;
        default:
            check(auth::identify(token_of(R"({"alg":"HS256"})", text), known, kNow));
    }
    if (const auto bytes = auth::read_base64url(text)) {
        CHECK(base64url(*bytes) == text);
    }
    return 0;
}
