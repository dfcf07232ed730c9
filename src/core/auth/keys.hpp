// What tokens are signed with: the keys that analytics.http_jwt_secret holds, and whether one of them made a signature.
//
// A key serves its own kind of algorithm alone: with the text of a public key nobody makes an HMAC that is believed.
// Kinds and algorithms are PostgREST's: HS, RS and ES with 256, 384 and 512 bits, and EdDSA.
#pragma once

#include "core/no_postgres.hpp"

#include <openssl/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace analytics::auth {

// Of a JWK: symmetric, RSA, points of an elliptic curve, EdDSA.
enum class KeyKind { oct, rsa, ec, okp };

struct Algorithm {
    std::string_view name;  // of a token's alg
    KeyKind kind;
    const EVP_MD* (*digest)();  // null: EdDSA brings its own
    std::string_view curve;     // of ES
};

// Null where tokens signed so are not read; "none" is none.
const Algorithm* find_algorithm(std::string_view name);

class Key {
public:
    // Whether it may have signed what names this algorithm and, if any, this key's id.
    bool suits(const Algorithm& algorithm, const std::optional<std::string>& id) const;
    // Whether it has. Takes the same time wherever an HMAC differs.
    bool made(std::string_view signature, std::string_view text, const Algorithm& algorithm) const;

private:
    friend class KeyReader;

    KeyKind kind_ = KeyKind::oct;
    std::optional<std::string> id_;
    const Algorithm* only_ = nullptr;  // null: all of its kind
    std::string curve_;
    std::string secret_;
    std::shared_ptr<EVP_PKEY> public_key_;
};

// A secret of 32 bytes at least (for HS256), a JWK, or a JWKS; of a set those are left out that nothing here is signed
// with. Throws Error(Code::invalid_parameter), which tells nothing of the text.
std::vector<Key> read_keys(const std::string& text);

}  // namespace analytics::auth
