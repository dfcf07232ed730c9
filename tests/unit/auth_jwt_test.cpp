// Tokens: the RFCs' own, PostgREST's cases, and what attackers send.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>

#include "core/auth/base64url.hpp"
#include "core/auth/jwt.hpp"
#include "core/error.hpp"
#include "core/http/digest.hpp"

namespace analytics::auth {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;
const std::string kSecret = "reallyreallyreallyreallyverysafe";  // PostgREST's tests sign with it

// RFC 7515, appendix A: one payload, which expires at 1300819380, signed in three ways.
const std::string kPayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
constexpr std::int64_t kThen = 1'300'819'300;
const std::string kHmacJwk =
    R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})";
const std::string kHmacToken =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + kPayload + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const std::string kRsaMembers =
    R"("kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPM)"
    "EzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e"
    "-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethF"
    "kMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"";
const std::string kRsaSignature =
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1d"
    "nZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwu"
    "sC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77R"
    "w";
const std::string kRsaToken = "eyJhbGciOiJSUzI1NiJ9." + kPayload + "." + kRsaSignature;
const std::string kEcMembers = R"("kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                               R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")";
const std::string kEcToken = "eyJhbGciOiJFUzI1NiJ9." + kPayload +
                             ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
// RFC 8037, A.4
const std::string kEdJwk = R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
const std::string kEdToken =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4i"
    "ylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

std::string base64url(std::string_view bytes) {
    std::string text = http::base64(bytes);
    std::replace(text.begin(), text.end(), '+', '-');
    std::replace(text.begin(), text.end(), '/', '_');
    text.resize(text.find_last_not_of('=') + 1);
    return text;
}

std::string signed_with(const std::string& secret, const std::string& header, std::string_view claims) {
    const std::string text = base64url(header) + '.' + base64url(claims);
    return text + '.' + base64url(http::hmac_sha256(secret, text));
}

std::string token_of(std::string_view claims) { return signed_with(kSecret, R"({"alg":"HS256"})", claims); }

Rules rules(const std::string& keys = kSecret) {
    Rules rules;
    rules.keys = read_keys(keys);
    rules.anon_role = "anonymous";
    return rules;
}

std::string in_braces(const std::string& members) { return "{" + members + "}"; }

// "role claims", or "code message [details]" of the refusal.
std::string outcome(std::optional<std::string_view> token, const Rules& rules, std::int64_t now = kNow) {
    const auto result = identify(token, rules, now);
    if (const auto* const identity = std::get_if<Identity>(&result)) {
        return identity->role + " " + identity->claims;
    }
    const auto& refusal = std::get<Refusal>(result);
    return refusal.code + " " + refusal.message + (refusal.details.empty() ? "" : " [" + refusal.details + "]");
}

std::string of_claims(std::string_view claims) { return outcome(token_of(claims), rules()); }

const std::string kNotDecoded = "PGRST301 JWT cryptographic operation failed";
const std::string kNoneFits =
    "PGRST301 No suitable key or wrong key type [None of the keys was able to decode the JWT]";
const std::string kNoSuitable =
    "PGRST301 No suitable key or wrong key type [No suitable key was found to decode the JWT]";

TEST(AuthBase64, is_read_one_way) {
    EXPECT_EQ(read_base64url(""), "");
    EXPECT_EQ(read_base64url("-_-_"), "\xFB\xFF\xBF");
    EXPECT_EQ(read_base64url("YQ"), "a");
    EXPECT_EQ(read_base64url("YWI"), "ab");
    for (const char* wrong : {"YQ==", "YR", "Y", "YWJjY", "+/+/", "YQ\n", " YQ", "Y.Q"}) {
        EXPECT_FALSE(read_base64url(wrong)) << wrong;
    }
    EXPECT_FALSE(read_base64url(std::string_view("YQ\0Q", 4)));
}

TEST(AuthJwt, takes_the_tokens_of_the_rfcs) {
    const std::string claims = *read_base64url(kPayload);
    const std::string known = claims.substr(0, claims.size() - 1) + ",\"role\":\"anonymous\"}";
    EXPECT_EQ(outcome(kHmacToken, rules(kHmacJwk), kThen), "anonymous " + known);
    EXPECT_EQ(outcome(kRsaToken, rules(in_braces(kRsaMembers)), kThen), "anonymous " + known);
    EXPECT_EQ(outcome(kEcToken, rules(in_braces(kEcMembers)), kThen), "anonymous " + known);
    const std::string set =
        "{\"keys\":[" + kHmacJwk + "," + in_braces(kRsaMembers) + "," + in_braces(kEcMembers) + "]}";
    for (const std::string& token : {kHmacToken, kRsaToken, kEcToken}) {
        EXPECT_EQ(outcome(token, rules(set), kThen), "anonymous " + known);
        EXPECT_EQ(outcome(token, rules(set), kNow), "PGRST303 JWT expired");
    }
    EXPECT_EQ(outcome(kEdToken, rules(kEdJwk)), "PGRST303 Parsing claims failed");  // signed, but no claims
}

TEST(AuthJwt, says_what_postgrest_says) {
    EXPECT_EQ(outcome("", rules()), "PGRST301 Empty JWT is sent in Authorization header");
    EXPECT_EQ(outcome("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.bm90IGFuIG9iamVjdA", rules()),
              "PGRST301 Expected 3 parts in JWT; got 2");
    EXPECT_EQ(outcome("a", rules()), "PGRST301 Expected 3 parts in JWT; got 1");
    EXPECT_EQ(outcome("quifquirndsjagnrgniur.fonvoienqhhdj.iuqvnvhojah", rules()), kNotDecoded);
    EXPECT_EQ(outcome("eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.e30.yOBhlOIqn56T-4NvyEXCjfi3UmyQZ-BzXtePMO2NgRI", rules()),
              "PGRST301 Wrong or unsupported encoding algorithm [JWT is unsecured but expected 'alg' was not 'none']");
    EXPECT_EQ(outcome(signed_with("wrong secret", R"({"alg":"HS256"})", "{}"), rules()), kNoneFits);
    Rules none = rules();
    none.keys.clear();
    EXPECT_EQ(outcome(token_of("{}"), none), "PGRST300 Server lacks JWT secret");
    EXPECT_EQ(outcome(std::nullopt, none), "anonymous {\"role\":\"anonymous\"}");
    none.anon_role.clear();
    EXPECT_EQ(outcome(std::nullopt, none), "PGRST302 Anonymous access is disabled");
    Rules no_anonymous = rules();
    no_anonymous.anon_role.clear();
    EXPECT_EQ(outcome(token_of("{}"), no_anonymous), "PGRST302 Anonymous access is disabled");
    EXPECT_EQ(
        outcome("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE0NDY2NzgxNDksInJvbGUiOiJwb3N0Z3Jlc3RfdGVzdF9hdXRob3"
                "IiLCJpZCI6Impkb2UifQ.f8__E6VQwYcDqwHmr9PG03uaZn8Zh1b0vbJ9DYS0AdM",
                rules()),
        "PGRST303 JWT expired");
    EXPECT_EQ(
        outcome("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJyb2xlIjoicG9zdGdyZXN0X3Rlc3RfYXV0aG9yIn0.Xod-F15qsGL0WhdOCr"
                "2j3DdKuTw9QJERVgoFD3vGaWA",
                rules()),
        "postgrest_test_author {\"role\":\"postgrest_test_author\"}");
}

TEST(AuthJwt, knows_bearers) {
    EXPECT_EQ(bearer_token("Bearer a.b.c"), "a.b.c");
    EXPECT_EQ(bearer_token("bEARER \t a.b.c"), "a.b.c");
    EXPECT_EQ(bearer_token("Bearer"), "");
    EXPECT_EQ(bearer_token("Bearer "), "");
    for (const char* other : {"", "Basic dTpw", "Bearera.b.c", "a.b.c"}) {
        EXPECT_FALSE(bearer_token(other)) << other;
    }
}

TEST(AuthJwt, looks_at_times) {
    const auto at = [](const char* claim, std::int64_t seconds) {
        return of_claims("{\"" + std::string(claim) + "\":" + std::to_string(kNow + seconds) + "}");
    };
    EXPECT_EQ(at("exp", -31), "PGRST303 JWT expired");
    EXPECT_TRUE(at("exp", -30).starts_with("anonymous "));
    EXPECT_EQ(at("nbf", 31), "PGRST303 JWT not yet valid");
    EXPECT_TRUE(at("nbf", 30).starts_with("anonymous "));
    EXPECT_EQ(at("iat", 31), "PGRST303 JWT issued at future");
    EXPECT_TRUE(at("iat", 30).starts_with("anonymous "));
    for (const char* name : {"exp", "nbf", "iat"}) {
        const std::string claim = name;
        EXPECT_EQ(of_claims("{\"" + claim + "\":\"9999999999\"}"),
                  "PGRST303 The JWT '" + claim + "' claim must be a number");
        EXPECT_TRUE(of_claims("{\"" + claim + "\":null}").starts_with("anonymous ")) << claim;
    }
    EXPECT_TRUE(of_claims(R"({"exp":9999999999})").starts_with("anonymous "));
    EXPECT_TRUE(of_claims(R"({"exp":9.999999999e9})").starts_with("anonymous "));
    // an exp that is no whole number of 64 bits is long ago; the others are what they are
    for (const char* expiry : {"9999999999.5", "1e19", "9223372036854775808", "1e9999", "1e-9999", "-1", "0",
                               "99999999999999999999999999999999999999"}) {
        EXPECT_EQ(of_claims("{\"exp\":" + std::string(expiry) + "}"), "PGRST303 JWT expired") << expiry;
    }
    EXPECT_EQ(of_claims(R"({"nbf":1e400})"), "PGRST303 JWT not yet valid");
    EXPECT_EQ(of_claims(R"({"nbf":9223372036854775808})"), "PGRST303 JWT not yet valid");
    EXPECT_TRUE(of_claims(R"({"nbf":-1e400,"iat":1699999999.25})").starts_with("anonymous "));
}

TEST(AuthJwt, looks_at_the_audience) {
    Rules named = rules();
    named.audience = "youraudience";
    const auto aud = [](const std::string& value, const Rules& rules) {
        return outcome(token_of("{\"aud\":" + value + "}"), rules).substr(0, 28);
    };
    for (const char* good : {R"("youraudience")", R"(["youraudience"])", R"(["a","youraudience","b"])", "[]", "null"}) {
        EXPECT_TRUE(aud(good, named).starts_with("anonymous ")) << good;
        EXPECT_TRUE(aud(good, rules()).starts_with("anonymous ")) << good;
    }
    for (const char* other : {R"("notyouraudience")", R"("")", R"(["a","b"])", R"([""])"}) {
        EXPECT_EQ(aud(other, named), "PGRST303 JWT not in audience") << other;
        EXPECT_TRUE(aud(other, rules()).starts_with("anonymous ")) << other;
    }
    EXPECT_TRUE(outcome(token_of("{}"), named).starts_with("anonymous "));
    for (const char* wrong : {R"({"invalid":"value"})", R"([{"invalid":"value"},"test"])", "1", "[null]", "false"}) {
        EXPECT_EQ(outcome(token_of("{\"aud\":" + std::string(wrong) + "}"), rules()),
                  "PGRST303 The JWT 'aud' claim must be a string or an array of strings");
    }
}

TEST(AuthJwt, hands_the_claims_on) {
    EXPECT_EQ(of_claims(R"( {"role":"web", "stores":["a"], "n":1.50} )"),
              R"(web  {"role":"web", "stores":["a"], "n":1.50} )");
    EXPECT_EQ(of_claims(R"({"r\u006fle":"w\u0065b"})"), R"(web {"r\u006fle":"w\u0065b"})");
    EXPECT_EQ(of_claims("{ }"), R"(anonymous { "role":"anonymous"})");
    Rules elsewhere = rules();
    elsewhere.role_path = RolePath::parse(".app.role");
    EXPECT_EQ(outcome(token_of(R"({"app":{"role":"we\"b"},"role":"admin"})"), elsewhere),
              R"(we"b {"app":{"role":"we\"b"},"role":"we\"b"})");
    EXPECT_EQ(outcome(token_of(R"({"role":"admin"})"), elsewhere), R"(anonymous {"role":"anonymous"})");
}

TEST(AuthJwt, lets_nobody_be_who_logged_in) {
    EXPECT_EQ(of_claims(R"({"role":"none"})"), "22023 role \"none\" does not exist");
    EXPECT_EQ(of_claims(R"({"role":"n\u006fne"})"), "22023 role \"none\" does not exist");
    EXPECT_EQ(of_claims(R"({"role":""})"), "22023 role \"\" does not exist");
    EXPECT_EQ(of_claims(R"({"role":null})"), R"(null {"role":"null"})");  // no role has that name: SET ROLE says so
    EXPECT_EQ(of_claims(R"({"role":["web"]})").substr(0, 7), R"(["web"])");
}

TEST(AuthJwt, takes_no_other_kind_of_algorithm) {
    const std::string jwk = in_braces(kRsaMembers);
    const std::string hmac = signed_with(jwk, R"({"alg":"HS256"})", R"({"role":"postgres"})");
    EXPECT_EQ(outcome(hmac, rules(jwk)), kNoSuitable);
    EXPECT_EQ(outcome(hmac, rules("{\"keys\":[" + jwk + "," + kHmacJwk + "]}")), kNoneFits);
    EXPECT_EQ(outcome(kRsaToken, rules(kHmacJwk)), kNoSuitable);
    EXPECT_EQ(outcome(kRsaToken, rules(in_braces(kRsaMembers + R"(,"alg":"RS512")"))), kNoSuitable);
    EXPECT_EQ(outcome(kRsaToken, rules(in_braces(kEcMembers))), kNoSuitable);
    EXPECT_EQ(outcome("eyJhbGciOiJFUzM4NCJ9." + kPayload + ".AAAA", rules(in_braces(kEcMembers))), kNoSuitable);
    // a secret is for HS256
    EXPECT_EQ(outcome(signed_with(kSecret, R"({"alg":"HS512"})", "{}"), rules()), kNoSuitable);
    for (const char* name : {"None", "NONE", "nOnE"}) {
        EXPECT_EQ(outcome(signed_with(kSecret, "{\"alg\":\"" + std::string(name) + "\"}", "{}"), rules()), kNotDecoded);
    }
    EXPECT_EQ(outcome(base64url(R"({"alg":"none"})") + "." + base64url(R"({"role":"postgres"})") + ".", rules())
                  .substr(0, 47),
              "PGRST301 Wrong or unsupported encoding algorith");
}

TEST(AuthJwt, takes_no_forged_or_broken_token) {
    const std::string good = token_of(R"({"role":"web"})");
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_TRUE(outcome(good.substr(0, size), rules()).starts_with("PGRST301")) << size;
    }
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string forged = good;
        forged[i] = forged[i] == 'A' ? 'B' : 'A';
        EXPECT_TRUE(outcome(forged, rules()).starts_with("PGRST301")) << i;
    }
    for (const std::string& wrong : {good + "=", good + "A", "=" + good, good + ".", good + std::string(1, '\0')}) {
        EXPECT_TRUE(outcome(wrong, rules()).starts_with("PGRST301")) << wrong;
    }
    EXPECT_EQ(outcome(kRsaToken.substr(0, kRsaToken.size() - 2), rules(in_braces(kRsaMembers)), kThen), kNoneFits);
    EXPECT_EQ(outcome(kEcToken.substr(0, kEcToken.size() - 4), rules(in_braces(kEcMembers)), kThen), kNotDecoded);
    EXPECT_EQ(outcome("eyJhbGciOiJFUzI1NiJ9." + kPayload + "." + base64url(std::string(64, '\0')),
                      rules(in_braces(kEcMembers)), kThen),
              kNoneFits);
    EXPECT_EQ(outcome("eyJhbGciOiJSUzI1NiJ9." + kPayload + ".", rules(in_braces(kRsaMembers)), kThen), kNoneFits);
    EXPECT_EQ(outcome("eyJhbGciOiJFZERTQSJ9.e30.", rules(kEdJwk)), kNoneFits);
}

TEST(AuthJwt, reads_headers_strictly) {
    const auto of_header = [](const std::string& header) {
        return outcome(signed_with(kSecret, header, "{}"), rules());
    };
    EXPECT_TRUE(
        of_header(R"({"typ":"JWT","alg":"HS256","kid":null,"x":{"jku":"http://evil.example"}})").starts_with("anon"));
    for (const char* header :
         {"", "{", "[]", "\"HS256\"", "{}", R"({"alg":null})", R"({"alg":["HS256"]})",
          R"({"alg":"HS256","alg":"HS256"})", R"({"alg":"none","\u0061lg":"HS256"})",
          R"({"alg":"HS256","crit":["b64"],"b64":false})", R"({"alg":"HS256"} x)", R"({"alg":"HS256","enc":"A128GCM"})",
          R"({"alg":"HS256","kid":1})", R"({"alg":"HS256","typ":{}})", R"({"alg":"HS256\u0000"})", R"({"alg":"PS256"})",
          R"({"alg":"hs256"})"}) {
        EXPECT_EQ(of_header(header), kNotDecoded) << header;
    }
}

TEST(AuthJwt, finds_keys_by_their_ids) {
    const std::string other(40, 'o');
    const std::string set = R"({"keys":[{"kty":"oct","kid":"a","k":")" + base64url(kSecret) +
                            R"("},{"kty":"oct","kid":"b","k":")" + base64url(other) + R"("}]})";
    const auto with = [&](const std::string& secret, const std::string& kid) {
        return outcome(signed_with(secret, "{\"alg\":\"HS256\"" + kid + "}", "{}"), rules(set));
    };
    EXPECT_TRUE(with(kSecret, "").starts_with("anonymous"));
    EXPECT_TRUE(with(other, "").starts_with("anonymous"));
    EXPECT_TRUE(with(kSecret, R"(,"kid":"a")").starts_with("anonymous"));
    EXPECT_TRUE(with(kSecret, R"(,"kid":"\u0061")").starts_with("anonymous"));
    EXPECT_EQ(with(kSecret, R"(,"kid":"b")"), kNoneFits);
    for (const char* kid : {"", "c", "../../dev/null", "a' OR '1'='1", "/proc/sys/kernel/random/boot_id"}) {
        EXPECT_EQ(with(kSecret, ",\"kid\":\"" + std::string(kid) + "\""), kNoSuitable) << kid;
    }
    EXPECT_EQ(outcome(signed_with(kSecret, R"({"alg":"HS256","kid":"a"})", "{}"), rules()), kNoSuitable);
}

TEST(AuthJwt, reads_claims_strictly) {
    for (const char* claims :
         {"", "{", "[]", "null", "\"a\"", "{}{}", R"({"role":"a","role":"b"})", R"({"role":"a","r\u006fle":"b"})",
          R"({"stores":["a"],"stores":["b"]})", R"({"role":"a\u0000b"})", "{\"role\":\"\xFF\"}", R"({"exp":NaN})",
          R"({"a":"\ud800"})"}) {
        EXPECT_EQ(of_claims(claims), "PGRST303 Parsing claims failed") << claims;
    }
    EXPECT_EQ(of_claims(std::string_view("{\"role\":\"a\0b\"}", 14)), "PGRST303 Parsing claims failed");
    EXPECT_EQ(of_claims(std::string_view("{}\0", 3)), "PGRST303 Parsing claims failed");
    std::string deep;
    for (int i = 0; i < 1000; ++i) {
        deep += "[";
    }
    EXPECT_EQ(of_claims("{\"a\":" + deep + std::string(1000, ']') + "}"), "PGRST303 Parsing claims failed");
    EXPECT_EQ(of_claims("{\"a\":\"" + std::string(8192, 'a') + "\"}"),
              "PGRST301 JWT couldn't be decoded [It has more than 8192 bytes.]");
    EXPECT_TRUE(of_claims("{\"a\":\"" + std::string(6000, 'a') + "\"}").starts_with("anonymous"));
}

TEST(AuthKeys, are_refused_with_a_reason_that_tells_nothing) {
    const auto reason = [](const std::string& text) -> std::string {
        try {
            read_keys(text);
        } catch (const Error& error) {
            EXPECT_FALSE(error.hint().empty());
            EXPECT_EQ((error.what() + error.detail() + error.hint()).find("sesame"), std::string::npos);
            return error.what();
        }
        return "";
    };
    EXPECT_EQ(reason(std::string(32, 's')), "");
    EXPECT_EQ(reason("sesame"), "the JWT secret must be at least 32 bytes long");
    EXPECT_EQ(reason(""), "the JWT secret must be at least 32 bytes long");
    EXPECT_EQ(reason(R"({"kty":"oct","k":"c2VzYW1l"})"), "the JWT secret must be at least 32 bytes long");
    // a public key with a slip in it never becomes a secret
    EXPECT_EQ(reason("{" + kRsaMembers), "the key is no valid JSON");
    EXPECT_EQ(reason(" " + in_braces(kRsaMembers + ",}")), "the key is no valid JSON");
    EXPECT_EQ(reason(R"({"kty":"RSA","e":"AQAB","n":"sesame=="})"), "\"n\" of a key is missing, or not base64url");
    EXPECT_EQ(reason(R"({"kty":"RSA","e":"AQAB"})"), "\"n\" of a key is missing, or not base64url");
    EXPECT_EQ(reason(R"({"kty":"RSA","e":"AQAB","n":")" + base64url(std::string(128, '\xFF')) + "\"}"),
              "an RSA key has fewer than 2048 bits");
    EXPECT_EQ(reason(R"({"kty":"EC","crv":"P-256","x":"AQ","y":"Ag"})"), "a key is not valid");  // not on the curve
    EXPECT_EQ(reason(R"({"kty":"OKP","crv":"Ed25519","x":"AQ"})"), "a key is not valid");
    EXPECT_EQ(reason(R"({"k":"sesame"})"), "a key has no kty");
    EXPECT_EQ(reason(R"({"kty":1})"), "\"kty\" of a key is no string");
    EXPECT_EQ(reason(R"({"keys":{}})"), "\"keys\" is no array");
    EXPECT_EQ(reason(R"({"keys":[1]})"), "a key is no JSON object");
    for (const std::string& text :
         {std::string(R"({"keys":[]})"), std::string(R"({"kty":"sesame"})"), in_braces(kRsaMembers + R"(,"use":"enc")"),
          in_braces(kRsaMembers + R"(,"alg":"RSA-OAEP")"), in_braces(kRsaMembers + R"(,"alg":"HS256")"),
          std::string(R"({"kty":"EC","crv":"secp256k1","x":"AQ","y":"Ag"})")}) {
        EXPECT_EQ(reason(text), "there is no key that a token could be signed with") << text;
    }
    EXPECT_EQ(read_keys(R"({"keys":[{"kty":"new"},)" + kEdJwk + "]}").size(), 1U);
}

TEST(AuthRolePath, finds_as_postgrest_does) {
    const auto find = [](const char* path, const char* claims) {
        Rules at = rules();
        at.role_path = RolePath::parse(path);
        const std::string result = outcome(token_of(claims), at);
        return result.substr(0, result.find(' '));
    };
    EXPECT_EQ(find(".postgrest.a_role", R"({"postgrest":{"a_role":"web"},"other":"claims"})"), "web");
    EXPECT_EQ(find(".customObject.manyRoles[1]", R"({"customObject":{"manyRoles":["other","web"]},"other":{}})"),
              "web");
    const char* const address = R"({"https://www.example.com/roles":[{"value":"web"}],"other":666})";
    EXPECT_EQ(find(R"(."https://www.example.com/roles"[0].value)", address), "web");
    EXPECT_EQ(find(R"($["https://www.example.com/roles"][0].value)", address), "web");
    EXPECT_EQ(find("$['https://www.example.com/roles'][0].value", address), "web");
    EXPECT_EQ(find(".myDomain[3]", R"({"myDomain":["other","web"]})"), "anonymous");
    EXPECT_EQ(find(".myRole", R"({"role":"web"})"), "anonymous");
    EXPECT_EQ(find(".role.a", R"({"role":"web"})"), "anonymous");
    EXPECT_EQ(find(".role[0]", R"({"role":"web"})"), "anonymous");
    EXPECT_EQ(find(".aud[1]", R"({"aud":["web","shop"]})"), "shop");
    const char* const roles = R"({"realm_access":{"roles":["other","the_test_role"]}})";
    EXPECT_EQ(find(R"(.realm_access.roles[?(@ == "the_test_role")])", roles), "the_test_role");
    EXPECT_EQ(find(R"(.realm_access.roles[?(@ != "other")])", roles), "the_test_role");
    EXPECT_EQ(find(R"(.realm_access.roles[?(@ ^== "the_te")])", roles), "the_test_role");
    EXPECT_EQ(find(R"(.realm_access.roles[?(@ ==^ "t_role")])", roles), "the_test_role");
    EXPECT_EQ(find(R"(.realm_access.roles[?(@*=="_test_")])", roles), "the_test_role");
    EXPECT_EQ(find("$.realm_access.roles[?@ == 'other']", roles), "other");
    EXPECT_EQ(find(R"(.realm_access.roles[?(@ == "string")])", R"({"realm_access":{"roles":[{"k":"v"}]}})"),
              "anonymous");
    EXPECT_EQ(find(".a.role", R"({"a":{"role":"x","role":"y"}})"), "y");  // as jsonb would
}

TEST(AuthRolePath, is_refused_with_a_reason) {
    for (const char* wrong : {"",
                              "$",
                              "role.other",
                              ".role##",
                              ".my_role;;domain",
                              "$.my_role;;domain",
                              ".#$$%&$%/",
                              "1234",
                              ".role[?(@ =)]",
                              "@@.role.other",
                              ".",
                              ".role[",
                              ".role[]",
                              ".role[x]",
                              ".role[9999999]",
                              ".\"role",
                              ".role[?(@ == role)]",
                              ".role[?(@ == \"a\"]",
                              ".role[?(@ == \"a\")].b",
                              ".role[?(@ == \"a)]",
                              "$..role",
                              "$.*",
                              ".role[-1]"}) {
        EXPECT_THROW(RolePath::parse(wrong), Error) << wrong;
    }
}

TEST(AuthJwt, answers_with_what_to_log_in_with) {
    const auto answer = [](std::optional<std::string_view> token, const Rules& rules) {
        return response_of(std::get<Refusal>(identify(token, rules, kNow)));
    };
    Rules none;
    EXPECT_EQ(answer("x", none).status, 500);
    EXPECT_FALSE(answer("x", none).fields.find("WWW-Authenticate"));
    EXPECT_EQ(answer(std::nullopt, none).status, 401);
    EXPECT_EQ(answer(std::nullopt, none).fields.find("WWW-Authenticate"), "Bearer");
    const auto empty = answer("", rules());
    EXPECT_EQ(empty.status, 401);
    EXPECT_EQ(empty.fields.find("WWW-Authenticate"),
              R"(Bearer error="invalid_token", error_description="Empty JWT is sent in Authorization header")");
    EXPECT_EQ(empty.body.size(), 100U);  // PostgREST's Content-Length
    EXPECT_EQ(answer(token_of(R"({"exp":1})"), rules()).fields.find("WWW-Authenticate"),
              R"(Bearer error="invalid_token", error_description="JWT expired")");
}

TEST(AuthJwt, names_the_error_in_the_head) {
    const auto named = [](std::optional<std::string_view> token, const Rules& rules) {
        const http::Response answer = response_of(std::get<Refusal>(identify(token, rules, kNow)));
        return std::string(answer.fields.find("Proxy-Status").value_or(""));
    };
    EXPECT_EQ(named("x", Rules{}), "PostgREST; error=PGRST300");
    EXPECT_EQ(named("", rules()), "PostgREST; error=PGRST301");
    EXPECT_EQ(named(std::nullopt, Rules{}), "PostgREST; error=PGRST302");
    EXPECT_EQ(named(token_of(R"({"exp":1})"), rules()), "PostgREST; error=PGRST303");
    EXPECT_EQ(named(token_of(R"({"role":"none"})"), rules()), "PostgREST; error=22023");
}

}  // namespace
}  // namespace analytics::auth
