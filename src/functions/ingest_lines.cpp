#include "functions/ingest_lines.hpp"

#include <array>
#include <optional>

namespace analytics::ingest {
namespace {

constexpr std::array<Oid, 5> kVersionParameters = {TEXTARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, INT4ARRAYOID,
                                                   TEXTARRAYOID};

constexpr int kPlace = 1;
constexpr int kPartition = 2;

// Purchases of different orders may share an event_id: each is known by its order.
pg::Statement read_lines(
    "SELECT w.place, e.tableoid, e.*"
    "  FROM (SELECT unnest($1) AS store_id, unnest($2) AS occurred_at, unnest($3) AS event_id, unnest($4) AS revision,"
    "               unnest($5) AS known_by, generate_subscripts($1, 1) AS place) w"
    "  JOIN analytics.event e ON e.store_id = w.store_id AND e.occurred_at = w.occurred_at"
    "                        AND e.event_id = w.event_id AND e.revision = w.revision AND e.sign = 1"
    " WHERE w.known_by IS NOT DISTINCT FROM CASE WHEN e.event_type = 'purchase' THEN e.order_id END"
    " ORDER BY w.place, e.line",
    kVersionParameters, pg::Search::by_index);

}  // namespace

StandingLines::StandingLines(std::span<const StandingVersion> versions, pg::Access access)
    : first_(versions.size() + 1, 0) {
    const std::size_t size = versions.size();
    if (size == 0) {
        return;
    }
    using OptionalText = std::optional<std::string_view>;
    std::array<Datum, 5> columns{};
    pg::protect([&] {
        columns = {
            pg::text_array(size, [&](std::size_t i) { return versions[i].name.store_id; }),
            pg::timestamp_array(size, [&](std::size_t i) { return pg::to_timestamp(versions[i].key->occurred_at); }),
            pg::text_array(size, [&](std::size_t i) { return std::string_view(versions[i].key->event_id); }),
            pg::int4_array(size, [&](std::size_t i) { return versions[i].key->revision; }),
            pg::text_array(size, [&](std::size_t i) {
                const KeyName& name = versions[i].name;
                return name.kind == kOrderKind ? OptionalText(name.key) : OptionalText();
            })};
    });
    rows_.emplace(read_lines.execute({columns[0], columns[1], columns[2], columns[3], columns[4]}, access));
    for (std::uint64_t i = 0; i < rows_->size(); ++i) {
        ++first_[static_cast<std::size_t>((*rows_)[i].int4(kPlace))];
    }
    for (std::size_t i = 1; i <= size; ++i) {
        first_[i] += first_[i - 1];
    }
}

Oid StandingLines::partition(const pg::Row& row) { return DatumGetObjectId(*row.datum(kPartition)); }

}  // namespace analytics::ingest
