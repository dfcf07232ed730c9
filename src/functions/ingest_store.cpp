#include "functions/ingest_store.hpp"

#include <array>

#include "pg/spi.hpp"

namespace analytics::ingest {
namespace {

constexpr std::array<Oid, 1> kTextParameter = {TEXTOID};

pg::Statement store_settings(
    "SELECT coalesce(s.currency, d.currency, 'USD'), coalesce(s.timezone, d.timezone, 'UTC'),"
    "       coalesce(s.tax_included, d.tax_included, false)"
    "  FROM (SELECT $1 AS store_id) w"
    "  LEFT JOIN analytics.store s ON s.store_id = w.store_id"
    "  LEFT JOIN analytics.store d ON d.store_id = ''",
    kTextParameter);

pg_tz* time_zone(std::string_view name) {
    pg_tz* const zone = pg::protect([&] { return pg_tzset(pg::cstring(name)); });
    if (zone == nullptr) {
        throw Error(Code::invalid_parameter, "the store's time zone is not known")
            .detail("Got \"" + std::string(name) + "\".")
            .hint("Set it with analytics.set_setting('timezone', ...).");
    }
    return zone;
}

// As PostgreSQL reads a timestamp without a zone: in a gap or an overlap of the clock by standard time.
UnixMicros to_instant(pg_tz* zone, UnixMicros wall_time) {
    pg_tm parts{};
    fsec_t fraction = 0;
    if (timestamp2tm(pg::to_timestamp(wall_time), nullptr, &parts, &fraction, nullptr, nullptr) != 0) {
        return wall_time;  // beyond PostgreSQL's years, and so beyond the parser's
    }
    return wall_time + std::int64_t{DetermineTimeZoneOffset(&parts, zone)} * USECS_PER_SEC;
}

// A random UUID (version 4).
std::string random_id() {
    std::array<unsigned char, 16> bytes{};
    if (!pg_strong_random(bytes.data(), bytes.size())) {
        throw Error(Code::internal, "could not generate random values");
    }
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string id;
    id.reserve(36);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            id.push_back('-');
        }
        id.push_back(kDigits[bytes[i] >> 4]);
        id.push_back(kDigits[bytes[i] & 0x0f]);
    }
    return id;
}

}  // namespace

Surroundings::Surroundings(Ids ids) : now_(pg::from_timestamp(GetCurrentTransactionStartTimestamp())), ids_(ids) {}

ParseContext Surroundings::context_for(std::string_view store) {
    ParseContext context;
    context.store = store;
    context.store_is_bound = store != kMainStore;
    context.now = now_;
    context.rules = [this](std::string_view store_id) -> const StoreRules& { return rules(store_id); };
    context.new_event_id = [this] { return new_id(); };
    return context;
}

std::string Surroundings::new_id() {
    std::string id = random_id();
    if (ids_ == Ids::remember) {
        made_ids_.insert(id);
    }
    return id;
}

const StoreRules& Surroundings::rules(std::string_view store_id) {
    if (const auto known = stores_.find(store_id); known != stores_.end()) {
        return known->second;
    }
    const Datum name = pg::protect([&] { return pg::text_datum(store_id); });
    const auto settings = store_settings.execute({name}, pg::Access::read_only);
    const pg::Row row = settings[0];
    pg_tz* const zone = time_zone(row.text(2));
    StoreRules rules;
    rules.currency = row.text(1);
    rules.tax_included = row.boolean(3);
    rules.to_instant = [zone](UnixMicros wall_time) { return to_instant(zone, wall_time); };
    return stores_.emplace(store_id, std::move(rules)).first->second;
}

}  // namespace analytics::ingest
