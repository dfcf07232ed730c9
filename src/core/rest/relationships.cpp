#include "core/rest/relationships.hpp"

#include <algorithm>
#include <vector>

#include "core/http/errors.hpp"
#include "core/rest/similar.hpp"

namespace analytics::rest {
namespace {

using Cardinality = Relationship::Cardinality;

bool is_direct(const Relationship& link) {
    return link.cardinality == Cardinality::one_to_many || link.cardinality == Cardinality::many_to_one ||
           link.cardinality == Cardinality::one_to_one;
}

bool by_constraint(const Relationship& link, std::string_view name) {
    return is_direct(link) && link.constraint == name;
}

bool by_own_column(const Relationship& link, std::string_view name) {
    return is_direct(link) && link.columns.size() == 1 && link.columns.front().first == name;
}

bool by_their_column(const Relationship& link, std::string_view name) {
    return is_direct(link) && link.columns.size() == 1 && link.columns.front().second == name;
}

// A foreign key of a relation to itself is two relationships. By convention its name leads to many, a column to one.
bool fits_itself(const Relationship& link, const std::string& target, const std::string& hint) {
    const bool to_many = target == link.to.name && link.cardinality == Cardinality::one_to_many;
    if (hint.empty()) {
        return to_many || (by_own_column(link, target) && link.cardinality == Cardinality::many_to_one);
    }
    return to_many && (by_their_column(link, hint) || by_constraint(link, hint));
}

bool fits(const Schema& schema, const Relationship& link, const std::string& target, const std::string& hint) {
    if (link.cardinality == Cardinality::computed) {
        return target == link.function.name;
    }
    if (link.to_itself) {
        return fits_itself(link, target, hint);
    }
    if (!hint.empty()) {
        return target == link.to.name &&
               (by_constraint(link, hint) || by_own_column(link, hint) || by_their_column(link, hint) ||
                (link.cardinality == Cardinality::many_to_many && link.junction.name == hint));
    }
    const Relation* const to = schema.find_relation(link.to);
    const bool is_view = to != nullptr && to->is_view;
    return target == link.to.name || (!is_view && (by_constraint(link, target) || by_own_column(link, target)));
}

std::string list(const std::vector<std::pair<std::string, std::string>>& columns, bool second) {
    std::string text = "(";
    for (const auto& [mine, theirs] : columns) {
        text += text.size() > 1 ? ", " : "";
        text += second ? theirs : mine;
    }
    return text + ')';
}

std::string describe(const Relationship& link) {
    std::string json = "{\"cardinality\":";
    if (link.cardinality == Cardinality::many_to_many) {
        json += "\"many-to-many\"";
    } else {
        json += link.cardinality == Cardinality::many_to_one  ? "\"many-to-one\""
                : link.cardinality == Cardinality::one_to_one ? "\"one-to-one\""
                                                              : "\"one-to-many\"";
    }
    json += ",\"embedding\":";
    http::append_json(json, link.from.name + " with " + link.to.name);
    json += ",\"relationship\":";
    http::append_json(json, link.cardinality == Cardinality::many_to_many
                                ? link.junction.name + " using " + link.constraint + list(link.columns, true) +
                                      " and " + link.second_constraint + list(link.second_columns, false)
                                : link.constraint + " using " + link.from.name + list(link.columns, false) + " and " +
                                      link.to.name + list(link.columns, true));
    return json + '}';
}

Failure ambiguous(const Name& origin, const std::string& target, const std::vector<const Relationship*>& found) {
    std::string details = "[";
    std::string hints;
    for (const Relationship* const link : found) {
        details += details.size() > 1 ? "," : "";
        details += describe(*link);
        hints += hints.empty() ? "" : ", ";
        hints += '\'' + link->to.name + '!' +
                 (link->cardinality == Cardinality::many_to_many ? link->junction.name : link->constraint) + '\'';
    }
    Failure failure{
        300, "PGRST201",
        "Could not embed because more than one relationship was found for '" + origin.name + "' and '" + target + "'",
        details + ']',
        "Try changing '" + target + "' to one of the following: " + hints +
            ". Find the desired relationship in the 'details' key."};
    failure.details_are_json = true;
    return failure;
}

std::string suggestion(const Schema& schema, const Name& origin, const std::string& target) {
    std::vector<std::string> candidates;
    const auto links = schema.from(origin);
    candidates.reserve(links.size());
    for (const Relationship* const link : links) {
        candidates.push_back(link->to.name);
    }
    std::optional<std::string> meant;
    std::string instead_of = target;
    if (schema.find_relation(origin) == nullptr) {
        instead_of = origin.name;
        for (const Relationship& link : schema.relationships) {
            if (link.from.schema == origin.schema) {
                candidates.push_back(link.from.name);
            }
        }
    } else if (std::find(candidates.begin(), candidates.end(), target) != candidates.end()) {
        return {};  // the hint is what is wrong
    }
    meant = most_similar(candidates, instead_of, 0.5);
    return meant ? "Perhaps you meant '" + *meant + "' instead of '" + instead_of + "'." : std::string();
}

}  // namespace

const Relationship& find_relationship(const Schema& schema, const Name& origin, const std::string& target,
                                      const std::string& hint) {
    std::vector<const Relationship*> found;
    for (const Relationship* const link : schema.from(origin)) {
        if (fits(schema, *link, target, hint)) {
            found.push_back(link);
        }
    }
    // a computed relationship stands in for those of its name
    const auto computed = std::find_if(found.begin(), found.end(), [](const Relationship* link) {
        return link->cardinality == Cardinality::computed;
    });
    if (computed != found.end()) {
        return **computed;
    }
    if (found.empty()) {
        throw NoRelationship{
            {400, "PGRST200",
             "Could not find a relationship between '" + origin.name + "' and '" + target + "' in the schema cache",
             "Searched for a foreign key relationship between '" + origin.name + "' and '" + target +
                 (hint.empty() ? std::string() : "' using the hint '" + hint) + "' in the schema '" + origin.schema +
                 "', but no matches were found.",
             suggestion(schema, origin, target)}};
    }
    if (found.size() > 1) {
        throw NoRelationship{ambiguous(origin, target, found)};
    }
    return *found.front();
}

}  // namespace analytics::rest
