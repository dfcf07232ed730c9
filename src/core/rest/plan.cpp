#include "core/rest/plan.hpp"

#include <algorithm>
#include <set>

#include "core/http/errors.hpp"
#include "core/rest/relationships.hpp"
#include "core/rest/similar.hpp"
#include "core/rest/sql_text.hpp"

namespace analytics::rest {
namespace {

constexpr double kNearEnough = 0.75;

// Raised inside of this file, so that a name that is not found ends the planning from wherever it is.
struct Refused {
    Failure failure;
};

std::string_view word_of(Aggregate aggregate) {
    switch (aggregate) {
        case Aggregate::sum:
            return "sum";
        case Aggregate::avg:
            return "avg";
        case Aggregate::count:
            return "count";
        case Aggregate::max:
            return "max";
        case Aggregate::min:
            return "min";
        case Aggregate::none:
            break;
    }
    return "";
}

// What a value inside of JSON is called: by its last key, or by the column where there are indexes alone.
std::string name_of(const Field& field) {
    const auto key =
        std::find_if(field.path.rbegin(), field.path.rend(), [](const JsonStep& step) { return !step.is_index; });
    return key == field.path.rend() ? field.name : key->key;
}

std::string name_of(const SelectItem& item) {
    if (!item.alias.empty()) {
        return item.alias;
    }
    if (item.aggregate != Aggregate::none) {
        return std::string(word_of(item.aggregate));
    }
    return name_of(item.field);
}

class Planner {
public:
    Planner(const Schema& schema, const Name& root, const PlanOptions& options)
        : schema_(schema), root_(root), options_(options) {}

    ReadNode plan(const Query& query) {
        ReadNode node;
        node.relation = schema_.find_relation(root_);
        node.from_source = options_.from_source;
        node.alias = root_.name;
        node.asked = node.name = root_.name;
        add_items(node, query.select);
        for (const auto& [path, condition] : query.conditions) {
            if (!path.empty() || !options_.for_write) {
                find(node, path).conditions.push_back(condition);
            }
        }
        for (const auto& [path, condition] : query.having) {
            ReadNode& at = find(node, path);
            check_aggregates(true);
            at.having.push_back(condition);
        }
        for (const auto& [path, terms] : query.orders) {
            ReadNode& at = find(node, path);
            at.order.insert(at.order.end(), terms.begin(), terms.end());
        }
        for (const auto& [path, limits] : query.limits) {
            if (!options_.for_write) {
                find(node, path).limits = limits;
            }
        }
        finish(node);
        return node;
    }

private:
    void check_aggregates(bool used) const {
        if (used && !options_.aggregates) {
            throw Refused{{400, "PGRST123", "Use of aggregate functions is not allowed", {}, {}}};
        }
    }

    void add_items(ReadNode& node, const std::vector<SelectItem>& items) {
        for (const SelectItem& item : items) {
            if (item.kind != SelectItem::Kind::relation) {
                check_aggregates(item.aggregate != Aggregate::none);
                for (const std::string& type : {item.cast, item.aggregate_cast}) {
                    if (!type.empty() && !is_type_name(type)) {
                        throw Refused{
                            {400, "PGRST100", "failed to parse select parameter", "a cast names no type", {}}};
                    }
                }
                node.items.push_back(item);
                continue;
            }
            ReadNode child;
            child.asked = item.relation;
            child.name = item.alias.empty() ? item.relation : item.alias;
            child.join = item.join;
            child.spread = item.spread;
            child.link = &find_relationship(schema_, name_of_rows(node), item.relation, item.hint);
            child.relation = schema_.find_relation(child.link->to);
            child.alias = child.link->to.name + '_' + std::to_string(++count_);
            child.alias += child.alias == root_.name ? "_" : "";
            child.joined = "pgrst_e" + std::to_string(count_);
            add_items(child, item.items);
            child.hidden = child.items.empty() && std::all_of(child.children.begin(), child.children.end(),
                                                              [](const ReadNode& node) { return node.hidden; });
            node.children.push_back(std::move(child));
        }
    }

    // Whose rows these are: of a function's the relation that it says it yields.
    Name name_of_rows(const ReadNode& node) const { return node.link == nullptr ? root_ : node.link->to; }

    static ReadNode& find(ReadNode& node, const Path& path) {
        ReadNode* at = &node;
        for (const std::string& step : path) {
            auto child = std::find_if(at->children.begin(), at->children.end(),
                                      [&](const ReadNode& child) { return child.name == step; });
            if (child == at->children.end()) {
                child = std::find_if(at->children.begin(), at->children.end(),
                                     [&](const ReadNode& child) { return child.asked == step; });
            }
            if (child == at->children.end()) {
                throw Refused{not_embedded(step)};
            }
            child->found_as_asked = child->found_as_asked || child->name != step;
            at = &*child;
        }
        return *at;
    }

    static Failure not_embedded(const std::string& name) {
        return {400,
                "PGRST108",
                "'" + name + "' is not an embedded resource in this request",
                {},
                "Verify that '" + name + "' is included in the 'select' query parameter."};
    }

    // Children first: what they spread is part of what this one shows.
    void finish(ReadNode& node) {
        for (ReadNode& child : node.children) {
            finish(child);
        }
        if (options_.max_rows > 0 && !options_.for_write) {
            node.limits.limit = std::min(node.limits.limit.value_or(options_.max_rows), options_.max_rows);
        }
        for (OrderTerm& term : node.order) {
            check_aggregates(term.aggregate != Aggregate::none);
            if (!term.relation.empty()) {
                term.relation = related_order(node, term.relation);
            }
        }
        if (node.spread) {
            spread(node);
        }
    }

    static std::string related_order(const ReadNode& node, const std::string& relation) {
        const auto child = std::find_if(node.children.begin(), node.children.end(),
                                        [&](const ReadNode& child) { return child.name == relation; });
        if (child == node.children.end()) {
            throw Refused{not_embedded(relation)};
        }
        if (!child->to_one()) {
            const std::string origin = node.link == nullptr ? node.name : node.link->to.name;
            throw Refused{
                {400,
                 "PGRST118",
                 "A related order on '" + relation + "' is not possible",
                 "'" + origin + "' and '" + relation + "' do not form a many-to-one or one-to-one relationship",
                 {}}};
        }
        return child->joined;
    }

    // What the relation above shows of this one. Aggregates of a row are its value; so they are done above.
    static void spread(ReadNode& node) {
        if (!node.to_one() && node.aggregates()) {
            throw Refused{{400,
                           "PGRST127",
                           "Feature not implemented",
                           "Aggregates are not implemented for one-to-many or many-to-many spreads.",
                           {}}};
        }
        std::vector<SelectItem> items;
        for (SelectItem& item : node.items) {
            if (item.kind == SelectItem::Kind::star) {
                if (node.relation == nullptr) {
                    continue;
                }
                for (const Column& column : node.relation->columns) {
                    SelectItem one;
                    one.field.name = column.name;
                    items.push_back(one);
                    node.spread_items.push_back({column.name, column.name, Aggregate::none, {}});
                }
                continue;
            }
            SpreadItem shown{name_of(item), name_of(item), item.aggregate, item.aggregate_cast};
            node.spread_items.push_back(shown);
            item.alias = shown.name;
            item.aggregate = Aggregate::none;
            item.aggregate_cast.clear();
            items.push_back(item);
        }
        node.items = std::move(items);
        for (ReadNode& child : node.children) {
            if (!child.spread) {
                if (!child.hidden) {
                    node.spread_items.push_back({child.name, child.name, Aggregate::none, {}});
                }
                continue;
            }
            for (SpreadItem& item : child.spread_items) {
                node.spread_items.push_back({item.alias, item.alias, item.aggregate, item.aggregate_cast});
                item.aggregate = Aggregate::none;  // a step further up
                item.aggregate_cast.clear();
            }
        }
    }

    const Schema& schema_;
    const Name& root_;
    const PlanOptions& options_;
    int count_ = 0;
};

// ---- functions ----

bool takes_body(const Function& function, std::string_view body_type) {
    if (function.parameters.size() != 1 || !function.parameters.front().name.empty()) {
        return false;
    }
    const std::string& type = function.parameters.front().type;
    return (body_type == "json" && (type == "json" || type == "jsonb")) || (body_type == "text" && type == "text") ||
           (body_type == "xml" && type == "xml") || (body_type == "octets" && type == "bytea");
}

bool is_raw(std::string_view body_type) { return body_type == "text" || body_type == "xml" || body_type == "octets"; }

bool takes(const Function& function, const std::set<std::string>& arguments, std::string_view body_type) {
    if (function.parameters.empty()) {
        return arguments.empty() && !is_raw(body_type);
    }
    std::size_t met = 0;
    for (const Parameter& parameter : function.parameters) {
        const bool given = !parameter.name.empty() && arguments.contains(parameter.name);
        if (parameter.required && !given) {
            return false;
        }
        met += given ? 1 : 0;
    }
    return met == arguments.size();
}

std::string list(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        text += text.empty() ? "" : ", ";
        text += name;
    }
    return text;
}

std::string parameters_of(const Function& function) {
    std::vector<std::string> names;
    for (const Parameter& parameter : function.parameters) {
        names.push_back(parameter.name);
    }
    std::sort(names.begin(), names.end());
    return '(' + list(names) + ')';
}

std::string function_hint(const Schema& schema, const Name& name, std::vector<std::string> arguments) {
    std::vector<std::string> candidates;
    const auto [begin, end] = schema.functions.equal_range(name);
    std::optional<std::string> meant;
    if (begin == end) {
        for (const auto& [known, function] : schema.functions) {
            if (known.schema == name.schema) {
                candidates.push_back(known.name);
            }
        }
        meant = most_similar(candidates, name.name, kNearEnough);
    } else {
        for (auto function = begin; function != end; ++function) {
            candidates.push_back(parameters_of(function->second));
        }
        std::sort(arguments.begin(), arguments.end());
        meant = most_similar(candidates, '(' + list(arguments) + ')', 0.33);
        meant = meant ? std::optional(name.name + *meant) : std::nullopt;
    }
    return meant ? "Perhaps you meant to call the function " + name.schema + '.' + *meant : std::string();
}

Failure no_function(const Schema& schema, const Name& name, std::vector<std::string> arguments,
                    std::string_view body_type) {
    std::sort(arguments.begin(), arguments.end());
    const std::string full = name.schema + '.' + name.name;
    const std::string names = list(arguments);
    const std::string with = arguments.empty()
                                 ? " without parameters"
                                 : (arguments.size() > 1 ? " with parameters " : " with parameter ") + names;
    Failure failure{404, "PGRST202", {}, {}, {}};
    failure.message = "Could not find the function " + full;
    failure.details = "Searched for the function " + full;
    if (is_raw(body_type)) {
        const std::string_view type = body_type == "octets" ? "bytea" : body_type;
        failure.details += " with a single unnamed " + std::string(type) + " parameter";
    } else {
        failure.message += arguments.empty() ? " without parameters" : '(' + names + ')';
        failure.details += with;
        failure.details += body_type == "json" ? " or with a single unnamed json/jsonb parameter" : "";
        failure.hint = function_hint(schema, name, arguments);
    }
    failure.message += " in the schema cache";
    failure.details += ", but no matches were found in the schema cache.";
    return failure;
}

Failure ambiguous(const std::vector<const Function*>& functions) {
    std::string text;
    for (const Function* const function : functions) {
        text += text.empty() ? "" : ", ";
        text += function->name.schema + '.' + function->name.name + '(';
        for (const Parameter& parameter : function->parameters) {
            text += &parameter == &function->parameters.front() ? "" : ", ";
            text += parameter.name + " => " + parameter.type;
        }
        text += ')';
    }
    return {
        300,
        "PGRST203",
        "Could not choose the best candidate function between: " + text,
        {},
        "Try renaming the parameters or the function itself in the database so function overloading can be resolved"};
}

}  // namespace

bool ReadNode::to_one() const {
    if (link == nullptr) {
        return false;
    }
    using Cardinality = Relationship::Cardinality;
    return link->cardinality == Cardinality::many_to_one || link->cardinality == Cardinality::one_to_one ||
           (link->cardinality == Cardinality::computed && link->to_one);
}

bool ReadNode::aggregates() const {
    const auto is_one = [](const auto& item) { return item.aggregate != Aggregate::none; };
    return !having.empty() || std::any_of(items.begin(), items.end(), is_one) ||
           std::any_of(order.begin(), order.end(), is_one) ||
           std::any_of(children.begin(), children.end(), [&](const ReadNode& child) {
               return child.spread && std::any_of(child.spread_items.begin(), child.spread_items.end(), is_one);
           });
}

std::variant<ReadNode, Failure> plan_read(const Schema& schema, const Name& root, const Query& query,
                                          const PlanOptions& options) {
    try {
        return Planner(schema, root, options).plan(query);
    } catch (const Refused& refused) {
        return refused.failure;
    } catch (const NoRelationship& none) {
        return none.failure;
    }
}

std::variant<FoundFunction, Failure> find_function(const Schema& schema, const Name& name,
                                                   const std::vector<std::string>& arguments,
                                                   std::string_view body_type) {
    const std::set<std::string> names(arguments.begin(), arguments.end());
    std::vector<const Function*> by_name;
    std::vector<const Function*> by_body;
    const auto [begin, end] = schema.functions.equal_range(name);
    for (auto entry = begin; entry != end; ++entry) {
        if (takes(entry->second, names, body_type)) {
            by_name.push_back(&entry->second);
        } else if (takes_body(entry->second, body_type)) {
            by_body.push_back(&entry->second);
        }
    }
    if (by_name.size() > 1 || (by_name.empty() && by_body.size() > 1)) {
        return ambiguous(by_name.empty() ? by_body : by_name);
    }
    if (by_name.empty() && by_body.empty()) {
        return no_function(schema, name, {names.begin(), names.end()}, body_type);
    }
    return FoundFunction{by_name.empty() ? by_body.front() : by_name.front(), by_name.empty()};
}

Failure no_relation(const Schema& schema, const Name& name) {
    std::vector<std::string> candidates;
    for (const auto& [known, relation] : schema.relations) {
        if (known.schema == name.schema) {
            candidates.push_back(known.name);
        }
    }
    const auto meant = most_similar(candidates, name.name, kNearEnough);
    const std::string full = name.schema + '.' + name.name;
    return {404,
            "PGRST205",
            "Could not find the table '" + full + "' in the schema cache",
            {},
            meant ? "Perhaps you meant the table '" + name.schema + '.' + *meant + "'" : std::string()};
}

}  // namespace analytics::rest
