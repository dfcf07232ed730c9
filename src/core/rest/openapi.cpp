#include "core/rest/openapi.hpp"

#include "core/http/errors.hpp"
#include "core/json.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <span>

namespace analytics::rest {
namespace {

// --- Writing JSON
// -----------------------------------------------------------------------------------------------------

class Writer {
public:
    Writer& open(char bracket) {
        separate();
        out_ += bracket;
        return *this;
    }
    Writer& close(char bracket) {
        out_ += bracket;
        return *this;
    }
    Writer& key(std::string_view name) {
        text(name);
        out_ += ':';
        return *this;
    }
    Writer& text(std::string_view value) {
        separate();
        http::append_json(out_, value);
        return *this;
    }
    Writer& raw(std::string_view json) {
        separate();
        out_ += json;
        return *this;
    }
    Writer& member(std::string_view name, std::string_view value) { return key(name).text(value); }
    Writer& unless_empty(std::string_view name, std::string_view value) {
        return value.empty() ? *this : member(name, value);
    }
    Writer& flag(std::string_view name, bool value) { return key(name).raw(value ? "true" : "false"); }
    template <typename Texts>
    Writer& list(std::string_view name, const Texts& texts) {
        key(name).open('[');
        for (const auto& one : texts) {
            text(one);
        }
        return close(']');
    }
    Writer& reference(std::string_view kind, std::string_view name) {
        return open('{').member("$ref", "#/" + std::string(kind) + "/" + escaped(name)).close('}');
    }

    std::string take() { return std::move(out_); }

private:
    void separate() {
        if (!out_.empty() && std::string_view("{[:,").find(out_.back()) == std::string_view::npos) {
            out_ += ',';
        }
    }

    // A name inside of a JSON pointer inside of a URI.
    static std::string escaped(std::string_view name) {
        std::string out;
        for (const char c : name) {
            constexpr std::string_view digits = "0123456789ABCDEF";
            const auto byte = static_cast<unsigned char>(c);
            if (c == '~') {
                out += "~0";
            } else if (c == '/') {
                out += "~1";
            } else if (byte <= ' ' || byte == 0x7F ||
                       std::string_view("\"%<>\\^`{|}#").find(c) != std::string_view::npos) {
                out += {'%', digits[byte >> 4U], digits[byte & 15U]};
            } else {
                out += c;
            }
        }
        return out;
    }

    std::string out_;
};

// --- Types
// ------------------------------------------------------------------------------------------------------------

bool is_array(std::string_view type) { return type.ends_with("[]"); }

// Swagger's name of a type; empty: any value.
std::string_view swagger_type(std::string_view type) {
    static const std::map<std::string_view, std::string_view> known = {
        {"boolean", "boolean"}, {"smallint", "integer"}, {"integer", "integer"},         {"bigint", "integer"},
        {"numeric", "number"},  {"real", "number"},      {"double precision", "number"}, {"json", ""},
        {"jsonb", ""},
    };
    const auto found = known.find(type);
    if (found != known.end()) {
        return found->second;
    }
    return is_array(type) ? "array" : "string";
}

std::string_view swagger_format(std::string_view type) {
    if (type == "smallint" || type == "integer") {
        return "int32";
    }
    return type == "bigint" ? "int64" : type;
}

std::string_view element(std::string_view type) { return type.substr(0, type.size() - 2); }

std::string_view without_schema(std::string_view type, std::string_view schema) {
    return type.starts_with(schema) && type.substr(schema.size()).starts_with('.') ? type.substr(schema.size() + 1)
                                                                                   : type;
}

// A domain over one of PostgreSQL's own types counts as that.
std::string_view type_of(const Column& column) {
    const bool is_builtin = column.base_type.find('.') == std::string::npos;
    return is_builtin ? std::string_view(column.base_type) : without_schema(column.full_type, "public");
}

// A request looks for types in the schema itself, so its arguments' types need no schema.
std::string_view type_of(const Parameter& parameter, std::string_view schema) {
    return without_schema(without_schema(parameter.type, schema), "public");
}

void write_type(Writer& out, std::string_view type) {
    out.member("format", swagger_format(type)).unless_empty("type", swagger_type(type));
    if (is_array(type)) {
        out.key("items").open('{').unless_empty("type", swagger_type(element(type))).close('}');
    }
}

// A default as JSON; empty where it is an expression that JSON has no value for.
std::string default_value(std::string_view sql, std::string_view type) {
    if (swagger_type(type) == "string") {
        const std::string cast = "::" + std::string(type);
        if (sql.ends_with(cast)) {
            sql.remove_suffix(cast.size());
            while (sql.starts_with('\'')) {
                sql.remove_prefix(1);
            }
            while (sql.ends_with('\'')) {
                sql.remove_suffix(1);
            }
        }
        std::string out;
        http::append_json(out, sql);
        return out;
    }
    const std::string copy(sql);
    json::Document document;
    const bool is_json = document.read(copy.data(), copy.data() + copy.size()) && !document.flaw() &&
                         json::skip_blanks(document.stop(), copy.data() + copy.size()) == copy.data() + copy.size();
    return is_json && document.root().type != json::Type::null ? copy : std::string();
}

// --- Parts of the document
// --------------------------------------------------------------------------------------------

constexpr std::array<std::string_view, 4> kAnswers = {"application/json",
                                                      "application/vnd.pgrst.object+json;nulls=stripped",
                                                      "application/vnd.pgrst.object+json", "text/csv"};
constexpr std::array<std::string_view, 2> kBodies = {"application/json", "text/csv"};
constexpr std::array<std::string_view, 3> kFunctionAnswers = {
    "application/json", "application/vnd.pgrst.object+json;nulls=stripped", "application/vnd.pgrst.object+json"};

// The first line of a comment, and what follows it.
std::pair<std::string_view, std::string_view> parts_of(std::string_view comment) {
    const std::size_t end = std::min(comment.find('\n'), comment.size());
    std::string_view rest = comment.substr(end);
    rest.remove_prefix(std::min(rest.find_first_not_of('\n'), rest.size()));
    return {comment.substr(0, end), rest};
}

void write_summary(Writer& out, std::string_view comment) {
    const auto [summary, description] = parts_of(comment);
    out.unless_empty("summary", summary).unless_empty("description", description);
}

// The key that this column alone is, of a table rather than of a view that shows it.
const Relationship* foreign_key(const Schema& schema, const std::vector<const Relationship*>& relationships,
                                const Column& column) {
    const Relationship* best = nullptr;
    const auto rank = [&](const Relationship& r) {
        const Relation* target = schema.find_relation(r.to);
        return std::pair(target != nullptr && target->is_view, r.to);
    };
    for (const Relationship* relationship : relationships) {
        const bool has_key =
            relationship->cardinality == Relationship::Cardinality::many_to_one ||
            (relationship->cardinality == Relationship::Cardinality::one_to_one && relationship->is_parent);
        if (has_key && relationship->to.schema == relationship->from.schema && relationship->columns.size() == 1 &&
            relationship->columns[0].first == column.name && (best == nullptr || rank(*relationship) < rank(*best))) {
            best = relationship;
        }
    }
    return best;
}

std::string description_of(const Relation& relation, const Column& column, const Relationship* key) {
    const bool is_primary =
        std::find(relation.primary_key.begin(), relation.primary_key.end(), column.name) != relation.primary_key.end();
    if (!is_primary && key == nullptr) {
        return column.comment;
    }
    std::string out = column.comment.empty() ? "" : column.comment + "\n\n";
    out += "Note:";
    if (is_primary) {
        out += "\nThis is a Primary Key.<pk/>";
    }
    if (key != nullptr) {
        const std::string& table = key->to.name;
        const std::string& target = key->columns[0].second;
        out += "\nThis is a Foreign Key to `" + table + "." + target + "`.<fk table='" + table + "' column='" + target +
               "'/>";
    }
    return out;
}

void write_definition(Writer& out, const Schema& schema, const Relation& relation) {
    out.key(relation.name.name).open('{').member("type", "object").unless_empty("description", relation.comment);
    const auto relationships = schema.from(relation.name);
    out.key("properties").open('{');
    std::vector<std::string_view> required;
    for (const Column& column : relation.columns) {
        const std::string_view type = type_of(column);
        out.key(column.name).open('{');
        write_type(out, type);
        out.unless_empty("description", description_of(relation, column, foreign_key(schema, relationships, column)));
        if (!column.default_sql.empty()) {
            const std::string value = default_value(column.default_sql, type);
            if (!value.empty()) {
                out.key("default").raw(value);
            }
        }
        if (!column.enum_labels.empty()) {
            out.list("enum", column.enum_labels);
        }
        if (column.max_length > 0) {
            out.key("maxLength").raw(std::to_string(column.max_length));
        }
        if (!column.not_null) {  // version 2.0 has no word of its own for it
            out.flag("x-nullable", true);
        }
        out.close('}');
        if (column.not_null) {
            required.emplace_back(column.name);
        }
    }
    out.close('}');
    if (!required.empty()) {
        out.list("required", required);
    }
    out.close('}');
}

void write_parameter(Writer& out, std::string_view id, std::string_view name, std::string_view description,
                     std::string_view in, std::initializer_list<std::string_view> values = {}) {
    out.key(id).open('{').member("name", name).unless_empty("description", description).flag("required", false);
    out.member("in", in).member("type", "string");
    if (values.size() > 0) {
        out.list("enum", values);
    }
    if (id == "rangeUnit") {
        out.member("default", "items");
    }
    out.close('}');
}

void write_parameters(Writer& out, const std::vector<const Relation*>& relations) {
    out.key("parameters").open('{');
    write_parameter(out, "preferParams", "Prefer", "Preference", "header");
    write_parameter(out, "preferReturn", "Prefer", "Preference", "header",
                    {"return=representation", "return=minimal", "return=none"});
    write_parameter(out, "preferCount", "Prefer", "Preference", "header", {"count=none"});
    write_parameter(out, "preferPost", "Prefer", "Preference", "header",
                    {"return=representation", "return=minimal", "return=none", "resolution=ignore-duplicates",
                     "resolution=merge-duplicates"});
    write_parameter(out, "select", "select", "Filtering Columns", "query");
    write_parameter(out, "on_conflict", "on_conflict", "On Conflict", "query");
    write_parameter(out, "order", "order", "Ordering", "query");
    write_parameter(out, "range", "Range", "Limiting and Pagination", "header");
    write_parameter(out, "rangeUnit", "Range-Unit", "Limiting and Pagination", "header");
    write_parameter(out, "offset", "offset", "Limiting and Pagination", "query");
    write_parameter(out, "limit", "limit", "Limiting and Pagination", "query");
    for (const Relation* relation : relations) {
        const std::string& name = relation->name.name;
        out.key("body." + name).open('{').member("name", name).member("description", name).flag("required", false);
        out.member("in", "body").key("schema").reference("definitions", name).close('}');
        for (const Column& column : relation->columns) {
            write_parameter(out, "rowFilter." + name + "." + column.name, column.name, column.comment, "query");
        }
    }
    out.close('}');
}

// --- Answers
// ----------------------------------------------------------------------------------------------------------------

struct Answer {
    std::string_view status;
    std::string_view description;
};
// Refusals: PostgREST's own, and those of PostgreSQL's errors (sql_error.cpp).
constexpr std::array<Answer, 13> kRefusals = {{
    {"400", "Bad Request"},
    {"401", "Unauthorized"},
    {"403", "Forbidden"},
    {"404", "Not Found"},
    {"405", "Method Not Allowed"},
    {"406", "Not Acceptable"},
    {"409", "Conflict"},
    {"413", "Content Too Large"},
    {"416", "Range Not Satisfiable"},
    {"500", "Internal Server Error"},
    {"503", "Service Unavailable"},
    {"504", "Gateway Timeout"},
    {"default", "An error that a function or a trigger raises with a status of its own"},
}};
constexpr std::array<std::string_view, 4> kErrorMembers = {"code", "details", "hint", "message"};
using Statuses = std::span<const std::string_view>;
constexpr std::string_view kRefusedReads[] = {"400", "401", "403", "404", "406", "416", "500", "503", "504", "default"};
constexpr std::string_view kRefusedWrites[] = {"400", "401", "403", "404", "405", "406",
                                               "409", "413", "500", "503", "504", "default"};
constexpr std::string_view kRefusedCalls[] = {"400", "401", "403", "404", "405", "406",    "409",
                                              "413", "416", "500", "503", "504", "default"};

void write_answer(Writer& out, std::string_view status, std::string_view description) {
    out.key(status).open('{').member("description", description).close('}');
}

void write_rows(Writer& out, std::string_view status, std::string_view description, const Relation& relation) {
    out.key(status).open('{').member("description", description).key("schema").open('{').member("type", "array");
    out.key("items").reference("definitions", relation.name.name).close('}').close('}');
}

void write_refusals(Writer& out, Statuses statuses) {
    for (const std::string_view status : statuses) {
        out.key(status).reference("responses", status);
    }
}

// What refusals are: the body of each has the same members.
void write_responses(Writer& out) {
    out.key("responses").open('{');
    for (const Answer& answer : kRefusals) {
        out.key(answer.status).open('{').member("description", answer.description);
        out.key("schema").open('{').member("type", "object").list("required", kErrorMembers);
        out.key("properties").open('{');
        out.key("code").open('{').member("type", "string").close('}');
        out.key("message").open('{').member("type", "string").close('}');
        out.key("details").open('{').close('}');  // a text, null, or a list
        out.key("hint").open('{').member("type", "string").flag("x-nullable", true).close('}');
        out.close('}').close('}').close('}');
    }
    out.close('}');
}

// --- Paths
// ------------------------------------------------------------------------------------------------------------------

// An operation on a relation but for its answers: `filtered`, it takes a filter of each column.
void open_operation(Writer& out, std::string_view method, const Relation& relation, bool filtered,
                    std::initializer_list<std::string_view> parameters) {
    const std::string& name = relation.name.name;
    out.key(method).open('{').list("tags", std::initializer_list<std::string_view>{name});
    write_summary(out, relation.comment);
    out.key("parameters").open('[');
    if (filtered) {
        for (const Column& column : relation.columns) {
            out.reference("parameters", "rowFilter." + name + "." + column.name);
        }
    }
    for (const std::string_view parameter : parameters) {
        out.reference("parameters", parameter == "body" ? "body." + name : std::string(parameter));
    }
    out.close(']').key("responses").open('{');
}

void write_path(Writer& out, const Relation& relation) {
    out.key("/" + relation.name.name).open('{');
    open_operation(out, "get", relation, true,
                   {"select", "order", "range", "rangeUnit", "offset", "limit", "preferCount"});
    write_rows(out, "200", "OK", relation);
    write_rows(out, "206", "Partial Content", relation);
    write_refusals(out, kRefusedReads);
    out.close('}').close('}');
    if (relation.insertable || relation.updatable || relation.deletable) {
        open_operation(out, "post", relation, false, {"body", "select", "preferPost"});
        write_answer(out, "200", "OK, nothing was new");
        write_answer(out, "201", "Created");
        write_refusals(out, kRefusedWrites);
        out.close('}').close('}');
        open_operation(out, "patch", relation, true, {"body", "preferReturn"});
        write_rows(out, "200", "OK", relation);
        write_answer(out, "204", "No Content");
        write_refusals(out, kRefusedWrites);
        out.close('}').close('}');
        open_operation(out, "delete", relation, true, {"preferReturn"});
        write_rows(out, "200", "OK", relation);
        write_answer(out, "204", "No Content");
        write_refusals(out, kRefusedWrites);
        out.close('}').close('}');
    }
    out.close('}');
}

// In a query string an array is written as PostgreSQL does, and JSON as text.
void write_query_argument(Writer& out, const Parameter& parameter, std::string_view type) {
    out.open('{').member("name", parameter.name).flag("required", parameter.required).member("in", "query");
    if (parameter.variadic) {
        out.member("type", "array").member("collectionFormat", "multi").key("items").open('{');
        const std::string_view one = swagger_type(element(type));
        out.member("type", one.empty() ? "string" : one).member("format", swagger_format(element(type))).close('}');
    } else {
        const std::string_view one = swagger_type(type);
        out.member("format", swagger_format(type)).member("type", one.empty() || one == "array" ? "string" : one);
    }
    out.close('}');
}

void write_arguments(Writer& out, const Function& function) {
    out.open('{').member("type", "object").unless_empty("description", function.comment).key("properties").open('{');
    std::vector<std::string_view> required;
    for (const Parameter& parameter : function.parameters) {
        out.key(parameter.name).open('{');
        write_type(out, type_of(parameter, function.name.schema));
        out.close('}');
        if (parameter.required) {
            required.emplace_back(parameter.name);
        }
    }
    out.close('}');
    if (!required.empty()) {
        out.list("required", required);
    }
    out.close('}');
}

// The media type of a body that is the argument, of a function whose only one has no name; empty: it has names.
std::string_view body_type(const Function& function) {
    if (function.parameters.size() != 1 || !function.parameters[0].name.empty()) {
        return {};
    }
    const std::string& type = function.parameters[0].type;
    return type == "text"    ? "text/plain"
           : type == "xml"   ? "text/xml"
           : type == "bytea" ? "application/octet-stream"
                             : "application/json";
}

void write_function(Writer& out, const Function& function) {
    const std::string_view body = body_type(function);
    const auto operation = [&](std::string_view method) -> Writer& {
        out.key(method).open('{');
        out.list("tags", std::initializer_list<std::string>{"(rpc) " + function.name.name});
        write_summary(out, function.comment);
        if (method == "post") {
            out.list("consumes", std::initializer_list<std::string_view>{body.empty() ? "application/json" : body});
        }
        return out.list("produces", kFunctionAnswers).key("parameters").open('[');
    };
    const auto close = [&] {
        out.close(']').key("responses").open('{');
        if (function.kind == Function::Kind::none) {
            write_answer(out, "204", "No Content");
        } else {
            write_answer(out, "200", "OK");
        }
        if (function.is_set) {
            write_answer(out, "206", "Partial Content");
        }
        write_refusals(out, kRefusedCalls);
        out.close('}').close('}');
    };
    out.key("/rpc/" + function.name.name).open('{');
    if (function.volatility != Function::Volatility::volatile_ && body.empty()) {
        operation("get");
        for (const Parameter& parameter : function.parameters) {
            write_query_argument(out, parameter, type_of(parameter, function.name.schema));
        }
        close();
    }
    operation("post").open('{').member("name", "args").flag("required", true).member("in", "body").key("schema");
    if (body.empty()) {
        write_arguments(out, function);
    } else {
        out.open('{').unless_empty("description", function.comment);
        out.unless_empty("type", swagger_type(function.parameters[0].type)).close('}');
    }
    out.close('}').reference("parameters", "preferParams");
    close();
    out.close('}');
}

// Of functions of one name the one with the most parameters: the document has one place for each.
std::vector<const Function*> functions_of(const Schema& schema, const OpenApiAbout& about) {
    std::map<Name, const Function*> chosen;
    for (const auto& [name, function] : schema.functions) {
        if (name.schema == about.schema && about.functions.contains(name)) {
            const Function*& best = chosen[name];
            if (best == nullptr || best->parameters.size() <= function.parameters.size()) {
                best = &function;
            }
        }
    }
    std::vector<const Function*> out;
    out.reserve(chosen.size());
    for (const auto& [name, function] : chosen) {
        out.push_back(function);
    }
    return out;
}

std::vector<const Relation*> relations_of(const Schema& schema, const OpenApiAbout& about) {
    std::vector<const Relation*> out;
    for (const auto& [name, relation] : schema.relations) {
        if (name.schema == about.schema && about.relations.contains(name)) {
            out.push_back(&relation);
        }
    }
    return out;
}

void write_info(Writer& out, const Schema& schema, const OpenApiAbout& about) {
    const auto comment = schema.schema_comments.find(about.schema);
    const bool has_comment = comment != schema.schema_comments.end() && !comment->second.empty();
    const auto [title, description] =
        has_comment ? parts_of(comment->second)
                    : std::pair<std::string_view, std::string_view>(about.title, about.description);
    out.key("info").open('{').member("title", title).member("description", description);
    out.member("version", about.version).close('}');
    out.key("externalDocs").open('{').member("description", "PostgREST Documentation");
    out.member("url", about.manual).close('}');
}

}  // namespace

std::string openapi(const Schema& schema, const OpenApiAbout& about) {
    const std::vector<const Relation*> relations = relations_of(schema, about);
    Writer out;
    out.open('{').member("swagger", "2.0");
    write_info(out, schema, about);
    out.member("host", about.host).member("basePath", about.base_path);
    out.list("schemes", std::initializer_list<std::string_view>{about.scheme});
    out.list("consumes", kBodies).list("produces", kAnswers);
    out.key("paths").open('{').key("/").open('{').key("get").open('{');
    out.list("tags", std::initializer_list<std::string_view>{"Introspection"});
    out.member("summary", "OpenAPI description (this document)");
    out.list("produces", std::initializer_list<std::string_view>{"application/openapi+json", "application/json"});
    out.key("responses").open('{');
    write_answer(out, "200", "OK");
    write_refusals(out, kRefusedReads);
    out.close('}').close('}').close('}');
    for (const Relation* relation : relations) {
        write_path(out, *relation);
    }
    for (const Function* function : functions_of(schema, about)) {
        write_function(out, *function);
    }
    out.close('}').key("definitions").open('{');
    for (const Relation* relation : relations) {
        write_definition(out, schema, *relation);
    }
    out.close('}');
    write_parameters(out, relations);
    write_responses(out);
    if (about.shows_security) {
        out.key("securityDefinitions").open('{').key("JWT").open('{').member("type", "apiKey");
        out.member("name", "Authorization").member("in", "header");
        out.member("description", "Add the token prepending \"Bearer \" (without quotes) to it");
        out.close('}').close('}');
        out.key("security").raw(R"([{"JWT":[]}])");
    }
    return out.close('}').take();
}

}  // namespace analytics::rest
