#include "functions/ingest_keys.hpp"

#include <array>
#include <utility>

namespace analytics::ingest {
namespace {

// Several set-returning functions in a select list advance in step, row by row, without being stored first.
#define ANALYTICS_KEY_NAMES "SELECT unnest($1) AS store_id, unnest($2) AS key, unnest($3) AS kind"

constexpr std::array<Oid, 3> kNameParameters = {TEXTARRAYOID, TEXTARRAYOID, CHARARRAYOID};

#define ANALYTICS_LOOK_UP                                                                                 \
    "SELECT w.place, k.order_id IS NOT NULL AND k.kind = 'e', k.sent_revision, k.updated_at, k.revision," \
    "       coalesce(k.event_id, k.key), k.occurred_at, k.lines"                                          \
    "  FROM (" ANALYTICS_KEY_NAMES                                                                        \
    ", generate_subscripts($1, 1) AS place) w"                                                            \
    "  JOIN analytics.event_key k ON k.store_id = w.store_id AND k.key = w.key AND k.kind = w.kind"

pg::Statement select_keys(ANALYTICS_LOOK_UP, kNameParameters, pg::Search::by_index);
pg::Statement select_keys_for_update(ANALYTICS_LOOK_UP " ORDER BY w.place FOR UPDATE OF k", kNameParameters,
                                     pg::Search::by_index);

constexpr std::array<Oid, 10> kKeyParameters = {TEXTARRAYOID,        TEXTARRAYOID, CHARARRAYOID,        TEXTARRAYOID,
                                                TEXTARRAYOID,        INT4ARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID,
                                                TIMESTAMPTZARRAYOID, INT4ARRAYOID};

// Rows are inserted, and returned, in the arrays' order.
pg::Statement insert_keys(
    "INSERT INTO analytics.event_key (store_id, key, kind, order_id, event_id, sent_revision, updated_at, revision,"
    "                                 occurred_at, lines) " ANALYTICS_KEY_NAMES
    ", unnest($4), unnest($5), unnest($6), unnest($7), unnest($8), unnest($9), unnest($10)"
    " ON CONFLICT DO NOTHING RETURNING store_id, key, kind",
    kKeyParameters);

constexpr std::array<Oid, 9> kChangeParameters = {TEXTARRAYOID, TEXTARRAYOID,        CHARARRAYOID,
                                                  TEXTARRAYOID, INT4ARRAYOID,        TIMESTAMPTZARRAYOID,
                                                  INT4ARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID};

pg::Statement update_keys(
    "UPDATE analytics.event_key k"
    "   SET event_id = w.event_id, sent_revision = w.sent_revision, updated_at = w.updated_at, revision = w.revision,"
    "       occurred_at = w.occurred_at, lines = w.lines"
    "  FROM (" ANALYTICS_KEY_NAMES
    ", unnest($4) AS event_id, unnest($5) AS sent_revision, unnest($6) AS updated_at, unnest($7) AS revision,"
    "         unnest($8) AS occurred_at, unnest($9) AS lines) w"
    " WHERE k.store_id = w.store_id AND k.key = w.key AND k.kind = w.kind",
    kChangeParameters, pg::Search::by_index);

pg::Statement rewrite_keys("UPDATE analytics.event_key k SET lines = k.lines FROM (" ANALYTICS_KEY_NAMES
                           ") w WHERE k.store_id = w.store_id AND k.key = w.key AND k.kind = w.kind",
                           kNameParameters, pg::Search::by_index);

pg::Statement delete_keys("DELETE FROM analytics.event_key k USING (" ANALYTICS_KEY_NAMES
                          ") w WHERE k.store_id = w.store_id AND k.key = w.key AND k.kind = w.kind",
                          kNameParameters, pg::Search::by_index);

#undef ANALYTICS_LOOK_UP
#undef ANALYTICS_KEY_NAMES

// The three arrays of names; name(i) is the i-th.
struct NameArrays {
    Datum stores, keys, kinds;
};

template <typename Name>
NameArrays name_arrays(std::size_t size, Name&& name) {
    return {pg::text_array(size, [&](std::size_t i) { return name(i).store_id; }),
            pg::text_array(size, [&](std::size_t i) { return name(i).key; }),
            pg::char_array(size, [&](std::size_t i) { return name(i).kind; })};
}

NameArrays name_arrays(std::span<const KeyName> names) {
    return name_arrays(names.size(), [&](std::size_t i) -> const KeyName& { return names[i]; });
}

void execute_for(pg::Statement& statement, std::span<const KeyName> names) {
    if (names.empty()) {
        return;
    }
    const NameArrays arrays = pg::protect([&] { return name_arrays(names); });
    statement.execute({arrays.stores, arrays.keys, arrays.kinds});
}

using OptionalText = std::optional<std::string_view>;

OptionalText event_id_column(const KeyName& name, const Event& event) {
    return name.kind == kOrderKind ? OptionalText(event.event_id) : OptionalText();
}

std::optional<TimestampTz> updated_at_column(const Event& event) {
    return event.updated_at ? std::optional(pg::to_timestamp(*event.updated_at)) : std::nullopt;
}

std::vector<std::optional<StandingKey>> read_keys(pg::Statement& statement, std::span<const KeyName> names,
                                                  pg::Access access) {
    std::vector<std::optional<StandingKey>> found(names.size());
    if (names.empty()) {
        return found;
    }
    const NameArrays arrays = pg::protect([&] { return name_arrays(names); });
    const auto rows = statement.execute({arrays.stores, arrays.keys, arrays.kinds}, access);
    for (std::uint64_t i = 0; i < rows.size(); ++i) {
        const pg::Row row = rows[i];
        StandingKey key;
        key.is_alias = row.boolean(2);
        key.version.revision = row.int4(3);
        if (const auto updated_at = row.optional_timestamp(4)) {
            key.version.updated_at = pg::from_timestamp(*updated_at);
        }
        key.revision = row.int4(5);
        key.event_id = row.text(6);
        key.occurred_at = pg::from_timestamp(row.timestamp(7));
        key.lines = row.int4(8);
        found[static_cast<std::size_t>(row.int4(1)) - 1] = std::move(key);
    }
    return found;
}

}  // namespace

std::vector<std::optional<StandingKey>> look_up_keys(std::span<const KeyName> names, pg::Access access) {
    return read_keys(select_keys, names, access);
}

std::vector<std::optional<StandingKey>> lock_keys(std::span<const KeyName> names) {
    return read_keys(select_keys_for_update, names, pg::Access::write);
}

void claim_keys(const std::vector<Event>& events, Plan& plan) {
    const std::size_t size = plan.claims.size();
    if (size == 0) {
        return;
    }
    const auto event_of = [&](std::size_t i) -> const Event& {
        const Claim& claim = plan.claims[i];
        return events[claim.is_alias() ? claim.alias_of : claim.latest];
    };
    const auto is_alias = [&](std::size_t i) { return plan.claims[i].is_alias(); };
    std::array<Datum, 7> columns{};
    const NameArrays names = pg::protect([&] {
        columns = {
            pg::text_array(size, [&](std::size_t i) { return is_alias(i) ? event_of(i).order_id : OptionalText(); }),
            pg::text_array(size, [&](std::size_t i) { return event_id_column(plan.claims[i].name, event_of(i)); }),
            pg::int4_array(size, [&](std::size_t i) { return is_alias(i) ? 1 : event_of(i).revision; }),
            pg::timestamp_array(size,
                                [&](std::size_t i) {
                                    return is_alias(i) ? std::optional<TimestampTz>() : updated_at_column(event_of(i));
                                }),
            pg::int4_array(size, [&](std::size_t i) { return is_alias(i) ? 1 : event_of(i).revision; }),
            pg::timestamp_array(size, [&](std::size_t i) { return pg::to_timestamp(event_of(i).occurred_at); }),
            pg::int4_array(size, [&](std::size_t i) {
                return is_alias(i) ? 0 : static_cast<std::int32_t>(event_of(i).lines.size());
            })};
        return name_arrays(size, [&](std::size_t i) -> const KeyName& { return plan.claims[i].name; });
    });
    const auto rows = insert_keys.execute({names.stores, names.keys, names.kinds, columns[0], columns[1], columns[2],
                                           columns[3], columns[4], columns[5], columns[6]});
    // what was inserted is a subsequence of the claims
    std::uint64_t next = 0;
    for (Claim& claim : plan.claims) {
        if (rows.size() == size) {
            claim.is_new = true;
        } else if (next < rows.size()) {
            const pg::Row row = rows[next];
            claim.is_new = row.text(2) == claim.name.key && row.text(1) == claim.name.store_id &&
                           DatumGetChar(*row.datum(3)) == claim.name.kind;
            next += claim.is_new ? 1 : 0;
        }
    }
    if (rows.size() != size && next != rows.size()) {
        throw Error(Code::internal, "keys were not claimed in order");
    }
}

void change_keys(std::span<const KeyChange> changes) {
    const std::size_t size = changes.size();
    if (size == 0) {
        return;
    }
    std::array<Datum, 6> columns{};
    const NameArrays names = pg::protect([&] {
        columns = {
            pg::text_array(size, [&](std::size_t i) { return event_id_column(changes[i].name, *changes[i].event); }),
            pg::int4_array(size, [&](std::size_t i) { return changes[i].event->revision; }),
            pg::timestamp_array(size, [&](std::size_t i) { return updated_at_column(*changes[i].event); }),
            pg::int4_array(size, [&](std::size_t i) { return changes[i].revision; }),
            pg::timestamp_array(size, [&](std::size_t i) { return pg::to_timestamp(changes[i].event->occurred_at); }),
            pg::int4_array(size,
                           [&](std::size_t i) { return static_cast<std::int32_t>(changes[i].event->lines.size()); })};
        return name_arrays(size, [&](std::size_t i) -> const KeyName& { return changes[i].name; });
    });
    const auto done = update_keys.execute({names.stores, names.keys, names.kinds, columns[0], columns[1], columns[2],
                                           columns[3], columns[4], columns[5]});
    if (done.processed() != size) {
        throw Error(Code::internal, "a key that was locked is gone");
    }
}

void release_keys(std::span<const KeyName> names) { execute_for(delete_keys, names); }

void touch_keys(std::span<const KeyName> names) { execute_for(rewrite_keys, names); }

}  // namespace analytics::ingest
