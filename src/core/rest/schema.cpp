#include "core/rest/schema.hpp"

#include "core/json.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace analytics::rest {
namespace {

using Names = std::vector<std::string>;
using Cardinality = Relationship::Cardinality;
using Id = std::uint32_t;  // a relation's oid

// --- Reading values
// ---------------------------------------------------------------------------------------------------

const json::Node* member(const json::Node& object, std::string_view name) {
    if (object.type == json::Type::object) {
        for (const json::Node& child : json::Children(object)) {
            if (child.key == name) {
                return &child;
            }
        }
    }
    return nullptr;
}

std::string text(const json::Node& value) {
    std::string out;
    if (value.type == json::Type::string) {
        json::unescape(value.content(), out);
    }
    return out;
}

std::string text(const json::Node& object, std::string_view name) {
    const json::Node* value = member(object, name);
    return value != nullptr ? text(*value) : std::string();
}

bool flag(const json::Node& object, std::string_view name) {
    const json::Node* value = member(object, name);
    return value != nullptr && value->raw == "true";
}

// oids come as numbers or, from json_build_object, as strings.
Id number(const json::Node& object, std::string_view name) {
    Id out = 0;
    if (const json::Node* value = member(object, name)) {
        const std::string_view digits = value->type == json::Type::string ? value->content() : value->raw;
        std::from_chars(digits.data(), digits.data() + digits.size(), out);
    }
    return out;
}

template <typename Function>
void for_each(const json::Node& object, std::string_view name, Function&& function) {
    const json::Node* list = member(object, name);
    if (list != nullptr && list->type == json::Type::array) {
        for (const json::Node& item : json::Children(*list)) {
            function(item);
        }
    }
}

Names texts(const json::Node& object, std::string_view name) {
    Names out;
    for_each(object, name, [&](const json::Node& item) { out.push_back(text(item)); });
    return out;
}

Name full_name(const json::Node& object) { return {text(object, "schema"), text(object, "name")}; }

Representation read_representation(const json::Node& column) {
    Representation representation;
    if (const json::Node* const functions = member(column, "representation")) {
        const auto read = [&](std::string_view name) {
            const json::Node* const function = member(*functions, name);
            return function != nullptr ? full_name(*function) : Name{};
        };
        representation = {read("to_json"), read("from_json"), read("from_text")};
    }
    return representation;
}

Column read_column(const json::Node& node) {
    Column column;
    column.name = text(node, "name");
    column.type = text(node, "type");
    column.base_type = member(node, "base_type") != nullptr ? text(node, "base_type") : column.type;
    column.full_type = member(node, "full_type") != nullptr ? text(node, "full_type") : column.type;
    column.not_null = flag(node, "not_null");
    column.has_default = flag(node, "has_default");
    column.generated = flag(node, "generated");
    column.default_sql = text(node, "default_sql");
    column.max_length = static_cast<int>(number(node, "max_length"));
    column.enum_labels = texts(node, "enum");
    column.comment = text(node, "comment");
    column.composite_or_array = flag(node, "composite_or_array");
    column.representation = read_representation(node);
    return column;
}

std::vector<Column> read_columns(const json::Node& object, std::string_view name) {
    std::vector<Column> out;
    for_each(object, name, [&](const json::Node& item) { out.push_back(read_column(item)); });
    return out;
}

Parameter read_parameter(const json::Node& node) {
    Parameter parameter;
    parameter.name = text(node, "name");
    parameter.type = text(node, "type");
    parameter.cast_type = member(node, "cast_type") != nullptr ? text(node, "cast_type") : parameter.type;
    parameter.required = !flag(node, "optional");
    parameter.variadic = flag(node, "variadic");
    return parameter;
}

MediaDomain read_media_domain(const json::Node& node) { return {text(node, "media_type"), flag(node, "binary")}; }

Function read_function(const json::Node& node, const Schema& schema) {
    Function function;
    function.name = full_name(node);
    function.comment = text(node, "comment");
    for_each(node, "parameters", [&](const json::Node& item) { function.parameters.push_back(read_parameter(item)); });
    function.has_variadic = flag(node, "has_variadic");
    const std::string volatility = text(node, "volatility");
    function.volatility = volatility == "i"   ? Function::Volatility::immutable
                          : volatility == "s" ? Function::Volatility::stable
                                              : Function::Volatility::volatile_;
    function.is_set = flag(node, "is_set");
    function.type = text(node, "type");
    function.kind = flag(node, "composite")   ? Function::Kind::composite
                    : function.type == "void" ? Function::Kind::none
                                              : Function::Kind::scalar;
    function.type_relation = {text(node, "row_schema"), text(node, "row_name")};
    if (const Relation* relation = schema.find_relation(function.type_relation)) {
        function.out_columns = relation->columns;
    } else {
        function.out_columns = read_columns(node, member(node, "row") != nullptr ? "columns" : "outputs");
    }
    for_each(node, "settings", [&](const json::Node& item) {
        Names pair;
        for (const json::Node& part : json::Children(item)) {
            pair.push_back(text(part));
        }
        if (pair.size() == 2) {
            function.settings.emplace_back(pair[0], pair[1]);
        }
    });
    if (member(node, "media_type") != nullptr && function.kind == Function::Kind::scalar && !function.is_set) {
        function.media = read_media_domain(node);
    }
    function.is_computed_field = flag(node, "is_computed_field");
    return function;
}

// --- Keys
// -------------------------------------------------------------------------------------------------------------

struct ForeignKey {
    std::string name;
    Id table = 0;
    Id target = 0;
    Names columns;
    Names target_columns;
    bool one_to_one = false;
};

// A relation that stands for a table in a relationship: the table itself, or a view of it.
struct Stand {
    Name name;
    Names columns;  // in the order of the key's
};

// The relations served by their oids, and what their views show of the tables below.
class Views {
public:
    explicit Views(const json::Node& root) {
        for_each(root, "relations", [&](const json::Node& item) { served_[number(item, "id")] = full_name(item); });
        for_each(root, "shown", [&](const json::Node& item) {
            shown_[number(item, "table")][number(item, "view")][text(item, "origin")].push_back(text(item, "column"));
        });
    }

    const Name* find(Id id) const {
        const auto found = served_.find(id);
        return found != served_.end() ? &found->second : nullptr;
    }

    // Whatever shows all the columns. A view that shows one of them several times stands for the table several times.
    std::vector<Stand> stands(Id table, const Names& columns) const {
        std::vector<Stand> out;
        if (const Name* name = find(table)) {
            out.push_back({*name, columns});
        }
        const auto views = shown_.find(table);
        if (views == shown_.end()) {
            return out;
        }
        for (const auto& [view, shown] : views->second) {
            const Name* name = find(view);
            if (name != nullptr) {
                add_combinations(*name, shown, columns, out);
            }
        }
        return out;
    }

private:
    using Shown = std::map<std::string, Names>;  // a table's column, the view's

    static void add_combinations(const Name& name, const Shown& shown, const Names& columns, std::vector<Stand>& out) {
        std::vector<Stand> stands = {{name, {}}};
        for (const std::string& column : columns) {
            const auto found = shown.find(column);
            if (found == shown.end()) {
                return;
            }
            std::vector<Stand> longer;
            for (const Stand& stand : stands) {
                for (const std::string& as : found->second) {
                    longer.push_back(stand);
                    longer.back().columns.push_back(as);
                }
            }
            stands = std::move(longer);
        }
        std::move(stands.begin(), stands.end(), std::back_inserter(out));
    }

    std::map<Id, Name> served_;
    std::map<Id, std::map<Id, Shown>> shown_;  // by table, then by view
};

void read_primary_keys(const json::Node& root, const Views& views, Schema& schema) {
    for_each(root, "primary_keys", [&](const json::Node& item) {
        const Id table = number(item, "table");
        Names columns = texts(item, "columns");
        const Name* own = views.find(table);
        std::set<Name> seen;
        for (const Stand& stand : views.stands(table, columns)) {
            // Of several ways to show a key the first is as good as any.
            if (own != nullptr && stand.name == *own) {
                std::sort(columns.begin(), columns.end());
                schema.relations[stand.name].primary_key = columns;
            } else if (seen.insert(stand.name).second) {
                Names& key = schema.relations[stand.name].primary_key;
                key.insert(key.end(), stand.columns.begin(), stand.columns.end());
            }
        }
    });
}

Relationship inverse(const Relationship& relationship) {
    Relationship out = relationship;
    std::swap(out.from, out.to);
    for (auto& [from, to] : out.columns) {
        std::swap(from, to);
    }
    if (out.cardinality == Cardinality::one_to_one) {
        out.is_parent = !out.is_parent;
    } else {
        out.cardinality = Cardinality::one_to_many;
    }
    return out;
}

void read_foreign_keys(const json::Node& root, const Views& views, Schema& schema) {
    for_each(root, "foreign_keys", [&](const json::Node& item) {
        const ForeignKey key = {.name = text(item, "name"),
                                .table = number(item, "table"),
                                .target = number(item, "target"),
                                .columns = texts(item, "columns"),
                                .target_columns = texts(item, "target_columns"),
                                .one_to_one = flag(item, "one_to_one")};
        const std::vector<Stand> targets = views.stands(key.target, key.target_columns);
        for (const Stand& from : views.stands(key.table, key.columns)) {
            for (const Stand& to : targets) {
                Relationship relationship;
                relationship.cardinality = key.one_to_one ? Cardinality::one_to_one : Cardinality::many_to_one;
                relationship.is_parent = key.one_to_one;
                relationship.from = from.name;
                relationship.to = to.name;
                relationship.constraint = key.name;
                relationship.to_itself = from.name == to.name;
                for (std::size_t i = 0; i < from.columns.size() && i < to.columns.size(); ++i) {
                    relationship.columns.emplace_back(from.columns[i], to.columns[i]);
                }
                schema.relationships.push_back(std::move(relationship));
            }
        }
    });
}

// Through a junction whose primary key has all the columns of two of its foreign keys.
std::vector<Relationship> many_to_many(const Schema& schema) {
    std::map<Name, std::vector<const Relationship*>> by_junction;
    for (const Relationship& relationship : schema.relationships) {
        const Relation* junction = schema.find_relation(relationship.from);
        const auto in_key = [&](const auto& pair) {
            return std::find(junction->primary_key.begin(), junction->primary_key.end(), pair.first) !=
                   junction->primary_key.end();
        };
        if (relationship.cardinality == Cardinality::many_to_one && junction != nullptr &&
            std::all_of(relationship.columns.begin(), relationship.columns.end(), in_key)) {
            by_junction[relationship.from].push_back(&relationship);
        }
    }
    std::vector<Relationship> out;
    for (const auto& [junction, keys] : by_junction) {
        for (const Relationship* first : keys) {
            for (const Relationship* second : keys) {
                if (first->constraint == second->constraint) {
                    continue;
                }
                Relationship relationship = inverse(*first);
                relationship.cardinality = Cardinality::many_to_many;
                relationship.to = second->to;
                relationship.to_itself = relationship.from == relationship.to;
                relationship.junction = junction;
                relationship.second_constraint = second->constraint;
                relationship.second_columns = second->columns;
                out.push_back(std::move(relationship));
            }
        }
    }
    return out;
}

// --- Functions of a row
// -----------------------------------------------------------------------------------------------

void read_computed(const json::Node& root, const Views& views, Schema& schema) {
    std::vector<Relationship> computed;
    std::set<std::pair<Name, Name>> hidden;  // a function hides what leads to a relation of its own name
    for_each(root, "computed", [&](const json::Node& item) {
        const Name* from = views.find(number(item, "from"));
        const Name* to = views.find(number(item, "to"));
        if (from == nullptr) {
            return;
        }
        const Name function = full_name(item);
        if (to == nullptr) {
            schema.relations[*from].computed_fields.push_back(
                {function, text(item, "type"), flag(item, "composite_or_array")});
            return;
        }
        Relationship relationship;
        relationship.cardinality = Cardinality::computed;
        relationship.from = *from;
        relationship.to = *to;
        relationship.function = function;
        relationship.to_one = flag(item, "to_one");
        relationship.to_itself = *from == *to;
        hidden.emplace(*from, function);
        computed.push_back(std::move(relationship));
    });
    std::erase_if(schema.relationships, [&](const Relationship& other) {
        return hidden.contains({other.from, other.to});
    });
    std::move(computed.begin(), computed.end(), std::back_inserter(schema.relationships));
}

}  // namespace

const Column* Relation::find(std::string_view column) const {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == column; });
    return found != columns.end() ? &*found : nullptr;
}

const Relation* Schema::find_relation(const Name& name) const {
    const auto found = relations.find(name);
    return found != relations.end() ? &found->second : nullptr;
}

std::vector<const Relationship*> Schema::from(const Name& relation) const {
    std::vector<const Relationship*> out;
    for (const Relationship& relationship : relationships) {
        if (relationship.from == relation) {
            out.push_back(&relationship);
        }
    }
    return out;
}

std::optional<Schema> read_schema(std::string_view json) {
    const std::string copy(json);  // ends in the NUL that the reader wants
    json::Document document;
    if (!document.read(copy.data(), copy.data() + copy.size()) || document.root().type != json::Type::object) {
        return std::nullopt;
    }
    const json::Node& root = document.root();
    Schema schema;
    for_each(root, "schemas", [&](const json::Node& item) {
        schema.served.push_back(text(item, "name"));
        schema.schema_comments[schema.served.back()] = text(item, "comment");
    });
    for_each(root, "relations", [&](const json::Node& item) {
        Relation relation;
        relation.name = full_name(item);
        relation.comment = text(item, "comment");
        relation.is_view = flag(item, "is_view");
        relation.insertable = flag(item, "insertable");
        relation.updatable = flag(item, "updatable");
        relation.deletable = flag(item, "deletable");
        relation.columns = read_columns(item, "columns");
        schema.relations.emplace(relation.name, std::move(relation));
    });
    const Views views(root);
    read_primary_keys(root, views, schema);
    read_foreign_keys(root, views, schema);
    std::vector<Relationship> more = many_to_many(schema);
    for (const Relationship& relationship : schema.relationships) {
        more.push_back(inverse(relationship));
    }
    std::move(more.begin(), more.end(), std::back_inserter(schema.relationships));
    read_computed(root, views, schema);
    for_each(root, "functions", [&](const json::Node& item) {
        Function function = read_function(item, schema);
        const Name name = function.name;
        schema.functions.emplace(name, std::move(function));
    });
    for_each(root, "handlers", [&](const json::Node& item) {
        const Name relation{text(item, "row_schema"), text(item, "row_name")};
        schema.handlers.push_back({full_name(item), relation, read_media_domain(item)});
    });
    return schema;
}

}  // namespace analytics::rest
