// What executors know of ingest keys: found by analytics.find_ingest_key(), and remembered for a second.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/headers.hpp"

namespace analytics::workers {

struct IngestKey {
    std::string store;
    bool revoked = false;
    std::int64_t rate = 0;  // events per second; 0: no limit
    std::optional<std::vector<std::string>> events;
    std::string webhook_secret;
};

// Whether what is known of the key at this time needs no look at the database.
bool remembers_ingest_key(const std::string& hash, TimestampTz now);

// Null: there is no such key. Valid until the next call. In a transaction, as the extension's owner, unless it is
// remembered.
const IngestKey* find_ingest_key(const std::string& hash, TimestampTz now);

}  // namespace analytics::workers
