// What the schema cache knows: relations, their columns and how they hang together, and functions, of the schemas that
// are served. Read from the catalogs by one query (schema_query()), which yields JSON; knows nothing of PostgreSQL.
//
// Of a view the keys and foreign keys are those of the tables' columns that it shows as they are.
#pragma once

#include "core/no_postgres.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace analytics::rest {

struct Name {
    std::string schema;
    std::string name;

    auto operator<=>(const Name&) const = default;  // NOLINT(modernize-use-nullptr)
};

// How values of a domain look to clients (docs.postgrest.org: domain_representations): the functions of its implicit
// casts to json, from json and from text. Without a name: there is none.
struct Representation {
    Name to_json;
    Name from_json;
    Name from_text;
};

struct Column {
    std::string name;
    std::string type;       // as format_type() has it without a modifier, domains by their own name: "numeric"
    std::string base_type;  // a domain's base, else the type
    std::string full_type;  // with its modifier: "character varying(10)"
    bool not_null = false;
    bool has_default = false;  // a default, an identity or a generated value
    bool generated = false;    // GENERATED ALWAYS: cannot be written
    std::string default_sql;   // for the manual
    int max_length = 0;        // of character varying(10): 10; 0: none
    std::vector<std::string> enum_labels;
    std::string comment;
    bool composite_or_array = false;  // -> on it means to_jsonb(column)->
    Representation representation;
};

// A function that takes one row of a relation and yields one value: select=full_name.
struct ComputedField {
    Name function;
    std::string type;
    bool composite_or_array = false;
};

struct Relation {
    Name name;
    std::string comment;
    bool is_view = false;
    bool insertable = false;
    bool updatable = false;
    bool deletable = false;
    std::vector<Column> columns;  // in the table's order
    std::vector<std::string> primary_key;
    std::vector<ComputedField> computed_fields;

    const Column* find(std::string_view column) const;
};

// How rows of one relation find those of another.
struct Relationship {
    enum class Cardinality : std::uint8_t { one_to_many, many_to_one, one_to_one, many_to_many, computed };

    Cardinality cardinality = Cardinality::many_to_one;
    Name from;
    Name to;
    std::string constraint;  // the foreign key's name; of many_to_many the first one's
    std::vector<std::pair<std::string, std::string>> columns;  // (from's, to's); of many_to_many (from's, junction's)
    // many_to_many
    Name junction;
    std::string second_constraint;
    std::vector<std::pair<std::string, std::string>> second_columns;  // (junction's, to's)
    // one_to_one: whether `from` holds the foreign key
    bool is_parent = false;
    // computed: function(from) yields rows of `to`
    Name function;
    bool to_one = false;
    bool to_itself = false;
};

struct Parameter {
    std::string name;  // empty: unnamed
    std::string type;
    std::string cast_type;  // what a value is cast to: of any length, where `type` alone would mean one character
    bool required = true;
    bool variadic = false;
};

// A domain that is named by a media type: its values are bodies of that type.
struct MediaDomain {
    std::string media_type;  // in lower case; "*/*": whatever is wanted
    bool binary = false;     // over bytea
};

// An aggregate that makes a body of rows (docs.postgrest.org: media_type_handlers).
struct MediaHandler {
    Name aggregate;
    Name relation;  // whose rows it takes; without a name: any rows
    MediaDomain yields;
};

struct Function {
    Name name;
    std::string comment;
    std::vector<Parameter> parameters;  // those that are passed in, in order
    bool has_variadic = false;
    enum class Volatility : std::uint8_t { immutable, stable, volatile_ };
    Volatility volatility = Volatility::volatile_;
    // What it yields.
    enum class Kind : std::uint8_t { none, scalar, composite };  // void; one value; a row of a relation's or of columns
    Kind kind = Kind::scalar;
    bool is_set = false;
    std::string type;                 // as format_type() has it; of a row without a name: record
    Name type_relation;               // of a row type that is a relation's (it can embed); schema empty: none
    std::vector<Column> out_columns;  // of TABLE (...) and OUT parameters; of a relation's its columns
    std::vector<std::pair<std::string, std::string>> settings;  // of its SET clauses that hold for the whole request
    std::optional<MediaDomain> media;                           // of the one value
    bool is_computed_field = false;  // takes one row of a relation served, which lists it among its computed fields
};

struct Schema {
    std::vector<std::string> served;  // schemas, the default one first
    std::map<std::string, std::string> schema_comments;
    std::map<Name, Relation> relations;
    std::multimap<Name, Function> functions;
    std::vector<Relationship> relationships;  // each foreign key both ways
    std::vector<MediaHandler> handlers;

    const Relation* find_relation(const Name& name) const;
    std::vector<const Relationship*> from(const Name& relation) const;
};

// JSON, as schema_query() yields it. Nothing: it is none.
std::optional<Schema> read_schema(std::string_view json);

// The query that reads it; $1: text[], the schemas served. One row, one column of type text. To be run with an empty
// search_path, since names of types are qualified as it has them, and without JIT, which takes longer than the query.
std::string_view schema_query();

}  // namespace analytics::rest
