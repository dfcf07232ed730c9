// Whatever stands in a query string and in the headers of PostgREST's dialect: a query is refused with a reason, or
// prints as one that is read and printed the same. The first line is the query string, the rest stands in each header.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "core/rest/cursor.hpp"
#include "core/rest/media_type.hpp"
#include "core/rest/parse_query.hpp"
#include "core/rest/preferences.hpp"
#include "core/rest/range.hpp"

namespace {

using namespace analytics::rest;

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                \
        }                                                                                \
    } while (false)

constexpr const char* kOperators[] = {"eq",     "neq", "gt", "gte",        "lt",  "lte",   "like",  "ilike", "match",
                                      "imatch", "in",  "is", "isdistinct", "fts", "plfts", "phfts", "wfts",  "cs",
                                      "cd",     "ov",  "sl", "sr",         "nxr", "nxl",   "adj"};
constexpr const char* kAggregates[] = {"", ".sum()", ".avg()", ".count()", ".max()", ".min()"};
constexpr const char* kQuantifiers[] = {"", "(any)", "(all)"};
constexpr const char* kJoins[] = {"", "!left", "!inner"};
constexpr const char* kNulls[] = {"", ".nullsfirst", ".nullslast"};

// --- Printing: all names and enclosed values in quotes --------------------------------------------------------------

std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        result.append(c == '"' || c == '\\' ? "\\" : "").push_back(c);
    }
    return result + "\"";
}

std::string encoded(std::string_view text) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        result.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    }
    return result;
}

template <typename Items, typename Print>
std::string joined(const Items& items, std::string_view separator, Print&& print) {
    std::string result;
    bool is_first = true;
    for (const auto& item : items) {
        result.append(is_first ? "" : separator).append(print(item));
        is_first = false;
    }
    return result;
}

std::string printed(const Field& field) {
    std::string result = quoted(field.name);
    for (const JsonStep& step : field.path) {
        result.append(step.as_text ? "->>" : "->").append(step.is_index ? step.key : quoted(step.key));
    }
    return result;
}

std::string printed(const Field& field, Aggregate aggregate) {
    const bool is_bare = aggregate == Aggregate::count && field.name.empty() && field.path.empty();
    return is_bare ? "count()" : printed(field) + kAggregates[static_cast<int>(aggregate)];
}

std::string printed(const std::vector<SelectItem>& items) {
    return joined(items, ",", [](const SelectItem& item) {
        std::string result = item.alias.empty() ? "" : quoted(item.alias) + ":";
        if (item.kind == SelectItem::Kind::star) {
            return result + "*";
        }
        if (item.kind == SelectItem::Kind::relation) {
            result.append(item.spread ? "..." : "").append(quoted(item.relation));
            result.append(item.hint.empty() ? "" : "!" + quoted(item.hint)).append(kJoins[static_cast<int>(item.join)]);
            return result + "(" + printed(item.items) + ")";
        }
        if (item.cast.empty()) {
            result += printed(item.field, item.aggregate);
        } else {
            result.append(printed(item.field)).append("::").append(item.cast);
            result.append(kAggregates[static_cast<int>(item.aggregate)]);
        }
        return result + (item.aggregate_cast.empty() ? "" : "::" + item.aggregate_cast);
    });
}

std::string operation(const Filter& filter, bool enclosed) {
    std::string result = filter.negated ? "not." : "";
    result.append(kOperators[static_cast<int>(filter.op)]).append(kQuantifiers[static_cast<int>(filter.quantifier)]);
    result.append(filter.language.empty() ? "" : "(" + filter.language + ")").append(".");
    if (filter.op == Operator::in) {
        return result + "(" + joined(filter.values, ",", quoted) + ")";
    }
    return result + (enclosed && filter.op != Operator::is ? quoted(filter.value) : filter.value);
}

std::string parts(const Condition& condition);

std::string printed(const Condition& condition) {
    if (condition.kind == Condition::Kind::filter) {
        return printed(condition.filter.field, condition.filter.aggregate) + "." + operation(condition.filter, true);
    }
    return (condition.negated ? "not." : "") +
           std::string(condition.kind == Condition::Kind::conjunction ? "and" : "or") + parts(condition);
}

std::string parts(const Condition& condition) {
    return "(" + joined(condition.parts, ",", [](const Condition& part) { return printed(part); }) + ")";
}

std::string printed(const OrderTerm& term) {
    std::string result = term.relation.empty() ? printed(term.field, term.aggregate)
                                               : quoted(term.relation) + "(" + printed(term.field) + ")";
    result.append(!term.direction_said ? "" : term.descending ? ".desc" : ".asc");
    return result + kNulls[static_cast<int>(term.nulls)];
}

std::string printed(const Query& query) {
    std::string result;
    const auto add = [&](const Path& path, const std::string& name, const std::string& value) {
        const std::string before = joined(path, ".", quoted) + (path.empty() ? "" : ".");
        result.append(encoded(before + name)).append("=").append(encoded(value)).append("&");
    };
    if (query.select_said) {
        add({}, "select", printed(query.select));
    }
    for (const auto& [path, condition] : query.conditions) {
        if (condition.kind == Condition::Kind::filter) {
            add(path, printed(condition.filter.field), operation(condition.filter, false));
        } else {
            const std::string word = condition.kind == Condition::Kind::conjunction ? "and" : "or";
            add(path, (condition.negated ? "not." : "") + word, parts(condition));
        }
    }
    for (const auto& [path, terms] : query.orders) {
        add(path, "order", joined(terms, ",", [](const OrderTerm& term) { return printed(term); }));
    }
    for (const auto& [path, limits] : query.limits) {
        if (limits.limit) {
            add(path, "limit", std::to_string(*limits.limit));
        }
        if (limits.offset > 0) {
            add(path, "offset", std::to_string(limits.offset));
        }
    }
    for (const auto& [path, condition] : query.having) {
        add(path, "having", printed(condition));
    }
    if (query.columns) {
        add({}, "columns", joined(*query.columns, ",", quoted));
    }
    if (query.on_conflict) {
        add({}, "on_conflict", joined(*query.on_conflict, ",", quoted));
    }
    return result;
}

// --- The checks -----------------------------------------------------------------------------------------------------

void check_query(std::string_view text, Reading reading) {
    const auto result = parse_query(text, reading);
    if (const auto* failure = std::get_if<Failure>(&result)) {
        CHECK(failure->status >= 400 && !failure->message.empty());
        CHECK(failure->code != "PGRST100" || !failure->details.empty());
        return;
    }
    const std::string once = printed(std::get<Query>(result));
    const auto again = parse_query(once, reading);
    CHECK(std::holds_alternative<Query>(again));
    CHECK(printed(std::get<Query>(again)) == once);
}

void check_headers(std::string_view text) {
    analytics::http::Fields fields;
    fields.add("Prefer", std::string(text));
    const Preferences preferences = read_preferences(fields, true);
    const std::string applied = preferences_applied(preferences);
    fields.set("Prefer", applied);
    CHECK(preferences_applied(read_preferences(fields, true)) == applied);
    unknown_preferences(preferences);

    for (const MediaType& type : read_accept(text)) {
        CHECK(read_media_type(type.name) == type);
        const std::string name = handled_name(type);
        CHECK(handled_name(read_media_type(name)) == name);
    }
    read_content_type(text);

    const auto rows = rows_asked({}, text);
    if (const auto* limits = std::get_if<Limits>(&rows)) {
        CHECK(limits->limit != 0U && limits->offset <= INT64_MAX);
        CHECK(!limits->limit || *limits->limit <= INT64_MAX);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto end = text.find('\n');
    check_query(text.substr(0, end), Reading::table);
    check_query(text.substr(0, end), Reading::function);
    check_headers(end == std::string_view::npos ? text : text.substr(end + 1));
    return 0;
}
