// A request in PostgREST's dialect, as it was asked: what the query string, the Prefer and the Range header say. Names
// are not looked up yet (plan.hpp), values are text.
//
// Source: https://docs.postgrest.org, version 16: tables_views, resource_embedding, aggregate_functions, functions,
// preferences, pagination_count.
#pragma once

#include "core/no_postgres.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace analytics::rest {

// One step into a JSON value: ->key, ->>key, ->0, ->>-1.
struct JsonStep {
    bool as_text = false;   // ->>
    bool is_index = false;  // key is an integer
    std::string key;

    bool operator==(const JsonStep&) const = default;
};

// A column, or a place inside it: data->a->>b.
struct Field {
    std::string name;
    std::vector<JsonStep> path;

    bool operator==(const Field&) const = default;
};

enum class Operator : std::uint8_t {
    eq,
    neq,
    gt,
    gte,
    lt,
    lte,
    like,
    ilike,
    match,
    imatch,  // these take any() and all()
    in,
    is,
    isdistinct,
    fts,
    plfts,
    phfts,
    wfts,  // @@ to_tsquery, plainto_, phraseto_, websearch_to_tsquery
    cs,
    cd,
    ov,
    sl,
    sr,
    nxr,
    nxl,
    adj,  // @>, <@, &&, <<, >>, &<, &>, -|-
};

enum class Quantifier : std::uint8_t { none, any, all };

enum class Aggregate : std::uint8_t { none, sum, avg, count, max, min };

struct Filter {
    Field field;
    Aggregate aggregate = Aggregate::none;  // in having= alone, an extension: having=amount.sum().gt.10
    bool negated = false;                   // not.
    Operator op = Operator::eq;
    Quantifier quantifier = Quantifier::none;
    std::string language;  // of full-text search: fts(english); empty: none
    std::string
        value;  // of like and ilike with '*' as sent; of `is` in lower case: null, not_null, true, false, unknown
    std::vector<std::string> values;  // of `in` instead
};

// A filter, or and(...) and or(...) of some.
struct Condition {
    enum class Kind : std::uint8_t { filter, conjunction, disjunction };

    Kind kind = Kind::filter;
    bool negated = false;  // of and, or; a filter has its own
    Filter filter;
    std::vector<Condition> parts;
};

enum class Join : std::uint8_t { unsaid, left, inner };

// An item of select=.
struct SelectItem {
    enum class Kind : std::uint8_t { star, column, relation };

    Kind kind = Kind::column;
    std::string alias;  // empty: none
    // column
    Field field;       // of a bare count() the name is empty
    std::string cast;  // ::type before the aggregate
    Aggregate aggregate = Aggregate::none;
    std::string aggregate_cast;  // ::type after it
    // relation
    std::string relation;  // of a table, a foreign key's column or a computed relationship
    std::string hint;      // !hint
    Join join = Join::unsaid;
    bool spread = false;  // ...relation(...)
    std::vector<SelectItem> items;

    bool is_bare_star() const { return kind == Kind::star && aggregate == Aggregate::none; }
};

enum class Nulls : std::uint8_t { unsaid, first, last };

struct OrderTerm {
    std::string relation;  // of order=relation(column); empty: the relation's own
    Field field;
    bool descending = false;
    bool direction_said = false;
    Nulls nulls = Nulls::unsaid;
    Aggregate aggregate = Aggregate::none;  // an extension: order=amount.sum().desc
};

// Something that is said of an embedded relation, by its path of names or aliases (clients.projects); an empty path is
// the relation asked for.
using Path = std::vector<std::string>;

struct Limits {
    std::optional<std::uint64_t> limit;
    std::uint64_t offset = 0;
};

struct Query {
    std::vector<SelectItem> select;  // empty select= and none at all differ: see select_said
    bool select_said = false;
    std::vector<std::pair<Path, Condition>> conditions;  // in the order sent; all must hold
    std::vector<std::pair<Path, std::vector<OrderTerm>>> orders;
    std::vector<std::pair<Path, Limits>> limits;          // by limit= and offset=, merged by path
    std::vector<std::pair<Path, Condition>> having;       // an extension; their filters have aggregates
    std::optional<std::vector<std::string>> columns;      // columns=
    std::optional<std::vector<std::string>> on_conflict;  // on_conflict=
    // Everything that is neither reserved nor a filter, in the order sent and decoded: arguments of a function called
    // by GET.
    std::vector<std::pair<std::string, std::string>> parameters;
};

// What could not be understood; an answer of 400.
struct Failure {
    int status = 400;
    std::string code = "PGRST100";
    std::string message;
    std::string details;  // empty: null
    std::string hint;
    bool details_are_json = false;
};

}  // namespace analytics::rest
