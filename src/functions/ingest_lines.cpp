#include "functions/ingest_lines.hpp"

#include <algorithm>
#include <array>
#include <compare>
#include <string_view>
#include <tuple>

namespace analytics::ingest {
namespace {

constexpr std::array<Oid, 6> kParameters = {TEXTARRAYOID,        TIMESTAMPTZARRAYOID, TEXTARRAYOID,
                                            TIMESTAMPTZARRAYOID, TEXTARRAYOID,        INT4ARRAYOID};

// $1 and $2: each store and time once, to be found by index. $3 to $6: the versions. Many lines may share a time
// (orders known to the day, a batch sent without times): the CASE keeps the versions in a hash table that each line is
// held against; as a join they might be gone through for every line.
pg::Statement read_lines(
    "SELECT e.tableoid, e.*"
    "  FROM (SELECT unnest($1) AS store_id, unnest($2) AS occurred_at) w"
    "  JOIN analytics.event e ON e.store_id = w.store_id AND e.occurred_at = w.occurred_at AND e.sign = 1"
    " WHERE CASE WHEN e.sign = 1 THEN (e.store_id, e.occurred_at, e.event_id, e.revision)"
    "                              IN (SELECT unnest($3), unnest($4), unnest($5), unnest($6)) END",
    kParameters, pg::Search::by_index);

constexpr int kPartition = 1;

// What tells the lines of one version from all others. Purchases of different orders may share an event_id: each is
// known by its order.
struct LineOwner {
    std::string_view store_id;
    UnixMicros occurred_at = 0;
    std::string_view event_id;
    std::int32_t revision = 0;
    std::optional<std::string_view> order_id;

    friend auto operator<=>(const LineOwner&, const LineOwner&) = default;
};

LineOwner owner_of(const StandingVersion& version) {
    LineOwner owner{version.name.store_id, version.key->occurred_at, version.key->event_id, version.key->revision, {}};
    if (version.name.kind == kOrderKind) {
        owner.order_id = version.name.key;
    }
    return owner;
}

}  // namespace

StandingLines::StandingLines(std::span<const StandingVersion> versions, pg::Access access)
    : first_(versions.size() + 1, 0) {
    const std::size_t size = versions.size();
    if (size == 0) {
        return;
    }
    using StoreTime = std::pair<std::string_view, UnixMicros>;
    std::vector<StoreTime> times;
    times.reserve(size);
    for (const StandingVersion& version : versions) {
        times.emplace_back(version.name.store_id, version.key->occurred_at);
    }
    std::sort(times.begin(), times.end());
    times.erase(std::unique(times.begin(), times.end()), times.end());

    std::array<Datum, 6> columns{};
    pg::protect([&] {
        columns = {
            pg::text_array(times.size(), [&](std::size_t i) { return times[i].first; }),
            pg::timestamp_array(times.size(), [&](std::size_t i) { return pg::to_timestamp(times[i].second); }),
            pg::text_array(size, [&](std::size_t i) { return versions[i].name.store_id; }),
            pg::timestamp_array(size, [&](std::size_t i) { return pg::to_timestamp(versions[i].key->occurred_at); }),
            pg::text_array(size, [&](std::size_t i) { return std::string_view(versions[i].key->event_id); }),
            pg::int4_array(size, [&](std::size_t i) { return versions[i].key->revision; })};
    });
    rows_.emplace(read_lines.execute({columns[0], columns[1], columns[2], columns[3], columns[4], columns[5]}, access));
    arrange(versions);
    if (access == pg::Access::write && IsolationUsesXactSnapshot()) {
        require_all(versions);
    }
}

// Lines that were written again, in another partition, after the transaction's snapshot was taken are out of its sight.
void StandingLines::require_all(std::span<const StandingVersion> versions) const {
    for (std::size_t i = 0; i < versions.size(); ++i) {
        if (count(i) != static_cast<std::size_t>(versions[i].key->lines)) {
            pg::fail(ERRCODE_T_R_SERIALIZATION_FAILURE, "the event's lines are not in this transaction's snapshot",
                     "Event \"" + versions[i].key->event_id + "\".", "Retry the transaction.");
        }
    }
}

void StandingLines::arrange(std::span<const StandingVersion> versions) {
    if (rows_->size() == 0) {
        return;
    }
    std::vector<std::pair<LineOwner, std::size_t>> owners;
    owners.reserve(versions.size());
    for (std::size_t i = 0; i < versions.size(); ++i) {
        owners.emplace_back(owner_of(versions[i]), i);
    }
    std::sort(owners.begin(), owners.end());

    const TupleDesc columns = (*rows_)[0].columns();
    const auto column = [&](const char* name) { return SPI_fnumber(columns, name); };
    const int store_id = column("store_id"), occurred_at = column("occurred_at"), event_id = column("event_id"),
              revision = column("revision"), event_type = column("event_type"), order_id = column("order_id"),
              line = column("line");
    std::vector<std::tuple<std::size_t, std::int16_t, std::uint64_t>> places;  // version, line, row
    places.reserve(rows_->size());
    for (std::uint64_t i = 0; i < rows_->size(); ++i) {
        const pg::Row row = (*rows_)[i];
        LineOwner owner{row.text(store_id),
                        pg::from_timestamp(row.timestamp(occurred_at)),
                        row.text(event_id),
                        row.int4(revision),
                        {}};
        if (row.text(event_type) == "purchase") {
            owner.order_id = row.optional_text(order_id);
        }
        const auto found = std::lower_bound(owners.begin(), owners.end(), owner,
                                            [](const auto& known, const LineOwner& key) { return known.first < key; });
        if (found != owners.end() && found->first == owner) {
            places.emplace_back(found->second, DatumGetInt16(*row.datum(line)), i);
            ++first_[found->second + 1];
        }
    }
    std::sort(places.begin(), places.end());
    order_.reserve(places.size());
    for (const auto& place : places) {
        order_.push_back(std::get<2>(place));
    }
    for (std::size_t i = 1; i < first_.size(); ++i) {
        first_[i] += first_[i - 1];
    }
}

Oid StandingLines::partition(const pg::Row& row) { return DatumGetObjectId(*row.datum(kPartition)); }

}  // namespace analytics::ingest
