#include "core/auth/keys.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/auth/base64url.hpp"
#include "core/auth/json_object.hpp"
#include "core/error.hpp"
#include "core/http/digest.hpp"

namespace analytics::auth {
namespace {

constexpr std::size_t kLeastSecret = 32;  // bytes
constexpr int kLeastRsaBits = 2048;       // RFC 7518, 3.3

constexpr std::array kAlgorithms = {
    Algorithm{"HS256", KeyKind::oct, EVP_sha256, {}},     Algorithm{"HS384", KeyKind::oct, EVP_sha384, {}},
    Algorithm{"HS512", KeyKind::oct, EVP_sha512, {}},     Algorithm{"RS256", KeyKind::rsa, EVP_sha256, {}},
    Algorithm{"RS384", KeyKind::rsa, EVP_sha384, {}},     Algorithm{"RS512", KeyKind::rsa, EVP_sha512, {}},
    Algorithm{"ES256", KeyKind::ec, EVP_sha256, "P-256"}, Algorithm{"ES384", KeyKind::ec, EVP_sha384, "P-384"},
    Algorithm{"ES512", KeyKind::ec, EVP_sha512, "P-521"}, Algorithm{"EdDSA", KeyKind::okp, nullptr, {}},
};

template <auto Free>
struct Deleter {
    template <typename Thing>
    void operator()(Thing* thing) const {
        Free(thing);
    }
};
template <typename Thing, auto Free>
using Owned = std::unique_ptr<Thing, Deleter<Free>>;
using Number = Owned<BIGNUM, BN_free>;
using Builder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = Owned<OSSL_PARAM, OSSL_PARAM_free>;
using Context = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using EcSignature = Owned<ECDSA_SIG, ECDSA_SIG_free>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Number number_of(std::string_view bytes) {
    return Number(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

struct Curve {
    std::string_view name;
    std::size_t bytes;  // of a coordinate
};
constexpr std::array kCurves = {Curve{"P-256", 32}, Curve{"P-384", 48}, Curve{"P-521", 66}};

const Curve* find_curve(std::string_view name) {
    for (const Curve& curve : kCurves) {
        if (curve.name == name) {
            return &curve;
        }
    }
    return nullptr;
}

// JWS has the two numbers side by side, OpenSSL wants them as DER. Empty: they are none.
std::string der_of(std::string_view signature, std::size_t coordinate) {
    if (signature.size() != 2 * coordinate) {
        return {};
    }
    const EcSignature pair(ECDSA_SIG_new());
    Number r = number_of(signature.substr(0, coordinate));
    Number s = number_of(signature.substr(coordinate));
    if (!pair || !r || !s || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) {
        return {};
    }
    static_cast<void>(r.release());  // the pair's now
    static_cast<void>(s.release());
    const int size = i2d_ECDSA_SIG(pair.get(), nullptr);
    std::string der(static_cast<std::size_t>(std::max(size, 0)), '\0');
    auto* out = reinterpret_cast<unsigned char*>(der.data());
    return size > 0 && i2d_ECDSA_SIG(pair.get(), &out) == size ? der : std::string();
}

[[noreturn]] void refuse(const std::string& message, std::string hint) {
    throw Error(Code::invalid_parameter, message).hint(std::move(hint));
}

std::shared_ptr<EVP_PKEY> build_key(const char* type, const Builder& builder) {
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const Context context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        return nullptr;
    }
    return {key, EVP_PKEY_free};
}

}  // namespace

const Algorithm* find_algorithm(std::string_view name) {
    for (const Algorithm& algorithm : kAlgorithms) {
        if (algorithm.name == name) {
            return &algorithm;
        }
    }
    return nullptr;
}

bool Key::suits(const Algorithm& algorithm, const std::optional<std::string>& id) const {
    return kind_ == algorithm.kind && (only_ == nullptr || only_ == &algorithm) &&
           (algorithm.curve.empty() || algorithm.curve == curve_) && (!id || id == id_);
}

bool Key::made(std::string_view signature, std::string_view text, const Algorithm& algorithm) const {
    if (!suits(algorithm, std::nullopt)) {
        return false;
    }
    if (kind_ == KeyKind::oct) {
        std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
        unsigned size = 0;
        return HMAC(algorithm.digest(), secret_.data(), static_cast<int>(secret_.size()), bytes_of(text), text.size(),
                    mac.data(), &size) != nullptr &&
               http::equal_secrets({reinterpret_cast<const char*>(mac.data()), size}, signature);
    }
    std::string der;
    if (kind_ == KeyKind::ec) {
        der = der_of(signature, find_curve(curve_)->bytes);
        signature = der;
    }
    const EVP_MD* const digest = algorithm.digest == nullptr ? nullptr : algorithm.digest();
    const DigestContext context(EVP_MD_CTX_new());
    return context && !signature.empty() &&
           EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, public_key_.get()) == 1 &&
           EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1;
}

// Reads one JWK (RFC 7517, 7518, 8037). Of a private key it takes the public half.
class KeyReader {
public:
    explicit KeyReader(const json::Node& jwk) : jwk_(jwk) {}

    // What is no JWK is a secret for HS256 alone, as PostgREST has it.
    static Key secret(const std::string& text) {
        Key key;
        key.only_ = find_algorithm("HS256");
        key.secret_ = long_enough(text);
        return key;
    }

    // Nullopt: nothing that is read here is signed with it.
    std::optional<Key> read() {
        if (jwk_.type != json::Type::object) {
            refuse("a key is no JSON object", "Each of keys is a JWK: an object with kty.");
        }
        const auto type = text("kty");
        if (!type) {
            refuse("a key has no kty", "A JWK says what it is: \"kty\":\"oct\", \"RSA\", \"EC\" or \"OKP\".");
        }
        const auto use = text("use");
        const auto algorithm = text("alg");
        if (algorithm) {
            key_.only_ = find_algorithm(*algorithm);
        }
        if ((use && *use != "sig") || (algorithm && key_.only_ == nullptr)) {
            return std::nullopt;
        }
        key_.id_ = text("kid");
        return read_as(*type) ? std::optional(std::move(key_)) : std::nullopt;
    }

private:
    std::optional<std::string> text(std::string_view name) const {
        const json::Node* const member = find_member(jwk_, name);
        if (member == nullptr || member->type == json::Type::null) {
            return std::nullopt;
        }
        if (member->type != json::Type::string) {
            refuse("\"" + std::string(name) + "\" of a key is no string", "A JWK's members are strings.");
        }
        return text_of(*member);
    }

    std::string bytes(std::string_view name) const {
        const auto coded = text(name);
        auto decoded = coded ? read_base64url(*coded) : std::nullopt;
        if (!decoded || decoded->empty()) {
            refuse("\"" + std::string(name) + "\" of a key is missing, or not base64url",
                   "Write it as RFC 7518 has it: base64 with - and _, without padding.");
        }
        return std::move(*decoded);
    }

    bool read_as(const std::string& type) {
        if (type == "oct") {
            key_.kind_ = KeyKind::oct;
            key_.secret_ = long_enough(bytes("k"));
        } else if (type == "RSA") {
            key_.kind_ = KeyKind::rsa;
            read_rsa();
        } else if (type == "EC" && find_curve(text("crv").value_or("")) != nullptr) {
            key_.kind_ = KeyKind::ec;
            key_.curve_ = *text("crv");
            read_point();
        } else if (type == "OKP" && (text("crv") == "Ed25519" || text("crv") == "Ed448")) {
            key_.kind_ = KeyKind::okp;
            const std::string x = bytes("x");
            key_.public_key_.reset(
                EVP_PKEY_new_raw_public_key_ex(nullptr, text("crv")->c_str(), nullptr, bytes_of(x), x.size()),
                EVP_PKEY_free);
            require(key_.public_key_ != nullptr);
        } else {
            return false;
        }
        return key_.only_ == nullptr || key_.only_->kind == key_.kind_;
    }

    void read_rsa() {
        const Number n = number_of(bytes("n"));
        const Number e = number_of(bytes("e"));
        const Builder builder(OSSL_PARAM_BLD_new());
        require(n && e && builder && OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
                OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1);
        if (BN_num_bits(n.get()) < kLeastRsaBits) {
            refuse("an RSA key has fewer than 2048 bits", "Make a longer one: RFC 7518 asks for 2048 bits at least.");
        }
        key_.public_key_ = build_key("RSA", builder);
        require(key_.public_key_ != nullptr);
    }

    void read_point() {
        const std::size_t size = find_curve(key_.curve_)->bytes;
        const std::string x = bytes("x");
        const std::string y = bytes("y");
        require(x.size() <= size && y.size() <= size);
        const std::string point =
            '\x04' + std::string(size - x.size(), '\0') + x + std::string(size - y.size(), '\0') + y;
        const Builder builder(OSSL_PARAM_BLD_new());
        require(
            builder &&
            OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, key_.curve_.data(), 0) == 1 &&
            OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1);
        key_.public_key_ = build_key("EC", builder);  // which looks whether the point is on the curve
        require(key_.public_key_ != nullptr);
    }

    static std::string long_enough(std::string secret) {
        if (secret.size() < kLeastSecret) {
            refuse("the JWT secret must be at least 32 bytes long", "openssl rand -base64 48 makes one.");
        }
        return secret;
    }

    static void require(bool valid) {
        if (!valid) {
            refuse("a key is not valid", "Its numbers make no key of its kind.");
        }
    }

    const json::Node& jwk_;
    Key key_;
};

std::vector<Key> read_keys(const std::string& text) {
    constexpr std::string_view hint = "Set a secret of 32 bytes at least, a JWK, or a JWKS: {\"keys\":[...]}.";
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string::npos || text[first] != '{') {
        return {KeyReader::secret(text)};
    }
    // What begins as JSON is never taken for a secret: a public key with a slip in it would be one that all know.
    json::Document document;
    if (!read_object(text, document)) {
        refuse("the key is no valid JSON", std::string(hint));
    }
    const json::Node* const set = find_member(document.root(), "keys");
    if (set != nullptr && set->type != json::Type::array) {
        refuse("\"keys\" is no array", std::string(hint));
    }
    std::vector<Key> keys;
    const auto add = [&](const json::Node& node) {
        if (auto key = KeyReader(node).read()) {
            keys.push_back(std::move(*key));
        }
    };
    if (set == nullptr) {
        add(document.root());
    } else {
        for (const json::Node& node : json::Children(*set)) {
            add(node);
        }
    }
    if (keys.empty()) {
        refuse("there is no key that a token could be signed with",
               "Tokens are signed with HS, RS or ES and 256, 384 or 512 bits, or EdDSA; \"use\" is sig.");
    }
    return keys;
}

}  // namespace analytics::auth
