#include "functions/session_writer.hpp"

#include "core/json.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "functions/cell_writer.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "pg/rows.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "utils/date.h"
}

namespace analytics::cell_pass {
namespace {

struct ColumnType {
    const char* name;
    Oid type;
};

TupleDesc columns_of(std::span<const ColumnType> types) {
    return pg::protect([&] {
        TupleDesc const columns = CreateTemplateTupleDesc(static_cast<int>(types.size()));
        AttrNumber at = 0;
        for (const ColumnType& column : types) {
            TupleDescInitEntry(columns, ++at, column.name, column.type, -1, 0);
        }
        return columns;
    });
}

constexpr std::array kProbeColumns = {ColumnType{"store_id", TEXTOID}, ColumnType{"key", TEXTOID},
                                      ColumnType{"from_at", TIMESTAMPTZOID}, ColumnType{"to_at", TIMESTAMPTZOID}};

// sign, stands, what session_columns() names, known.
constexpr std::array kChangeColumns = {ColumnType{"sign", INT4OID},
                                       ColumnType{"stands", BOOLOID},
                                       ColumnType{"store_id", TEXTOID},
                                       ColumnType{"key", TEXTOID},
                                       ColumnType{"started_at", TIMESTAMPTZOID},
                                       ColumnType{"ended_at", TIMESTAMPTZOID},
                                       ColumnType{"events", INT8OID},
                                       ColumnType{"orders", INT8OID},
                                       ColumnType{"views", INT8OID},
                                       ColumnType{"carts", INT8OID},
                                       ColumnType{"checkouts", INT8OID},
                                       ColumnType{"cart_values", JSONBOID},
                                       ColumnType{"channel", TEXTOID},
                                       ColumnType{"channel_at", TIMESTAMPTZOID},
                                       ColumnType{"country", TEXTOID},
                                       ColumnType{"country_at", TIMESTAMPTZOID},
                                       ColumnType{"device", TEXTOID},
                                       ColumnType{"device_at", TIMESTAMPTZOID},
                                       ColumnType{"currency", TEXTOID},
                                       ColumnType{"currency_at", TIMESTAMPTZOID},
                                       ColumnType{"known", BOOLOID}};

constexpr std::array kDayColumns = {
    ColumnType{"store_id", TEXTOID},     ColumnType{"bucket", DATEOID},         ColumnType{"channel", TEXTOID},
    ColumnType{"country", TEXTOID},      ColumnType{"device", TEXTOID},         ColumnType{"currency", TEXTOID},
    ColumnType{"sessions", INT8OID},     ColumnType{"bounces", INT8OID},        ColumnType{"events", INT8OID},
    ColumnType{"orders", INT8OID},       ColumnType{"duration", INTERVALOID},   ColumnType{"view_item", INT8OID},
    ColumnType{"add_to_cart", INT8OID},  ColumnType{"begin_checkout", INT8OID}, ColumnType{"purchase", INT8OID},
    ColumnType{"value_lost", NUMERICOID}};

Datum text_of(std::string_view value) {
    return pg::protect([&] { return pg::text_datum(value); });
}

// Currencies are three letters (a CHECK on event): nothing in them needs escaping.
Datum cart_values_datum(const cells::Session& session, const cells::Words& words) {
    std::string json = "{";
    for (const auto& [currency, value] : session.cart_values) {
        json += json.size() > 1 ? "," : "";
        json.append("\"").append(words.text(currency)).append("\":").append(value.digits());
    }
    json += "}";
    return pg::protect([&] { return pg::jsonb_datum(json); });
}

void read_cart_values(cells::Session& session, Datum stored, cells::Words& words) {
    const char* const text = pg::protect([&] {
        Jsonb* const value = DatumGetJsonbP(stored);
        return JsonbToCString(nullptr, &value->root, VARSIZE(value));
    });
    json::Document document;
    if (!document.read(text, text + std::strlen(text)) || document.root().type != json::Type::object) {
        throw Error(Code::internal, "a session's cart values are no JSON object");
    }
    session.has_cart_values = true;
    for (const json::Node& member : json::Children(document.root())) {
        session.cart_values[words.of(member.key)].add_digits(member.raw);
    }
}

}  // namespace

void SessionWriter::add(cells::Line& line) {
    const int key = pass_.columns[SessionPass::kKey];
    if (line[key].null) {
        return;
    }
    cells::SessionLine taken;
    taken.store = line.word(cells::kStore);
    taken.key = line.word(key);
    taken.gap = line[pass_.columns[SessionPass::kGap]].number;
    taken.at = line[cells::kOccurredAt].number;
    taken.day = line.buckets().day;
    taken.type = line.word(cells::kEventType);
    taken.channel = line.maybe_word(cells::kChannel);
    taken.country = line.maybe_word(cells::kCountry);
    taken.device = line.maybe_word(pass_.columns[SessionPass::kDevice]);
    taken.currency = line.word(pass_.columns[SessionPass::kCurrency]);
    taken.sign = static_cast<std::int32_t>(line[cells::kSign].number);
    taken.first_line = line[cells::kLine].number == 1;
    taken.priced = line[pass_.columns[SessionPass::kPriced]].number != 0;
    if (const cells::Value& value = line[pass_.columns[SessionPass::kCartValue]]; !value.null) {
        taken.cart_value.emplace();
        value.wide ? taken.cart_value->add_digits(value.text) : taken.cart_value->add(value.amount);
    }
    sessions_.add(std::move(taken));
}

void SessionWriter::look_up() {
    pg::Rows rows("probe", columns_of(kProbeColumns));
    pg::Memory memory("analytics session");
    for (const cells::Probe& probe : sessions_.probes()) {
        memory.inside([&] {
            std::array<Datum, 4> values = {text_of(words_.text(probe.store)), text_of(words_.text(probe.key)),
                                           TimestampTzGetDatum(probe.from), TimestampTzGetDatum(probe.to)};
            std::array<bool, 4> nulls{};
            pg::protect([&] { rows.put(values.data(), nulls.data()); });
        });
    }
    rows.show();
    const pg::Result found = run(pass_.probe);
    const auto attribute = [&](const pg::Row& row, int column) {
        cells::Attribute read;
        if (const auto text = row.optional_text(column)) {
            read = {words_.of(*text) + 1, row.timestamp(column + 1)};
        }
        return read;
    };
    for (std::uint64_t i = 0; i < found.size(); ++i) {
        memory.inside([&] {
            const pg::Row row = found[i];
            cells::Session session;
            session.store = words_.of(row.text(1));
            session.key = words_.of(row.text(2));
            session.started_at = row.timestamp(3);
            session.ended_at = row.timestamp(4);
            session.events = row.int8(5);
            session.orders = row.int8(6);
            session.views = row.int8(7);
            session.carts = row.int8(8);
            session.checkouts = row.int8(9);
            if (const auto values = row.datum(10)) {
                read_cart_values(session, *values, words_);
            }
            session.channel = attribute(row, 11);
            session.country = attribute(row, 13);
            session.device = attribute(row, 15);
            session.currency = attribute(row, 17);
            session.kept = row.boolean(19);
            session.day = row.int4(20);
            sessions_.add_merged(std::move(session));
        });
    }
}

void SessionWriter::put_changes(std::span<const cells::Change> changes, pg::Rows& rows) const {
    pg::Memory memory("analytics session");
    for (const cells::Change& change : changes) {
        memory.inside([&] {
            const cells::Session& session = *change.session;
            std::array<Datum, kChangeColumns.size()> values = {Int32GetDatum(change.sign),
                                                               BoolGetDatum(change.stands),
                                                               text_of(words_.text(session.store)),
                                                               text_of(words_.text(session.key)),
                                                               TimestampTzGetDatum(session.started_at),
                                                               TimestampTzGetDatum(session.ended_at),
                                                               Int64GetDatum(session.events),
                                                               Int64GetDatum(session.orders),
                                                               Int64GetDatum(session.views),
                                                               Int64GetDatum(session.carts),
                                                               Int64GetDatum(session.checkouts)};
            std::array<bool, kChangeColumns.size()> nulls{};
            std::size_t at = 11;
            nulls[at] = !session.has_cart_values;
            if (session.has_cart_values) {
                values[at] = cart_values_datum(session, words_);
            }
            for (const cells::Attribute* const attribute :
                 {&session.channel, &session.country, &session.device, &session.currency}) {
                nulls[++at] = attribute->value == 0;
                values[at] = nulls[at] ? 0 : text_of(words_.text(attribute->value - 1));
                nulls[at + 1] = nulls[at];
                values[at + 1] = TimestampTzGetDatum(attribute->at);
                ++at;
            }
            values[++at] = BoolGetDatum(change.known);
            pg::protect([&] { rows.put(values.data(), nulls.data()); });
        });
    }
}

void SessionWriter::put_days(std::span<const cells::Change> changes, pg::Rows& rows) const {
    pg::Memory memory("analytics session");
    const auto text = [&](cells::MaybeWord word) {
        return text_of(word == 0 ? std::string_view() : words_.text(word - 1));
    };
    for (const auto& [key, day] : cells::days_of(changes)) {
        memory.inside([&, &key = key, &day = day] {
            Interval duration{day.micros, static_cast<std::int32_t>(day.days), 0};
            std::array<Datum, kDayColumns.size()> values = {text_of(words_.text(key.store)),
                                                            DateADTGetDatum(static_cast<DateADT>(key.day)),
                                                            text(key.channel),
                                                            text(key.country),
                                                            text(key.device),
                                                            text(key.currency),
                                                            Int64GetDatum(day.sessions),
                                                            Int64GetDatum(day.bounces),
                                                            Int64GetDatum(day.events),
                                                            Int64GetDatum(day.orders),
                                                            IntervalPGetDatum(&duration),
                                                            Int64GetDatum(day.view_item),
                                                            Int64GetDatum(day.add_to_cart),
                                                            Int64GetDatum(day.begin_checkout),
                                                            Int64GetDatum(day.purchase),
                                                            amount_datum(day.value_lost)};
            std::array<bool, kDayColumns.size()> nulls{};
            nulls[5] = key.currency == 0;
            pg::protect([&] { rows.put(values.data(), nulls.data()); });
        });
    }
}

std::map<cells::Word, std::int64_t> SessionWriter::cuts() {
    static pg::Statement kCuts("SELECT store_id, before FROM analytics.retired");
    const pg::Result found = kCuts.execute();
    std::map<cells::Word, std::int64_t> cuts;
    for (std::uint64_t i = 0; i < found.size(); ++i) {
        cuts[words_.of(found[i].text(1))] = found[i].timestamp(2);
    }
    return cuts;
}

void SessionWriter::write(bool last) {
    if (sessions_.empty()) {
        return;
    }
    look_up();
    const std::vector<cells::Change> changes = last ? sessions_.changes() : sessions_.changes_of_portion(cuts());
    changed_ += static_cast<std::int64_t>(changes.size());
    if (!changes.empty()) {
        pg::Rows changed("changed", columns_of(kChangeColumns));
        pg::Rows days("changed_day", columns_of(kDayColumns));
        put_changes(changes, changed);
        put_days(changes, days);
        changed.show();
        days.show();
        // A plan that is made while the table is empty reads it whole for each row, and is kept: so these two run first
        // when there is something for them to find.
        if (std::ranges::any_of(changes,
                                [](const cells::Change& change) { return change.sign < 0 && !change.stands; })) {
            run(pass_.gone);
        }
        if (std::ranges::any_of(changes, [](const cells::Change& change) { return change.sign > 0 && change.known; })) {
            run(pass_.known);
        }
        for (Kept& statement : pass_.writes) {
            run(statement);
        }
    }
    sessions_.clear();
}

std::int64_t SessionWriter::finish(Datum merged, Datum seen) {
    const auto& left = sessions_.left();
    if (!left.empty()) {
        static constexpr std::array kTypes = {Oid{TEXTARRAYOID}, Oid{TEXTARRAYOID}, Oid{PG_SNAPSHOTOID},
                                              Oid{PG_SNAPSHOTOID}};
        static pg::Statement kLost("SELECT analytics.merge_lost_sessions($1, $2, $3, $4)", kTypes);
        const auto array = [&](auto&& part) {
            return pg::protect([&] {
                return pg::text_array(left.size(), [&](std::size_t i) { return std::string_view(part(left[i])); });
            });
        };
        const Datum stores = array([](const auto& pair) -> const std::string& { return pair.first; });
        const Datum keys = array([](const auto& pair) -> const std::string& { return pair.second; });
        changed_ += kLost.execute({stores, keys, merged, seen})[0].int8(1);
    }
    return changed_;
}

}  // namespace analytics::cell_pass
