#include "functions/ingest_store.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "pg/spi.hpp"

namespace analytics::ingest {
namespace {

constexpr std::array<Oid, 1> kTextParameter = {TEXTOID};

pg::Statement store_settings(
    "SELECT coalesce(s.currency, d.currency, 'USD'), coalesce(s.timezone, d.timezone, 'UTC'),"
    "       coalesce(s.tax_included, d.tax_included, false), coalesce(w.store_id = ANY (w.allowed), true)"
    "  FROM (SELECT $1 AS store_id, analytics.allowed_stores() AS allowed) w"
    "  LEFT JOIN analytics.store s ON s.store_id = w.store_id"
    "  LEFT JOIN analytics.store d ON d.store_id = ''",
    kTextParameter);

constexpr std::array<Oid, 2> kVisitorParameters = {TEXTARRAYOID, TEXTARRAYOID};

// By index: of the visitors of a batch few are known as a rule.
pg::Statement known_visitors(
    "SELECT i.store_id, i.anonymous_id, i.customer_id"
    "  FROM (SELECT unnest($1) AS store_id, unnest($2) AS anonymous_id) v"
    "  JOIN analytics.identity i ON i.store_id = v.store_id AND i.anonymous_id = v.anonymous_id",
    kVisitorParameters, pg::Search::by_index);

// Whether there may be any: a table without a page has no row. (Between the installation of this library and ALTER
// EXTENSION UPDATE, its SQL may be that of 0.1.0, without the table.)
bool knows_identities() {
    return pg::protect([] {
        const Oid table = get_relname_relid("identity", get_namespace_oid("analytics", false));
        if (!OidIsValid(table)) {
            return false;
        }
        const Relation relation = table_open(table, AccessShareLock);
        const bool has_pages = RelationGetNumberOfBlocks(relation) > 0;
        table_close(relation, AccessShareLock);
        return has_pages;
    });
}

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

template <std::size_t Size>
std::array<unsigned char, Size> random_bytes() {
    std::array<unsigned char, Size> bytes{};
    if (!pg_strong_random(bytes.data(), bytes.size())) {
        throw Error(Code::internal, "could not generate random values");
    }
    return bytes;
}

void append_hex(std::string& text, std::span<const unsigned char> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (const unsigned char byte : bytes) {
        text.push_back(kDigits[byte >> 4]);
        text.push_back(kDigits[byte & 0x0f]);
    }
}

}  // namespace

Surroundings::Surroundings() : now_(pg::from_timestamp(GetCurrentTransactionStartTimestamp())), mark_("-") {
    append_hex(mark_, random_bytes<6>());
}

EventBatch Surroundings::read(std::string_view payload, Format format, std::string_view store) {
    if (const auto refused = refusal(store)) {
        pg::fail(refused->sqlstate, refused->message, refused->detail, refused->hint);
    }
    EventBatch batch = parse(payload, format, {.store = store});
    name_visitors(batch);
    return batch;
}

EventBatch Surroundings::parse(std::string_view payload, Format format, const Sender& sender) {
    EventBatch batch = parse_events(payload, format, context_for(sender));
    for (Rejection& rejection : batch.rejections) {
        if (rejection.event_id && made(*rejection.event_id)) {
            rejection.event_id.reset();
        }
    }
    return batch;
}

// Events of a visitor whom identify() knows are the customer's.
void Surroundings::name_visitors(EventBatch& batch) {
    using Visitor = std::pair<std::string_view, std::string_view>;  // store, anonymous id
    std::vector<Visitor> visitors;
    for (const Event& event : batch.events) {
        if (event.anonymous_id && !event.customer_id) {
            visitors.emplace_back(event.store_id, *event.anonymous_id);
        }
    }
    if (visitors.empty() || !knows_identities()) {
        return;
    }
    std::sort(visitors.begin(), visitors.end());
    visitors.erase(std::unique(visitors.begin(), visitors.end()), visitors.end());
    std::array<Datum, 2> columns{};
    pg::protect([&] {
        columns = {pg::text_array(visitors.size(), [&](std::size_t i) { return visitors[i].first; }),
                   pg::text_array(visitors.size(), [&](std::size_t i) { return visitors[i].second; })};
    });
    const pg::Result known = known_visitors.execute({columns[0], columns[1]}, pg::Access::read_only);
    std::map<Visitor, std::string_view> customers;
    for (std::uint64_t i = 0; i < known.size(); ++i) {
        const pg::Row row = known[i];
        customers.emplace(Visitor{row.text(1), row.text(2)}, batch.keep(std::string(row.text(3))));
    }
    for (Event& event : batch.events) {
        if (event.anonymous_id && !event.customer_id) {
            if (const auto customer = customers.find({event.store_id, *event.anonymous_id});
                customer != customers.end()) {
                event.customer_id = customer->second;
            }
        }
    }
}

std::optional<Refusal> Surroundings::refusal(std::string_view store) {
    if (rules(store).is_allowed) {
        return std::nullopt;
    }
    return Refusal{ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied for this store",
                   "Store \"" + std::string(store) + "\".",
                   "The claim \"stores\" of this session names the stores it may use; pass one of them as store."};
}

ParseContext Surroundings::context_for(const Sender& sender) {
    ParseContext context;
    context.store = sender.store;
    context.store_is_bound = sender.store_is_bound || sender.store != kMainStore;
    context.event_types = sender.event_types;
    context.now = now_;
    context.rules = [this](std::string_view store_id) -> const StoreRules& { return rules(store_id); };
    context.new_event_id = [this] { return new_id(); };
    return context;
}

// A random UUID (version 4); its last six bytes are the same for all of this statement.
std::string Surroundings::new_id() const {
    auto bytes = random_bytes<10>();
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    const std::span<const unsigned char> all = bytes;
    std::string id;
    id.reserve(36);
    append_hex(id, all.first(4));
    for (const std::size_t first : {4, 6, 8}) {
        append_hex(id.append("-"), all.subspan(first, 2));
    }
    return id.append(mark_);
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
    rules.is_allowed = row.boolean(4);
    rules.to_instant = [zone](UnixMicros wall_time) { return to_instant(zone, wall_time); };
    return stores_.emplace(store_id, std::move(rules)).first->second;
}

}  // namespace analytics::ingest
