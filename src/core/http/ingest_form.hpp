// POST /api/ingest, as far as it can be judged without the database: type, encoding, key.
#pragma once

#include "core/http/wire.hpp"

#include <variant>

namespace analytics::http {

// What is to be ingested (without its id), or the answer that refuses it. `open`: a key is not needed.
std::variant<Ingest, Response> read_ingest_form(Request&& request, bool open);

// The key of a request is a secret: this is all that is kept of it.
std::string key_hash(std::string_view key);

}  // namespace analytics::http
