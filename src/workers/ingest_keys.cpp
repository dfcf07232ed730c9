#include "workers/ingest_keys.hpp"

#include <array>
#include <unordered_map>

#include "pg/spi.hpp"

namespace analytics::workers {
namespace {

constexpr std::int64_t kRemember = 1000000;  // microseconds
constexpr std::size_t kRemembered = 10000;   // whoever guesses keys shall not fill the memory

struct Known {
    std::optional<IngestKey> key;
    TimestampTz at;
};

std::unordered_map<std::string, Known> known;

constexpr std::array<Oid, 1> kTypes = {TEXTOID};
pg::Statement find(
    "SELECT k.store_id, k.revoked, coalesce(k.rate, 0)::bigint, k.events IS NOT NULL, e.name, "
    "coalesce(k.webhook_secret, '')"
    " FROM analytics.find_ingest_key(decode($1, 'hex')) k LEFT JOIN LATERAL unnest(k.events) e(name) ON true",
    kTypes);

std::string hex_of(const std::string& bytes) {
    constexpr const char* digits = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        text += digits[static_cast<unsigned char>(c) >> 4U];
        text += digits[static_cast<unsigned char>(c) & 15U];
    }
    return text;
}

std::optional<IngestKey> look_up(const std::string& hash) {
    const pg::Connection connection;
    const std::string text = hex_of(hash);
    const Datum parameter = pg::protect([&] { return pg::text_datum(text); });
    const pg::Result rows = find.execute({parameter}, pg::Access::read_only);
    if (rows.size() == 0) {
        return std::nullopt;
    }
    IngestKey key;
    key.store = rows[0].text(1);
    key.revoked = rows[0].boolean(2);
    key.rate = rows[0].int8(3);
    key.webhook_secret = rows[0].text(6);
    if (rows[0].boolean(4)) {
        key.events.emplace();
        for (std::uint64_t i = 0; i < rows.size(); ++i) {
            if (const auto name = rows[i].optional_text(5)) {
                key.events->emplace_back(*name);
            }
        }
    }
    return key;
}

}  // namespace

bool remembers_ingest_key(const std::string& hash, TimestampTz now) {
    const auto found = known.find(hash);
    return found != known.end() && now - found->second.at <= kRemember && now >= found->second.at;
}

const IngestKey* find_ingest_key(const std::string& hash, TimestampTz now) {
    auto found = known.find(hash);
    if (!remembers_ingest_key(hash, now)) {
        if (known.size() >= kRemembered) {
            known.clear();
        }
        found = known.insert_or_assign(hash, Known{look_up(hash), now}).first;
    }
    return found->second.key ? &*found->second.key : nullptr;
}

}  // namespace analytics::workers
