// A query whose names are looked up: the tree of relations to read, each joined to the one above it.
//
// Source: https://docs.postgrest.org, resource_embedding and aggregate_functions.
#pragma once

#include "core/rest/query.hpp"
#include "core/rest/schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace analytics::rest {

// What of a spread relation's columns appears in the relation above it.
struct SpreadItem {
    std::string name;  // in the spread relation's query
    std::string alias;
    Aggregate aggregate = Aggregate::none;
    std::string aggregate_cast;
};

struct ReadNode {
    const Relation* relation = nullptr;  // null: what a function yields and no relation has
    bool from_source = false;            // reads what the request has written, or a function has yielded
    std::string alias;                   // in the SQL: clients, clients_1 ... errors name it
    std::vector<SelectItem> items;       // columns and stars, empty: all columns, unless there are children
    std::vector<Condition> conditions;   // all must hold
    std::vector<Condition> having;       // the same, of aggregates
    std::vector<OrderTerm> order;        // relation: the alias of the child's join
    Limits limits;
    std::vector<ReadNode> children;

    // In the node above.
    std::string asked;            // the relation as the request named it
    std::string name;             // in the answer: its alias, or as asked
    bool found_as_asked = false;  // filters, orders or limits call it so, although it has an alias
    std::string joined;           // pgrst_e1 ...: the alias of its join in the SQL
    const Relationship* link = nullptr;
    Join join = Join::unsaid;
    bool spread = false;
    bool hidden = false;     // select=relation(): joined, but not shown
    bool as_stored = false;  // shown without the representations of its domains
    std::vector<SpreadItem> spread_items;

    bool to_one() const;
    bool aggregates() const;
};

struct PlanOptions {
    bool aggregates = false;     // analytics.http_aggregates
    std::uint64_t max_rows = 0;  // analytics.http_max_rows; 0: no limit
    bool from_source = false;
    bool for_write = false;  // the conditions and limits of the relation itself are not the reading's
};

// `root` of a function that yields no relation's rows has only a name.
std::variant<ReadNode, Failure> plan_read(const Schema& schema, const Name& root, const Query& query,
                                          const PlanOptions& options);

// The one function of that name that takes these arguments. `body_type`: of POST, one of json, form, text, xml, octets;
// empty for GET.
struct FoundFunction {
    const Function* function = nullptr;
    bool takes_body = false;  // its single unnamed parameter
};
std::variant<FoundFunction, Failure> find_function(const Schema& schema, const Name& name,
                                                   const std::vector<std::string>& arguments,
                                                   std::string_view body_type);

Failure no_relation(const Schema& schema, const Name& name);

}  // namespace analytics::rest
