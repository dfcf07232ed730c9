#include "core/rest/read_sql.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace analytics::rest {
namespace {

constexpr std::string_view kSource = "pgrst_source";

// Of a column or a computed field; empty: not known. `base`: a domain's base type.
std::string_view type_of(const ReadNode& node, const std::string& name, bool base) {
    if (node.relation == nullptr) {
        return {};
    }
    if (const Column* const column = node.relation->find(name)) {
        return base ? column->base_type : column->type;
    }
    const auto& fields = node.relation->computed_fields;
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const ComputedField& field) { return field.function.name == name; });
    return field == fields.end() ? std::string_view() : std::string_view(field->type);
}

// How the values of a column look to clients; null: as PostgreSQL has it.
const Representation* representation_of(const ReadNode& node, const Field& field) {
    const Column* const column =
        node.relation == nullptr || !field.path.empty() ? nullptr : node.relation->find(field.name);
    return column == nullptr ? nullptr : &column->representation;
}

const Name* shown_by(const ReadNode& node, const Field& field) {
    const Representation* const representation = node.as_stored ? nullptr : representation_of(node, field);
    return representation == nullptr || representation->to_json.name.empty() ? nullptr : &representation->to_json;
}

const Name* read_by(const ReadNode& node, const Field& field) {
    const Representation* const representation = representation_of(node, field);
    return representation == nullptr || representation->from_text.name.empty() ? nullptr : &representation->from_text;
}

bool shows_represented(const ReadNode& node) {
    return node.relation != nullptr &&
           std::any_of(node.relation->columns.begin(), node.relation->columns.end(), [&](const Column& column) {
               return shown_by(node, {column.name, {}}) != nullptr;
           });
}

// count(), and not a name that was sent empty: "". That is PostgreSQL's to refuse.
template <typename Item>
bool is_bare_count(const Item& item) {
    return item.field.name.empty() && item.aggregate == Aggregate::count;
}

std::string_view function_of(Aggregate aggregate) {
    switch (aggregate) {
        case Aggregate::sum:
            return "pg_catalog.sum(";
        case Aggregate::avg:
            return "pg_catalog.avg(";
        case Aggregate::count:
            return "pg_catalog.count(";
        case Aggregate::max:
            return "pg_catalog.max(";
        case Aggregate::min:
            return "pg_catalog.min(";
        case Aggregate::none:
            break;
    }
    return "(";
}

std::string_view sign_of(Operator op) {
    switch (op) {
        case Operator::eq:
            return "=";
        case Operator::neq:
            return "<>";
        case Operator::gt:
            return ">";
        case Operator::gte:
            return ">=";
        case Operator::lt:
            return "<";
        case Operator::lte:
            return "<=";
        case Operator::like:
            return "LIKE";
        case Operator::ilike:
            return "ILIKE";
        case Operator::match:
            return "~";
        case Operator::imatch:
            return "~*";
        case Operator::isdistinct:
            return "IS DISTINCT FROM";
        case Operator::cs:
            return "@>";
        case Operator::cd:
            return "<@";
        case Operator::ov:
            return "&&";
        case Operator::sl:
            return "<<";
        case Operator::sr:
            return ">>";
        case Operator::nxr:
            return "&<";
        case Operator::nxl:
            return "&>";
        case Operator::adj:
            return "-|-";
        case Operator::fts:
            return "@@ pg_catalog.to_tsquery(";
        case Operator::plfts:
            return "@@ pg_catalog.plainto_tsquery(";
        case Operator::phfts:
            return "@@ pg_catalog.phraseto_tsquery(";
        case Operator::wfts:
            return "@@ pg_catalog.websearch_to_tsquery(";
        case Operator::in:
        case Operator::is:
            break;
    }
    return "";
}

bool is_search(Operator op) {
    return op == Operator::fts || op == Operator::plfts || op == Operator::phfts || op == Operator::wfts;
}

void write_joined(SqlText& sql, const ReadNode& child) {
    sql.name(child.joined);
    if (!child.to_one()) {
        sql << ".";
        sql.name(child.joined);
    }
}

// A filter on an embedded relation's name: whether there are such rows.
const ReadNode* embedded(const ReadNode& node, const Filter& filter) {
    const bool null = filter.op == Operator::is && (filter.value == "null" || filter.value == "not_null");
    if (!null || !filter.field.path.empty()) {
        return nullptr;
    }
    const auto child = std::find_if(node.children.begin(), node.children.end(),
                                    [&](const ReadNode& child) { return child.name == filter.field.name; });
    return child == node.children.end() ? nullptr : &*child;
}

bool wants_rows(const Filter& filter) { return filter.negated == (filter.value == "null"); }

bool is_pattern(Operator op) { return op == Operator::like || op == Operator::ilike; }

// Each of an array's elements, as the function reads it.
void write_elements(SqlText& sql, const Name& function, std::string_view array) {
    sql << "SELECT ";
    sql.name(function) << "(u.v) FROM pg_catalog.unnest(";
    sql.value(array) << "::text[]) u(v)";
}

// `read`: the function that makes a value of the filter's text; null: PostgreSQL's own.
void write_operand(SqlText& sql, const Filter& filter, const Name* read) {
    std::string value = filter.value;
    if (is_pattern(filter.op)) {
        std::replace(value.begin(), value.end(), '*', '%');
        read = nullptr;
    }
    if (filter.quantifier != Quantifier::none) {
        sql << (filter.quantifier == Quantifier::any ? "ANY (" : "ALL (");
        if (read != nullptr) {
            write_elements(sql, *read, value);
        } else {
            sql.value(value);
        }
        sql << ")";
    } else if (read != nullptr) {
        sql.name(*read) << "(";
        sql.value(value) << "::text)";
    } else {
        sql.value(value);
    }
}

void write_filter(SqlText& sql, const Filter& filter, const ReadNode& node) {
    if (filter.negated) {
        sql << "NOT ";
    }
    const bool to_vector =
        is_search(filter.op) && (type_of(node, filter.field.name, true) != "tsvector" || !filter.field.path.empty());
    sql << (filter.aggregate != Aggregate::none ? function_of(filter.aggregate)
            : to_vector                         ? "pg_catalog.to_tsvector("
                                                : "");
    if (to_vector && !filter.language.empty()) {
        sql.value(filter.language) << "::pg_catalog.regconfig, ";
    }
    if (is_bare_count(filter)) {
        sql << "*";
    } else {
        write_field(sql, filter.field, node);
    }
    sql << (filter.aggregate != Aggregate::none || to_vector ? ") " : " ") << sign_of(filter.op);
    const Name* const read = filter.aggregate == Aggregate::none ? read_by(node, filter.field) : nullptr;
    if (filter.op == Operator::is) {
        sql << "IS " << (filter.value == "not_null" ? "NOT NULL" : filter.value);  // a word that the parser knows
    } else if (filter.op == Operator::in) {
        const bool empty = filter.values.size() == 1 && filter.values.front().empty();
        const std::string array = empty ? "{}" : array_text(filter.values);
        sql << "= ANY (";
        if (read != nullptr) {
            write_elements(sql, *read, array);
        } else {
            sql.value(array);
        }
        sql << ")";
    } else if (is_search(filter.op)) {
        if (!filter.language.empty()) {
            sql.value(filter.language) << "::pg_catalog.regconfig, ";
        }
        sql.value(filter.value) << ")";
    } else {
        sql << " ";
        write_operand(sql, filter, read);
    }
}

template <typename Leaf>
void write_tree(SqlText& sql, const Condition& condition, Leaf&& leaf) {
    if (condition.kind == Condition::Kind::filter) {
        leaf(condition.filter);
        return;
    }
    sql << (condition.negated ? "NOT (" : "(");
    for (const Condition& part : condition.parts) {
        if (&part != &condition.parts.front()) {
            sql << (condition.kind == Condition::Kind::conjunction ? " AND " : " OR ");
        }
        write_tree(sql, part, leaf);
    }
    sql << ")";
}

void write_item(SqlText& sql, const SelectItem& item, const ReadNode& node) {
    const bool aggregated = item.aggregate != Aggregate::none;
    // aggregates are those of the values
    const Name* const shown = item.kind == SelectItem::Kind::column && (!aggregated || !item.cast.empty())
                                  ? shown_by(node, item.field)
                                  : nullptr;
    sql << (item.aggregate_cast.empty() ? "" : "CAST(") << (aggregated ? function_of(item.aggregate) : "");
    sql << (item.cast.empty() ? "" : "CAST(");
    if (item.kind == SelectItem::Kind::star || (item.field.name.empty() && node.spread)) {  // counted above
        sql.name(node.alias) << (item.kind == SelectItem::Kind::star ? ".*" : "");
    } else if (is_bare_count(item)) {
        sql << "*";
    } else if (shown != nullptr) {
        sql.name(*shown) << "(";
        write_field(sql, item.field, node);
        sql << ")";
    } else {
        write_field(sql, item.field, node);
    }
    if (!item.cast.empty()) {
        sql << " AS " << item.cast << ")";
    }
    sql << (aggregated ? ")" : "");
    if (!item.aggregate_cast.empty()) {
        sql << " AS " << item.aggregate_cast << ")";
    }
    if (!item.alias.empty()) {
        sql << " AS ";
        sql.name(item.alias);
    } else if (!aggregated && !item.field.path.empty()) {
        const auto key = std::find_if(item.field.path.rbegin(), item.field.path.rend(),
                                      [](const JsonStep& step) { return !step.is_index; });
        sql << " AS ";
        sql.name(key == item.field.path.rend() ? item.field.name : key->key);
    } else if (shown != nullptr && !aggregated) {
        sql << " AS ";
        sql.name(item.field.name);
    }
}

void write_spread_item(SqlText& sql, const SpreadItem& item, const ReadNode& child) {
    if (child.to_one()) {
        sql << (item.aggregate_cast.empty() ? "" : "CAST(");
        sql << (item.aggregate != Aggregate::none ? function_of(item.aggregate) : "");
        sql.name(child.joined) << ".";
        sql.name(item.name) << (item.aggregate != Aggregate::none ? ")" : "");
        if (!item.aggregate_cast.empty()) {
            sql << " AS " << item.aggregate_cast << ")";
        }
    } else {
        sql.name(child.joined) << ".";
        sql.name(item.name);
    }
    sql << " AS ";
    sql.name(item.alias);
}

void write_order_term(SqlText& sql, const OrderTerm& term, const ReadNode& node) {
    sql << (term.aggregate != Aggregate::none ? function_of(term.aggregate) : "");
    if (!term.relation.empty()) {
        ReadNode joined;
        joined.alias = term.relation;
        write_field(sql, term.field, joined);
    } else if (is_bare_count(term)) {
        sql << "*";
    } else {
        write_field(sql, term.field, node);
    }
    sql << (term.aggregate != Aggregate::none ? ")" : "") << (term.descending ? " DESC" : "");
    if (term.nulls != Nulls::unsaid) {
        sql << (term.nulls == Nulls::first ? " NULLS FIRST" : " NULLS LAST");
    }
}

void write_from(SqlText& sql, const ReadNode& node, const ReadNode* parent) {
    sql << " FROM ";
    if (node.from_source) {
        sql << kSource;
    } else if (parent != nullptr && node.link->cardinality == Relationship::Cardinality::computed) {
        sql.name(node.link->function) << "(";
        sql.name(parent->alias) << "::";
        sql.name(node.link->from) << ")";
    } else if (node.link != nullptr) {
        sql.name(node.link->to);
    } else {
        sql.name(node.relation->name);
    }
    sql << " AS ";
    sql.name(node.alias);
    if (node.link != nullptr && node.link->cardinality == Relationship::Cardinality::many_to_many) {
        sql << ", ";
        sql.name(node.link->junction) << " AS ";
        sql.name(node.alias + "_j");
    }
}

// The columns by which rows of the child are the parent's, joined by AND. False: there are none to compare.
bool write_link(SqlText& sql, const ReadNode& node, const ReadNode* parent, bool first) {
    if (parent == nullptr || node.link->cardinality == Relationship::Cardinality::computed) {
        return !first;
    }
    const bool many = node.link->cardinality == Relationship::Cardinality::many_to_many;
    const auto equal = [&](const std::string& a, const std::string& a_column, const std::string& b,
                           const std::string& b_column) {
        sql << (std::exchange(first, false) ? " WHERE " : " AND ");
        sql.name(a) << ".";
        sql.name(a_column) << " = ";
        sql.name(b) << ".";
        sql.name(b_column);
    };
    for (const auto& [mine, theirs] : node.link->columns) {
        equal(many ? node.alias + "_j" : node.alias, theirs, parent->alias, mine);
    }
    for (const auto& [mine, theirs] : node.link->second_columns) {
        equal(node.alias + "_j", mine, node.alias, theirs);
    }
    return !first;
}

void write_node(SqlText& sql, const ReadNode& node, const ReadNode* parent);

// Its name in the parent's select list: the column that holds the order of a spread list.
std::string order_name(const ReadNode& node, std::size_t number) { return node.joined + "_o" + std::to_string(number); }

void write_join(SqlText& sql, const ReadNode& child, const ReadNode& node) {
    const bool inner = child.join == Join::inner;
    sql << (inner ? " JOIN LATERAL (" : " LEFT JOIN LATERAL (");
    if (child.to_one()) {
        write_node(sql, child, &node);
        sql << ") AS ";
        sql.name(child.joined) << " ON true";
        return;
    }
    sql << "SELECT pg_catalog.json_agg(";
    sql.name(child.joined) << ")::jsonb AS ";
    sql.name(child.joined);
    if (child.spread) {
        for (const SpreadItem& item : child.spread_items) {
            sql << ", COALESCE(pg_catalog.json_agg(";
            sql.name(child.joined) << ".";
            sql.name(item.name);
            for (std::size_t i = 0; i < child.order.size(); ++i) {
                sql << (i == 0 ? " ORDER BY " : ", ");
                sql.name(child.joined) << ".";
                sql.name(order_name(child, i)) << (child.order[i].descending ? " DESC" : "");
                if (child.order[i].nulls != Nulls::unsaid) {
                    sql << (child.order[i].nulls == Nulls::first ? " NULLS FIRST" : " NULLS LAST");
                }
            }
            sql << "), '[]')::jsonb AS ";
            sql.name(item.alias);
        }
    }
    sql << " FROM (";
    write_node(sql, child, &node);
    sql << ") AS ";
    sql.name(child.joined) << ") AS ";
    sql.name(child.joined) << " ON ";
    if (inner) {
        write_joined(sql, child);
        sql << " IS NOT NULL";
    } else {
        sql << "true";
    }
}

// What rows are grouped by: a place in the select list, or a column that is shown by its representation, which may have
// no equality.
struct Grouped {
    int position = 0;
    Field stored;
};

// The select list; returns what has to be grouped by where there are aggregates.
std::vector<Grouped> write_list(SqlText& sql, const ReadNode& node) {
    std::vector<Grouped> grouped;
    int position = 0;
    const auto next = [&](bool aggregated) {
        sql << (position++ == 0 ? "" : ", ");
        if (!aggregated) {
            grouped.push_back({position, {}});
        }
    };
    const auto write = [&](const SelectItem& item) {
        next(item.aggregate != Aggregate::none);
        write_item(sql, item, node);
        if (item.aggregate == Aggregate::none && item.cast.empty() && shown_by(node, item.field) != nullptr) {
            grouped.back().stored = item.field;
        }
    };
    const bool aggregates = node.aggregates();
    const bool by_name = node.relation != nullptr && (aggregates || shows_represented(node));
    const auto write_star = [&] {
        if (!by_name) {
            next(false);
            sql.name(node.alias) << ".*";
            return;
        }
        for (const Column& column : node.relation->columns) {
            SelectItem one;
            one.field.name = column.name;
            write(one);
        }
    };
    for (const SelectItem& item : node.items) {
        if (item.is_bare_star()) {
            write_star();
            continue;
        }
        write(item);
    }
    if (node.items.empty() && node.children.empty()) {
        write_star();
    }
    for (const ReadNode& child : node.children) {
        if (child.spread) {
            for (const SpreadItem& item : child.spread_items) {
                next(item.aggregate != Aggregate::none);
                write_spread_item(sql, item, child);
            }
        } else if (!child.hidden) {
            next(false);
            if (child.to_one()) {
                sql << "pg_catalog.row_to_json(";
                sql.name(child.joined) << ".*)::jsonb AS ";
            } else {
                sql << "COALESCE(";
                write_joined(sql, child);
                sql << ", '[]') AS ";
            }
            sql.name(child.name);
        }
    }
    if (node.spread && !node.to_one()) {
        for (std::size_t i = 0; i < node.order.size(); ++i) {
            next(false);
            OrderTerm plain = node.order[i];
            plain.descending = false;
            plain.nulls = Nulls::unsaid;
            write_order_term(sql, plain, node);
            sql << " AS ";
            sql.name(order_name(node, i));
        }
    }
    return aggregates ? grouped : std::vector<Grouped>{};
}

void write_conditions(SqlText& sql, const ReadNode& node, const ReadNode* parent, bool counting);

void write_group(SqlText& sql, const ReadNode& node, const std::vector<Grouped>& grouped) {
    for (const Grouped& each : grouped) {
        sql << (&each == &grouped.front() ? " GROUP BY " : ", ");
        if (each.stored.name.empty()) {
            sql << std::to_string(each.position);
        } else {
            write_field(sql, each.stored, node);
        }
    }
    for (const OrderTerm& term : node.order) {
        if (!grouped.empty() && !term.relation.empty()) {  // a part of the embedded row, by which it is grouped anyhow
            sql << ", ";
            OrderTerm plain = term;
            plain.descending = false;
            plain.nulls = Nulls::unsaid;
            write_order_term(sql, plain, node);
        }
    }
}

void write_node(SqlText& sql, const ReadNode& node, const ReadNode* parent) {
    sql << "SELECT ";
    const std::vector<Grouped> grouped = write_list(sql, node);
    write_from(sql, node, parent);
    for (const ReadNode& child : node.children) {
        write_join(sql, child, node);
    }
    write_conditions(sql, node, parent, false);
    write_group(sql, node, grouped);
    for (const Condition& condition : node.having) {
        sql << (&condition == &node.having.front() ? " HAVING " : " AND ");
        write_tree(sql, condition, [&](const Filter& filter) { write_filter(sql, filter, node); });
    }
    if (!node.spread || node.to_one()) {
        for (const OrderTerm& term : node.order) {
            sql << (&term == &node.order.front() ? " ORDER BY " : ", ");
            write_order_term(sql, term, node);
        }
    }
    if (node.limits.limit) {
        sql << " LIMIT ";
        sql.value(std::to_string(*node.limits.limit)) << "::bigint";
    }
    if (node.limits.offset > 0) {
        sql << " OFFSET ";
        sql.value(std::to_string(node.limits.offset)) << "::bigint";
    }
}

void write_counted(SqlText& sql, const ReadNode& node, const ReadNode* parent) {
    sql << "SELECT 1";
    write_from(sql, node, parent);
    write_conditions(sql, node, parent, true);
}

void write_conditions(SqlText& sql, const ReadNode& node, const ReadNode* parent, bool counting) {
    bool any = write_link(sql, node, parent, true);
    for (const Condition& condition : node.conditions) {
        sql << (std::exchange(any, true) ? " AND " : " WHERE ");
        write_tree(sql, condition, [&](const Filter& filter) {
            const ReadNode* const child = embedded(node, filter);
            if (child == nullptr) {
                write_filter(sql, filter, node);
            } else if (counting) {
                sql << (wants_rows(filter) ? "EXISTS (" : "NOT EXISTS (");
                write_counted(sql, *child, &node);
                sql << ")";
            } else {
                write_joined(sql, *child);
                sql << (wants_rows(filter) ? " IS DISTINCT FROM NULL" : " IS NOT DISTINCT FROM NULL");
            }
        });
    }
    if (!counting) {
        return;
    }
    for (const ReadNode& child : node.children) {
        if (child.join == Join::inner) {
            sql << (std::exchange(any, true) ? " AND EXISTS (" : " WHERE EXISTS (");
            write_counted(sql, child, &node);
            sql << ")";
        }
    }
}

}  // namespace

void write_read(SqlText& sql, const ReadNode& node) { write_node(sql, node, nullptr); }

void write_count(SqlText& sql, const ReadNode& node) { write_counted(sql, node, nullptr); }

void write_condition(SqlText& sql, const Condition& condition, const ReadNode& node) {
    write_tree(sql, condition, [&](const Filter& filter) { write_filter(sql, filter, node); });
}

void write_field(SqlText& sql, const Field& field, const ReadNode& node) {
    const std::string_view type = type_of(node, field.name, false);
    const bool convert = !field.path.empty() && type != "json" && type != "jsonb";
    sql << (convert ? "pg_catalog.to_jsonb(" : "");
    if (!node.alias.empty()) {
        sql.name(node.alias) << ".";
    }
    sql.name(field.name) << (convert ? ")" : "");
    for (const JsonStep& step : field.path) {
        sql << (step.as_text ? "->>" : "->");
        sql.literal(step.key) << (step.is_index ? "::int" : "");
    }
}

}  // namespace analytics::rest
