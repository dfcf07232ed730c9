#include "core/rest/statement.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "core/rest/read_sql.hpp"

namespace analytics::rest {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kRow = "_postgrest_t";

void write_json(SqlText& sql, std::string_view what, bool strip, bool first_alone) {
    sql << "COALESCE(" << (strip ? "pg_catalog.json_strip_nulls(" : "") << "pg_catalog.json_agg(" << what << ")"
        << (first_alone ? "->0" : "") << (strip ? ")" : "") << ", '" << (first_alone ? "null" : "[]") << "')";
}

// The names of the columns, empty where there are no rows.
constexpr std::string_view kCsvHeader =
    "(SELECT COALESCE(pg_catalog.string_agg(a.k, ','), '') FROM (SELECT pg_catalog.json_object_keys(r)::text AS k"
    " FROM (SELECT pg_catalog.row_to_json(hh) AS r FROM pgrst_source AS hh LIMIT 1) s) a)";

void write_csv(SqlText& sql) {
    sql << kCsvHeader
        << " || E'\\n' || "
           "COALESCE(pg_catalog.string_agg(pg_catalog.substring(_postgrest_t::text, 2, "
           "pg_catalog.length(_postgrest_t::text)"
           " - 2), E'\\n'), '')";
}

// What a handler makes of `what`, rows or values.
void write_handled(SqlText& sql, const Output& output, std::string_view what, bool scalar) {
    if (output.handler == nullptr) {
        sql << what;
    } else {
        sql.name(output.handler->aggregate) << "(" << what;
        if (!scalar && !output.handler->relation.name.empty()) {
            sql << "::";
            sql.name(output.handler->relation);
        }
        sql << ")";
    }
    sql << (output.media.binary ? "::pg_catalog.bytea" : "::text");
}

// `function`: whose rows these are, null of relations.
void write_body(SqlText& sql, const Output& output, const Function* function) {
    const bool scalar = function != nullptr && function->kind != Function::Kind::composite;
    const std::string what = scalar ? "_postgrest_t.pgrst_scalar" : std::string(kRow);
    switch (output.format) {
        case Format::array:
            write_json(sql, what, output.strip_nulls, function != nullptr && !function->is_set);
            break;
        case Format::object:
            write_json(sql, what, output.strip_nulls, true);
            break;
        case Format::csv:
            write_csv(sql);
            break;
        case Format::geojson:
            sql << "pg_catalog.json_build_object('type', 'FeatureCollection', 'features',"
                   " COALESCE(pg_catalog.json_agg(ST_AsGeoJSON(_postgrest_t)::json), '[]'))";
            break;
        case Format::handled:
            write_handled(sql, output, what, scalar);
            return;
        case Format::nothing:
            sql << "''";
            break;
    }
    sql << "::text";
}

struct Ending {
    std::string_view inserted = "NULL::integer";
    const std::vector<std::string>* key = nullptr;  // of a row's location
};

void write_outcome(SqlText& sql, const Output& output, const Function* function, const Ending& ending) {
    const std::string_view rows =
        function != nullptr && !function->is_set ? "1::bigint"sv : "pg_catalog.count(_postgrest_t)"sv;
    sql << "SELECT ";
    switch (output.total) {
        case Output::Total::none:
            sql << "NULL::bigint";
            break;
        case Output::Total::page:
            sql << rows;
            break;
        case Output::Total::counted:
            sql << "(SELECT pg_catalog.count(*) FROM pgrst_source_count)";
            break;
    }
    sql << ", " << rows << ", ";
    write_body(sql, output, function);
    sql << ", NULLIF(pg_catalog.current_setting('response.headers', true), '')"
           ", NULLIF(pg_catalog.current_setting('response.status', true), ''), "
        << ending.inserted << ", ";
    if (ending.key == nullptr) {
        sql << "NULL::text[]";
        return;
    }
    sql << "CASE WHEN pg_catalog.count(_postgrest_t) = 1 THEN (SELECT pg_catalog.array_agg(j.key || '=' || "
           "COALESCE('eq.' || j.value, 'is.null')) FROM (SELECT pg_catalog.row_to_json(s) AS r FROM pgrst_source s "
           "LIMIT 1) d"
           " CROSS JOIN pg_catalog.json_each_text(d.r) j WHERE j.key = ANY (";
    sql.value(array_text(*ending.key)) << "::text[])) END";
}

void write_counted_source(SqlText& sql, const ReadNode& node, const Output& output) {
    if (output.total != Output::Total::counted) {
        return;
    }
    sql << ", pgrst_source_count AS (";
    write_count(sql, node);
    if (output.count_limit > 0) {
        sql << " LIMIT ";
        sql.value(std::to_string(output.count_limit)) << "::bigint";
    }
    sql << ")";
}

// ---- bodies ----

void write_columns(SqlText& sql, const std::vector<const Column*>& columns, std::string_view prefix) {
    for (const Column* const column : columns) {
        sql << (column == columns.front() ? "" : ", ") << prefix;
        sql.name(column->name);
    }
}

// A column of a payload's rows.
struct PayloadColumn {
    std::string name;
    std::string type;            // as JSON's value is read
    const Name* read = nullptr;  // the function that makes the column's value of that; null: it is that
};

// A column's default among the payload's values, as a client would have sent it.
void write_default(SqlText& sql, const Column& column) {
    const bool represented =
        !column.representation.from_json.name.empty() && !column.representation.to_json.name.empty();
    sql.literal(column.name) << ", ";
    if (represented) {
        sql.name(column.representation.to_json) << "((" << column.default_sql << ")::" << column.type << ")";
    } else {
        sql << column.default_sql;
    }
}

// FROM that yields the payload's rows as pgrst_body, one column for each name.
void write_payload(SqlText& sql, const Payload& payload, const std::vector<PayloadColumn>& columns,
                   const std::vector<const Column*>& defaults, bool with_defaults, bool one) {
    const std::string_view type = with_defaults ? "jsonb" : "json";
    sql << "FROM (SELECT ";
    sql.value(payload.json) << "::" << type << " AS json_data) pgrst_payload, ";
    std::string_view data = "pgrst_payload.json_data";
    if (with_defaults) {
        data = "pgrst_defaults.val";
        const auto write_defaults = [&] {
            sql << "pg_catalog.jsonb_build_object(";
            bool first = true;
            for (const Column* const column : defaults) {
                if (!column->default_sql.empty()) {
                    sql << (std::exchange(first, false) ? "" : ", ");
                    write_default(sql, *column);
                }
            }
            sql << ")";
        };
        sql << "LATERAL (SELECT ";
        if (payload.is_object) {
            write_defaults();
            sql << " || pgrst_payload.json_data AS val";
        } else {
            sql << "pg_catalog.jsonb_agg(";
            write_defaults();
            sql << " || elem) AS val FROM pg_catalog.jsonb_array_elements(pgrst_payload.json_data) elem";
        }
        sql << ") pgrst_defaults, ";
    }
    sql << "LATERAL (SELECT ";
    if (columns.empty()) {
        sql << "1 FROM ";
        if (payload.is_object) {
            sql << "(VALUES (1)) _";
        } else {
            sql << "pg_catalog." << type << "_array_elements(" << data << ") _";
        }
    } else {
        for (const PayloadColumn& column : columns) {
            sql << (&column == &columns.front() ? "" : ", ");
            if (column.read != nullptr) {
                sql.name(*column.read) << "(";
                sql.name(column.name) << ") AS ";
            }
            sql.name(column.name);
        }
        sql << " FROM pg_catalog." << type << (payload.is_object ? "_to_record(" : "_to_recordset(") << data
            << ") AS _(";
        for (const PayloadColumn& column : columns) {
            sql << (&column == &columns.front() ? "" : ", ");
            sql.name(column.name) << " " << column.type;
        }
        sql << ")" << (one ? " LIMIT 1" : "");
    }
    sql << ") pgrst_body";
}

std::vector<PayloadColumn> typed(const std::vector<const Column*>& columns) {
    std::vector<PayloadColumn> typed;
    typed.reserve(columns.size());
    for (const Column* const column : columns) {
        const Name& read = column->representation.from_json;
        typed.push_back(read.name.empty() ? PayloadColumn{column->name, column->full_type}
                                          : PayloadColumn{column->name, "pg_catalog.json", &read});
    }
    return typed;
}

// ---- writes ----

// What is true, and notes that a row was inserted or (conflict) was there already: ON CONFLICT tells it nobody.
constexpr std::string_view kInserted =
    "pg_catalog.set_config('pgrst.inserted', (COALESCE(NULLIF(pg_catalog.current_setting('pgrst.inserted', true), "
    "'')::int, 0)"
    " + 1)::text, true) <> '0'";
constexpr std::string_view kWasThere =
    "pg_catalog.set_config('pgrst.inserted', (COALESCE(NULLIF(pg_catalog.current_setting('pgrst.inserted', true), "
    "'')::int, 0)"
    " - 1)::text, true) <> '-1'";
constexpr std::string_view kCountInserted = "NULLIF(pg_catalog.current_setting('pgrst.inserted', true), '')::integer";

void write_where(SqlText& sql, const std::vector<Condition>& conditions, const ReadNode& node,
                 std::string_view before) {
    for (const Condition& condition : conditions) {
        sql << (&condition == &conditions.front() ? before : " AND "sv);
        write_condition(sql, condition, node);
    }
}

void write_returning(SqlText& sql, const Write& write) {
    sql << " RETURNING ";
    if (write.returning.empty()) {
        sql << "1";
    }
    for (const std::string& column : write.returning) {
        sql << (&column == &write.returning.front() ? "" : ", ");
        sql.name(write.relation->name) << ".";
        if (column == "*") {
            sql << "*";
        } else {
            sql.name(column);
        }
    }
}

bool merges(const Write& write) {
    return write.kind == Write::Kind::put || write.resolution == Write::Resolution::merge;
}

void write_insert(SqlText& sql, const Write& write) {
    sql << "INSERT INTO ";
    sql.name(write.relation->name);
    if (!write.columns.empty()) {
        sql << "(";
        write_columns(sql, write.columns, "");
        sql << ")";
    }
    sql << " SELECT ";
    write_columns(sql, write.columns, "pgrst_body.");
    sql << " ";
    write_payload(sql, *write.payload, typed(write.columns), write.columns, write.defaults, false);
    if (merges(write)) {
        sql << " WHERE " << kInserted;
        ReadNode body;
        body.relation = write.relation;
        body.alias = "pgrst_body";
        write_where(sql, write.conditions, body, " AND ");
    }
    if ((write.resolution != Write::Resolution::none || write.kind == Write::Kind::put) && !write.conflict.empty()) {
        sql << " ON CONFLICT(";
        for (const std::string& column : write.conflict) {
            sql << (&column == &write.conflict.front() ? "" : ", ");
            sql.name(column);
        }
        sql << ") DO ";
        if (!merges(write) || write.columns.empty()) {
            sql << "NOTHING";
        } else {
            sql << "UPDATE SET ";
            for (const Column* const column : write.columns) {
                sql << (column == write.columns.front() ? "" : ", ");
                sql.name(column->name) << " = EXCLUDED.";
                sql.name(column->name);
            }
            sql << " WHERE " << kWasThere;
        }
    }
    write_returning(sql, write);
}

void write_update(SqlText& sql, const Write& write, const ReadNode& target) {
    if (write.columns.empty()) {  // nothing to set: no rows, but their columns
        sql << "SELECT ";
        if (write.returning.empty()) {
            sql << "NULL";
        }
        for (const std::string& column : write.returning) {
            sql << (&column == &write.returning.front() ? "" : ", ");
            sql.name(write.relation->name.name) << ".";
            if (column == "*") {
                sql << "*";
            } else {
                sql.name(column);
            }
        }
        sql << " FROM ";
        sql.name(write.relation->name) << " WHERE false";
        return;
    }
    sql << "UPDATE ";
    sql.name(write.relation->name) << " SET ";
    for (const Column* const column : write.columns) {
        sql << (column == write.columns.front() ? "" : ", ");
        sql.name(column->name) << " = pgrst_body.";
        sql.name(column->name);
    }
    sql << " ";
    write_payload(sql, *write.payload, typed(write.columns), write.columns, write.defaults, false);
    write_where(sql, write.conditions, target, " WHERE ");
    write_returning(sql, write);
}

// ---- calls ----

void write_argument(SqlText& sql, const Call& call, const Parameter& parameter) {
    std::vector<std::string> values;
    for (const auto& [name, value] : call.arguments) {
        if (name == parameter.name) {
            values.push_back(value);
        }
    }
    sql << (parameter.variadic ? "VARIADIC " : "");
    sql.name(parameter.name) << " := ";
    sql.value(parameter.variadic ? array_text(values) : values.back()) << "::" << parameter.cast_type;
}

void write_call_of(SqlText& sql, const Call& call) {
    sql.name(call.function->name) << "(";
    if (call.takes_body && call.payload != nullptr) {
        sql.value(call.payload->json) << "::" << call.function->parameters.front().cast_type;
    } else {
        for (const Parameter* const parameter : call.parameters) {
            sql << (parameter == call.parameters.front() ? "" : ", ");
            if (call.payload == nullptr) {
                write_argument(sql, call, *parameter);
            } else {
                sql << (parameter->variadic ? "VARIADIC " : "");
                sql.name(parameter->name) << " := pgrst_body.";
                sql.name(parameter->name);
            }
        }
    }
    sql << ")";
}

void write_call(SqlText& sql, const Call& call) {
    sql << "SELECT ";
    if (call.is_scalar()) {
        sql << "pgrst_call.pgrst_scalar";
    } else if (call.returning.empty() || call.returning.front() == "*") {
        sql << "pgrst_call.*";
    } else {
        for (const std::string& column : call.returning) {
            sql << (&column == &call.returning.front() ? "pgrst_call." : ", pgrst_call.");
            sql.name(column);
        }
    }
    sql << " ";
    const bool from_body = call.payload != nullptr && !call.takes_body && !call.parameters.empty();
    if (from_body) {
        std::vector<PayloadColumn> columns;
        for (const Parameter* const parameter : call.parameters) {
            columns.push_back({parameter->name, parameter->cast_type});
        }
        write_payload(sql, *call.payload, columns, {}, false, true);
    }
    sql << (from_body ? ", LATERAL " : "FROM ") << (call.is_scalar() ? "(SELECT " : "");
    write_call_of(sql, call);
    sql << (call.is_scalar() ? " AS pgrst_scalar) pgrst_call" : " pgrst_call");
}

void collect(std::set<std::string>& columns, const Condition& condition) {
    if (condition.kind == Condition::Kind::filter) {
        columns.insert(condition.filter.field.name);
    }
    for (const Condition& part : condition.parts) {
        collect(columns, part);
    }
}

}  // namespace

SqlText read_statement(const ReadNode& node, const Output& output) {
    SqlText sql;
    sql << "WITH pgrst_source AS (";
    write_read(sql, node);
    sql << ")";
    write_counted_source(sql, node, output);
    sql << " ";
    write_outcome(sql, output, nullptr, {});
    sql << " FROM (SELECT * FROM pgrst_source) _postgrest_t";
    return sql;
}

SqlText write_statement(const Write& write, const ReadNode& node, const Output& output) {
    ReadNode target;  // names of columns as the written relation has them
    target.relation = write.relation;
    target.alias = write.relation->name.name;
    SqlText sql;
    sql << "WITH pgrst_source AS (";
    switch (write.kind) {
        case Write::Kind::insert:
        case Write::Kind::put:
            write_insert(sql, write);
            break;
        case Write::Kind::update:
            write_update(sql, write, target);
            break;
        case Write::Kind::remove:
            sql << "DELETE FROM ";
            sql.name(write.relation->name);
            write_where(sql, write.conditions, target, " WHERE ");
            write_returning(sql, write);
            break;
    }
    sql << ") ";
    Ending ending;
    ending.inserted = merges(write) ? kCountInserted : "NULL::integer"sv;
    ending.key = write.location ? &write.relation->primary_key : nullptr;
    write_outcome(sql, output, nullptr, ending);
    sql << " FROM (";
    if (output.format == Format::nothing) {
        sql << "SELECT * FROM pgrst_source";
    } else {
        write_read(sql, node);
    }
    sql << ") _postgrest_t";
    return sql;
}

SqlText call_statement(const Call& call, const ReadNode& node, const Output& output) {
    SqlText sql;
    sql << "WITH pgrst_source AS (";
    write_call(sql, call);
    sql << ")";
    write_counted_source(sql, node, output);
    sql << " ";
    write_outcome(sql, output, call.function, {});
    sql << " FROM (";
    write_read(sql, node);
    sql << ") _postgrest_t";
    return sql;
}

// A row's text in parentheses is computed once, below a window function that keeps the two levels apart.
SqlText read_lines_statement(const ReadNode& node) {
    SqlText sql;
    sql << "SELECT l.header, pg_catalog.substring(l.line, 2, pg_catalog.length(l.line) - 2)"
           " FROM (SELECT CASE WHEN pg_catalog.row_number() OVER () = 1 THEN"
           " (SELECT pg_catalog.string_agg(k, ',') FROM pg_catalog.json_object_keys("
           "pg_catalog.row_to_json(_postgrest_t)) k) END AS header, _postgrest_t::text AS line FROM (";
    write_read(sql, node);
    sql << ") _postgrest_t) l";
    return sql;
}

// The header is that of what the function yields, be it all filtered out.
SqlText call_lines_statement(const Call& call, const ReadNode& node) {
    SqlText sql;
    sql << "WITH pgrst_source AS (";
    write_call(sql, call);
    sql << ") SELECT " << kCsvHeader
        << " AS header, NULL::text AS line"
           " UNION ALL SELECT NULL, pg_catalog.substring(l.line, 2, pg_catalog.length(l.line) - 2)"
           " FROM (SELECT _postgrest_t::text AS line FROM (";
    write_read(sql, node);
    sql << ") _postgrest_t OFFSET 0) l";
    return sql;
}

SqlText explain_statement(const ReadNode& node) {
    SqlText sql;
    sql << "EXPLAIN (FORMAT JSON) ";
    write_count(sql, node);
    return sql;
}

std::vector<std::string> needed_columns(const ReadNode& node, const std::vector<std::string>& primary_key) {
    std::set<std::string> columns(primary_key.begin(), primary_key.end());
    if (node.items.empty() && node.children.empty()) {
        return {"*"};
    }
    for (const SelectItem& item : node.items) {
        if (item.kind == SelectItem::Kind::star) {
            return {"*"};
        }
        columns.insert(item.field.name);
    }
    for (const ReadNode& child : node.children) {
        if (child.link->cardinality == Relationship::Cardinality::computed) {
            return {"*"};
        }
        for (const auto& [mine, theirs] : child.link->columns) {
            columns.insert(mine);
        }
    }
    for (const OrderTerm& term : node.order) {
        if (term.relation.empty()) {
            columns.insert(term.field.name);
        }
    }
    std::set<std::string> filtered;
    for (const Condition& condition : node.conditions) {
        collect(filtered, condition);
    }
    for (const ReadNode& child : node.children) {
        filtered.erase(child.name);  // a filter on what is embedded
    }
    columns.merge(filtered);
    columns.erase("");
    return {columns.begin(), columns.end()};
}

}  // namespace analytics::rest
