#include "core/rest/exchange.hpp"

#include <algorithm>
#include <cctype>

#include "core/http/errors.hpp"
#include "core/http/query_string.hpp"
#include "core/json.hpp"
#include "core/rest/function_fields.hpp"
#include "core/rest/media_type.hpp"
#include "core/rest/parse_query.hpp"
#include "core/rest/plan.hpp"
#include "core/rest/preferences.hpp"

namespace analytics::rest {
namespace {

// Raised inside of this file: the answer that ends the preparation.
struct Refused {
    Failure failure;
};

[[noreturn]] void refuse(int status, std::string code, std::string message, std::string details = {},
                         std::string hint = {}) {
    throw Refused{{status, std::move(code), std::move(message), std::move(details), std::move(hint)}};
}

template <typename Value>
Value expect(std::variant<Value, Failure>&& result) {
    if (auto* const failure = std::get_if<Failure>(&result)) {
        throw Refused{std::move(*failure)};
    }
    return std::move(std::get<Value>(result));
}

std::string join(const std::vector<std::string>& parts, std::string_view between) {
    std::string text;
    for (const std::string& part : parts) {
        text += text.empty() ? "" : between;
        text += part;
    }
    return text;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || std::string_view("-_.~").find(c) != std::string_view::npos) {
            out += c;
        } else {
            out += {'%', digits[byte >> 4U], digits[byte & 15U]};
        }
    }
    return out;
}

std::string encoded(std::string_view name, std::string_view value) {
    return percent_encode(name) + '=' + percent_encode(value);
}

// The query string in the order of its names, so that equal requests read the same.
std::string canonical(std::string_view query) {
    auto parameters = http::parse_query(query).value_or(http::Parameters{});
    std::stable_sort(parameters.begin(), parameters.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> parts;
    parts.reserve(parameters.size());
    for (const auto& [name, value] : parameters) {
        parts.push_back(encoded(name, value));
    }
    return join(parts, "&");
}

Prepared::Kind kind_of(const http::Request& request, const Target& target) {
    if (target.is_function) {
        return Prepared::Kind::call;
    }
    if (request.method == "POST") {
        return Prepared::Kind::insert;
    }
    if (request.method == "PUT") {
        return Prepared::Kind::put;
    }
    if (request.method == "PATCH") {
        return Prepared::Kind::update;
    }
    return request.method == "DELETE" ? Prepared::Kind::remove : Prepared::Kind::read;
}

constexpr std::string_view kAnyType = "*/*";

template <typename Pleases>
bool all_filters(const Condition& condition, const Pleases& pleases) {
    return condition.kind == Condition::Kind::filter
               ? pleases(condition.filter.field)
               : std::all_of(condition.parts.begin(), condition.parts.end(),
                             [&](const Condition& part) { return all_filters(part, pleases); });
}

bool writes(Prepared::Kind kind) { return kind != Prepared::Kind::read && kind != Prepared::Kind::call; }

void add_legacy_names(const ReadNode& node, std::vector<std::string>& names) {
    if (node.found_as_asked) {
        names.push_back('`' + node.asked + "` to `" + node.name + '`');
    }
    for (const ReadNode& child : node.children) {
        add_legacy_names(child, names);
    }
}

// As PostgREST's setting url-use-legacy-target-names has it, which is on by default.
std::string warning_of(const ReadNode& node) {
    std::vector<std::string> names;
    add_legacy_names(node, names);
    return names.empty() ? ""
                         : "299 PostgRESTv16 \"Embedded resource was referenced by relation name even though it has an "
                           "alias. This is deprecated and will stop working in a future release. Update " +
                               join(names, ", ") + " in query string filters, orders or limits.\"";
}

// A request's way through: what is read of it first is what later parts need.
class Preparation {
public:
    Preparation(const http::Request& request, const Target& target, const Schema& schema,
                const ExchangeSettings& settings)
        : request_(request), target_(target), schema_(schema), settings_(settings) {}

    std::variant<Prepared, http::Response> work() {
        out_.kind = kind_of(request_, target_);
        out_.head = request_.method == "HEAD";
        by_get_ = target_.is_function && request_.method != "POST";
        read_profile();
        if (request_.method == "OPTIONS") {
            return options();
        }
        preferences_ = read_preferences(request_.fields, settings_.tx_override);
        query_ = expect(parse_query(request_.query, by_get_ ? Reading::function : Reading::table));
        read_range();
        name_ = {out_.schema, target_.name};
        if (out_.kind == Prepared::Kind::call) {
            find_the_function();
        } else {
            relation_ = schema_.find_relation(name_);
            if (relation_ == nullptr) {
                throw Refused{no_relation(schema_, name_)};
            }
            if (writes(out_.kind) && out_.kind != Prepared::Kind::remove) {
                read_body();
            }
        }
        plan();
        Write write;
        if (writes(out_.kind)) {
            write = plan_write();
        }
        negotiate();
        check_strict();
        build(write);
        return std::move(out_);
    }

private:
    void read_profile() {
        ChosenSchema chosen = expect(choose_schema(request_, settings_.schemas));
        out_.content_profile = chosen.negotiated ? chosen.name : std::string();
        out_.schema = std::move(chosen.name);
    }

    http::Response options() {
        std::string allowed;
        if (target_.is_function) {
            const auto [begin, end] = schema_.functions.equal_range({out_.schema, target_.name});
            if (begin == end) {
                throw Refused{std::get<Failure>(find_function(schema_, {out_.schema, target_.name}, {}, {}))};
            }
            allowed = std::any_of(
                          begin, end,
                          [](const auto& entry) { return entry.second.volatility != Function::Volatility::volatile_; })
                          ? "OPTIONS,GET,HEAD,POST"
                          : "OPTIONS,POST";
        } else {
            const Name name{out_.schema, target_.name};
            const Relation* const relation = schema_.find_relation(name);
            if (relation == nullptr) {
                throw Refused{no_relation(schema_, name)};
            }
            allowed = "OPTIONS,GET,HEAD";
            allowed += relation->insertable ? ",POST" : "";
            allowed += relation->insertable && relation->updatable && !relation->primary_key.empty() ? ",PUT" : "";
            allowed += relation->updatable ? ",PATCH" : "";
            allowed += relation->deletable ? ",DELETE" : "";
        }
        http::Response response;
        response.fields.add("Allow", allowed);
        return response;
    }

    void read_range() {
        const auto header = request_.method == "GET" ? request_.fields.find("Range") : std::nullopt;
        out_.range = expect(rows_asked(query_, header));
        if (out_.kind == Prepared::Kind::put && (out_.range.limit || out_.range.offset > 0)) {
            refuse(400, "PGRST114", "limit/offset querystring parameters are not allowed for PUT");
        }
        std::erase_if(query_.limits, [](const auto& entry) { return entry.first.empty(); });
        if (out_.range.limit || out_.range.offset > 0) {
            query_.limits.emplace_back(Path{}, out_.range);
        }
    }

    BodyType body_type() const {
        switch (read_content_type(request_.fields.find("Content-Type")).kind) {
            case MediaType::Kind::json:
                return BodyType::json;
            case MediaType::Kind::csv:
                return BodyType::csv;
            case MediaType::Kind::form:
                return BodyType::form;
            case MediaType::Kind::text:
                return BodyType::text;
            case MediaType::Kind::xml:
                return BodyType::xml;
            case MediaType::Kind::octet_stream:
                return BodyType::octets;
            default:
                return BodyType::other;
        }
    }

    void read_body() {
        const BodyType type = body_type();
        std::string_view body = request_.body;
        if (out_.kind == Prepared::Kind::call && body.empty() && type == BodyType::json) {
            body = "{}";
        }
        if (out_.kind != Prepared::Kind::call && type != BodyType::json && type != BodyType::csv &&
            type != BodyType::form) {
            refuse(400, "PGRST102",
                   "Content-Type not acceptable: " + std::string(request_.fields.find("Content-Type").value_or("")));
        }
        payload_ = expect(read_payload(body, type, query_.columns.has_value()));
        if (query_.columns) {
            payload_.columns = *query_.columns;
        }
    }

    // Names of arguments, and the function that takes them.
    void find_the_function() {
        std::vector<std::string> names;
        std::string_view type;
        if (by_get_) {
            for (const auto& [name, value] : query_.parameters) {
                names.push_back(name);
            }
        } else {
            read_body();
            names = payload_.columns;
            switch (body_type()) {
                case BodyType::text:
                    type = "text";
                    break;
                case BodyType::xml:
                    type = "xml";
                    break;
                case BodyType::octets:
                    type = "octets";
                    break;
                case BodyType::form:
                    type = "form";
                    break;
                case BodyType::json:
                    type = "json";
                    break;
                case BodyType::csv:
                    type = "csv";
                    break;
                default:
                    refuse(400, "PGRST102",
                           "Content-Type not acceptable: " +
                               std::string(request_.fields.find("Content-Type").value_or("")));
            }
        }
        const FoundFunction found = expect(find_function(schema_, name_, names, type));
        call_.function = found.function;
        call_.takes_body = found.takes_body;
        if (type == "octets") {
            payload_.json = hexadecimal(payload_.json);
        }
        if (by_get_ || type == "form") {
            call_.arguments = by_get_ ? query_.parameters : payload_.form;
        } else {
            call_.payload = &payload_;
        }
        for (const Parameter& parameter : found.function->parameters) {
            if (!found.takes_body && std::find(names.begin(), names.end(), parameter.name) != names.end()) {
                call_.parameters.push_back(&parameter);
            }
        }
        out_.returns_void = found.function->kind == Function::Kind::none;
        out_.settings = found.function->settings;
        relation_ = schema_.find_relation(found.function->type_relation);
    }

    // bytea's own way to be written.
    static std::string hexadecimal(std::string_view bytes) {
        constexpr std::string_view digits = "0123456789abcdef";
        std::string text = "\\x";
        for (const char c : bytes) {
            const auto byte = static_cast<unsigned char>(c);
            text += {digits[byte >> 4U], digits[byte & 15U]};
        }
        return text;
    }

    void plan() {
        PlanOptions options;
        options.aggregates = settings_.aggregates;
        options.max_rows = settings_.max_rows;
        options.from_source = out_.kind != Prepared::Kind::read;
        options.for_write = writes(out_.kind);
        const Name root = relation_ == nullptr ? name_ : relation_->name;
        node_ = expect(plan_read(schema_, root, query_, options));
        out_.warning = warning_of(node_);
        out_.counts = preferences_.count.has_value();
    }

    Write plan_write() {
        Write write;
        write.relation = relation_;
        write.payload = &payload_;
        write.kind = out_.kind == Prepared::Kind::insert   ? Write::Kind::insert
                     : out_.kind == Prepared::Kind::put    ? Write::Kind::put
                     : out_.kind == Prepared::Kind::update ? Write::Kind::update
                                                           : Write::Kind::remove;
        for (const auto& [path, condition] : query_.conditions) {
            if (path.empty()) {
                write.conditions.push_back(condition);
            }
        }
        write.columns = columns_of_payload();
        write.conflict = query_.on_conflict.value_or(relation_->primary_key);
        write.defaults = preferences_.missing == Preferences::Missing::defaults && write.kind != Write::Kind::put;
        if (write.kind == Write::Kind::insert) {
            write.resolution =
                preferences_.resolution == Preferences::Resolution::merge_duplicates    ? Write::Resolution::merge
                : preferences_.resolution == Preferences::Resolution::ignore_duplicates ? Write::Resolution::ignore
                                                                                        : Write::Resolution::none;
            if (write.conflict.empty()) {
                write.resolution =
                    write.resolution == Write::Resolution::merge ? write.resolution : Write::Resolution::none;
            }
        }
        if (write.kind == Write::Kind::put) {
            check_put(write.conditions);
            write.conflict = relation_->primary_key;
        }
        out_.merges = write.resolution == Write::Resolution::merge;
        const auto wanted = preferences_.return_;
        out_.shows_rows = wanted == Preferences::Return::representation;
        write.location = wanted == Preferences::Return::headers_only && write.kind == Write::Kind::insert;
        if (out_.shows_rows || write.location) {
            write.returning = needed_columns(
                node_, out_.shows_rows || write.location ? relation_->primary_key : std::vector<std::string>{});
        }
        out_.location = target_.name;
        return write;
    }

    std::vector<const Column*> columns_of_payload() const {
        std::vector<const Column*> columns;
        for (const std::string& name : payload_.columns) {
            const Column* const column = relation_->find(name);
            if (column == nullptr) {
                refuse(
                    400, "PGRST204",
                    "Could not find the '" + name + "' column of '" + relation_->name.name + "' in the schema cache");
            }
            columns.push_back(column);
        }
        return columns;
    }

    // PUT names its row: the primary key's columns, each by eq.
    void check_put(const std::vector<Condition>& conditions) const {
        std::vector<std::string> named;
        bool fits = !relation_->primary_key.empty();
        for (const Condition& condition : conditions) {
            const Filter& filter = condition.filter;
            fits = fits && condition.kind == Condition::Kind::filter && filter.op == Operator::eq && !filter.negated &&
                   filter.quantifier == Quantifier::none && filter.field.path.empty();
            named.push_back(filter.field.name);
        }
        std::vector<std::string> key = relation_->primary_key;
        std::sort(key.begin(), key.end());
        std::sort(named.begin(), named.end());
        if (!fits || key != named) {
            refuse(405, "PGRST105", "Filters must include all and only primary key columns with 'eq' operators");
        }
    }

    // The first of the types wanted that there is.
    void negotiate() {
        const std::vector<MediaType> accepted = read_accept(request_.fields.find("Accept"));
        if (std::none_of(accepted.begin(), accepted.end(), [&](const MediaType& wanted) {
                return handle(wanted) || format(wanted) || explain(wanted);
            })) {
            throw Refused{unacceptable(accepted)};
        }
        if (out_.head || !out_.shows_rows || out_.returns_void) {
            output_.format = Format::nothing;
        }
    }

    // By a format of our own.
    bool format(const MediaType& wanted) {
        using Kind = MediaType::Kind;
        if (wanted.kind > Kind::geojson) {  // those before it are forms of JSON, and CSV
            return false;
        }
        output_.strip_nulls = wanted.kind == Kind::array_without_nulls || wanted.kind == Kind::object_without_nulls;
        out_.single = wanted.kind == Kind::object || wanted.kind == Kind::object_without_nulls;
        output_.format = wanted.kind == Kind::csv       ? Format::csv
                         : wanted.kind == Kind::geojson ? Format::geojson
                         : out_.single                  ? Format::object
                                                        : Format::array;
        out_.content_type =
            content_type_of(wanted.kind == Kind::any ? MediaType{Kind::json, "application/json"} : wanted);
        return true;
    }

    // By what EXPLAIN says of the statement that answers a type.
    bool explain(const MediaType& wanted) {
        const auto plan = settings_.plan ? read_plan_type(wanted) : std::nullopt;
        if (!plan || !(handle(plan->of) || format(plan->of))) {
            return false;
        }
        out_.explained = std::string("EXPLAIN (FORMAT ") + (plan->json ? "JSON" : "TEXT");
        for (const std::string& option : plan->options) {
            out_.explained += ", " + option;
        }
        out_.explained += ") ";
        out_.content_type = content_type_of(*plan);
        return true;
    }

    // What the database has for a type: a function's value (no handler), or rows that a handler takes.
    struct Handling {
        const MediaDomain* media = nullptr;  // null: nothing
        const MediaHandler* handler = nullptr;
    };

    bool handle(const MediaType& wanted) {
        const std::string name = handled_name(wanted);
        if (name.empty()) {
            return false;
        }
        const Handling found = find_handling(name);
        if (found.media == nullptr) {
            return false;
        }
        output_.format = Format::handled;
        output_.media = *found.media;
        output_.handler = found.handler;
        node_.as_stored = true;
        const bool any = found.media->media_type == kAnyType;
        out_.content_type =
            content_type_of(read_media_type(any ? "application/octet-stream" : found.media->media_type));
        return true;
    }

    // What takes all columns as they are goes before what takes any rows.
    Handling find_handling(std::string_view type) const {
        Handling found;
        if (!query_.select_said || (query_.select.size() == 1 && query_.select.front().is_bare_star())) {
            found = find_handling_of_all(kAnyType);
            found = found.media == nullptr ? find_handling_of_all(type) : found;
        }
        return found.media == nullptr ? by_handler(find_handler({}, type)) : found;
    }

    Handling find_handling_of_all(std::string_view type) const {
        if (call_.function != nullptr && call_.function->media && call_.function->media->media_type == type) {
            return {&*call_.function->media, nullptr};
        }
        return by_handler(relation_ == nullptr ? nullptr : find_handler(relation_->name, type));
    }

    static Handling by_handler(const MediaHandler* handler) {
        return {handler == nullptr ? nullptr : &handler->yields, handler};
    }

    const MediaHandler* find_handler(const Name& relation, std::string_view type) const {
        const auto found =
            std::find_if(schema_.handlers.begin(), schema_.handlers.end(), [&](const MediaHandler& handler) {
                return handler.relation == relation && handler.yields.media_type == type;
            });
        return found == schema_.handlers.end() ? nullptr : &*found;
    }

    void check_strict() {
        if (auto failure = unknown_preferences(preferences_)) {
            throw Refused{std::move(*failure)};
        }
        if (preferences_.is_strict() && preferences_.max_affected) {
            if (out_.kind == Prepared::Kind::call && !call_.function->is_set) {
                refuse(400, "PGRST128",
                       "Function must return SETOF or TABLE when max-affected preference is used with handling=strict");
            }
            if (out_.kind == Prepared::Kind::update || out_.kind == Prepared::Kind::remove ||
                out_.kind == Prepared::Kind::call) {
                out_.max_affected = static_cast<std::uint64_t>(*preferences_.max_affected);
            }
        }
        if (preferences_.timezone) {
            out_.settings.emplace_back("timezone", *preferences_.timezone);
        }
    }

    void build(const Write& write) {
        out_.read_only =
            out_.kind == Prepared::Kind::read || by_get_ ||
            (out_.kind == Prepared::Kind::call && call_.function->volatility != Function::Volatility::volatile_);
        out_.roll_back = settings_.tx_override && preferences_.transaction == Preferences::Transaction::rollback;
        if (out_.counts && !writes(out_.kind)) {
            const bool cut = settings_.max_rows > 0 || out_.range.limit || out_.range.offset > 0;
            output_.total = cut ? Output::Total::counted : Output::Total::page;
            if (preferences_.count != Preferences::Count::exact && out_.kind == Prepared::Kind::read) {
                out_.explain = explain_statement(node_);
                const bool planned = preferences_.count == Preferences::Count::planned;
                out_.explain_above = planned ? 0 : settings_.max_rows;
                output_.total = planned ? Output::Total::none : output_.total;
                output_.count_limit = !planned && settings_.max_rows > 0 ? settings_.max_rows + 1 : 0;
                if (!planned && settings_.max_rows == 0) {
                    out_.explain.reset();  // counted to the end
                }
            }
        }
        if (!out_.explained.empty()) {
            out_.explain.reset();
        }
        out_.by_lines = out_.explained.empty() && request_.method == "GET" && output_.format == Format::csv &&
                        !out_.counts && !out_.roll_back && !out_.max_affected &&
                        (out_.kind == Prepared::Kind::read || call_.function->is_set);
        if (out_.kind == Prepared::Kind::call) {
            call_.returning = needed_columns(node_, {});
            out_.sql = out_.by_lines ? call_lines_statement(call_, node_) : call_statement(call_, node_, output_);
        } else if (out_.kind == Prepared::Kind::read) {
            out_.sql = out_.by_lines ? read_lines_statement(node_) : read_statement(node_, output_);
            out_.columns_alone = out_.explained.empty() && reads_columns_alone();
            const std::string query = canonical(request_.query);
            out_.content_location = "/" + percent_encode(target_.name) + (query.empty() ? "" : '?' + query);
        } else {
            out_.sql = write_statement(write, node_, output_);
        }
        out_.preferences = applicable(write);
    }

    // No handler, no representation, no cast, no embedding and no name that PostgreSQL may find a function for.
    bool reads_columns_alone() const {
        if (output_.format == Format::handled || output_.format == Format::geojson ||
            std::any_of(relation_->columns.begin(), relation_->columns.end(), [](const Column& column) {
                const Representation& functions = column.representation;
                return !functions.to_json.name.empty() || !functions.from_text.name.empty();
            })) {
            return false;
        }
        const auto is_column = [&](const Field& field) { return relation_->find(field.name) != nullptr; };
        const auto is_item = [&](const SelectItem& item) {
            return item.cast.empty() && item.aggregate_cast.empty() &&
                   (item.kind == SelectItem::Kind::star ||
                    (item.field.name.empty() && item.aggregate == Aggregate::count) || is_column(item.field));
        };
        const auto has_columns = [&](const Condition& condition) { return all_filters(condition, is_column); };
        return node_.children.empty() && std::all_of(node_.items.begin(), node_.items.end(), is_item) &&
               std::all_of(node_.conditions.begin(), node_.conditions.end(), has_columns) && node_.having.empty() &&
               std::all_of(node_.order.begin(), node_.order.end(),
                           [&](const OrderTerm& term) { return is_column(term.field); });
    }

    // Those of the preferences that say something about a request of this kind.
    Preferences applicable(const Write& write) const {
        using Kind = Prepared::Kind;
        Preferences preferences = preferences_;
        if (out_.kind != Kind::insert || write.conflict.empty()) {
            preferences.resolution.reset();
        }
        if (!writes(out_.kind)) {
            preferences.return_.reset();
        }
        if (out_.kind != Kind::insert && out_.kind != Kind::update) {
            preferences.missing.reset();
        }
        if (out_.kind != Kind::update && out_.kind != Kind::remove && out_.kind != Kind::call) {
            preferences.max_affected.reset();
        }
        return preferences;
    }

    const http::Request& request_;
    const Target& target_;
    const Schema& schema_;
    const ExchangeSettings& settings_;
    Prepared out_;
    bool by_get_ = false;
    Preferences preferences_;
    Query query_;
    Name name_;
    const Relation* relation_ = nullptr;
    Payload payload_;
    Call call_;
    ReadNode node_;
    Output output_;
};

// ---- answers ----

// response.headers: [{"name":"value"}, ...]; nothing: it is none.
std::optional<std::vector<http::Fields::Field>> read_headers(const std::string& text) {
    json::Document document;
    if (!document.read(text.data(), text.data() + text.size()) || document.flaw() ||
        document.root().type != json::Type::array) {
        return std::nullopt;
    }
    std::vector<http::Fields::Field> fields;
    for (const json::Node& element : json::Children(document.root())) {
        if (element.type != json::Type::object) {
            return std::nullopt;
        }
        std::size_t members = 0;
        for (const json::Node& member : json::Children(element)) {
            http::Fields::Field field;
            json::unescape(member.key, field.first);
            if (member.type != json::Type::string || ++members > 1) {
                return std::nullopt;
            }
            json::unescape(member.content(), field.second);
            if (!is_field(field.first, field.second)) {
                return std::nullopt;
            }
            if (!frames_message(field.first)) {
                fields.push_back(std::move(field));
            }
        }
    }
    return fields;
}

void override_by_function(const Outcome& outcome, http::Response& response) {
    if (outcome.status) {
        char* end = nullptr;
        const long status = std::strtol(outcome.status->c_str(), &end, 10);
        if (*end != '\0' || end == outcome.status->c_str() || !is_final(status)) {
            throw Refused{{500, "PGRST112", "response.status guc must be a valid status code", {}, {}}};
        }
        response.status = static_cast<int>(status);
    }
    if (outcome.headers) {
        const auto fields = read_headers(*outcome.headers);
        if (!fields) {
            throw Refused{{500,
                           "PGRST111",
                           "response.headers guc must be a JSON array composed of objects with a single key and a "
                           "string value",
                           {},
                           {}}};
        }
        std::vector<std::string> replaced;
        for (const http::Fields::Field& field : *fields) {
            const auto& [name, value] = field;
            const bool again = std::any_of(replaced.begin(), replaced.end(), [&field](const std::string& known) {
                return http::equal_ignoring_case(known, field.first);
            });
            if (again) {
                response.fields.add(name, value);
            } else {
                response.fields.set(name, value);
                replaced.push_back(name);
            }
        }
    }
}

void check_rows(const Prepared& prepared, const Outcome& outcome) {
    if (prepared.kind == Prepared::Kind::put && outcome.rows != 1) {
        throw Refused{{400, "PGRST115", "Payload values do not match URL in primary key column(s)", {}, {}}};
    }
    if (prepared.single && !prepared.returns_void && outcome.rows != 1) {
        throw Refused{{406,
                       "PGRST116",
                       "Cannot coerce the result to a single JSON object",
                       "The result contains " + std::to_string(outcome.rows) + " rows",
                       {}}};
    }
    if (prepared.max_affected && outcome.rows > *prepared.max_affected) {
        throw Refused{{400,
                       "PGRST124",
                       "Query result exceeds max-affected preference constraint",
                       "The query affects " + std::to_string(outcome.rows) + " rows",
                       {}}};
    }
}

// "id=eq.5" to a query string.
std::string location_of(const Prepared& prepared, const Outcome& outcome) {
    std::vector<std::string> parts;
    parts.reserve(outcome.location.size());
    for (const std::string& part : outcome.location) {
        const auto equals = part.find('=');
        parts.push_back(encoded(part.substr(0, equals), part.substr(equals + 1)));
    }
    return "/" + percent_encode(prepared.location) + '?' + join(parts, "&");
}

void answer_read(const Prepared& prepared, const Outcome& outcome, http::Response& response) {
    response.status = range_status(prepared.range.offset, outcome.rows, outcome.total);
    if (!outcome.unfinished) {
        response.fields.add("Content-Range", content_range(prepared.range.offset, outcome.rows, outcome.total));
    }
    if (!prepared.content_location.empty()) {
        response.fields.add("Content-Location", prepared.content_location);
    }
    if (response.status == 416) {
        const http::Response refusal =
            failure_response(out_of_bounds(prepared.range.offset, outcome.total.value_or(0)));
        response.body = refusal.body;
        response.fields.set("Content-Type", prepared.content_type);
        return;
    }
    if (prepared.returns_void) {
        response.status = 204;
    }
}

void answer_write(const Prepared& prepared, const Outcome& outcome, http::Response& response) {
    using Kind = Prepared::Kind;
    const auto total = prepared.counts ? std::optional(outcome.rows) : std::nullopt;
    const std::string counted = total ? std::to_string(*total) : "*";
    switch (prepared.kind) {
        case Kind::insert:
            response.status = prepared.merges && outcome.inserted.value_or(0) <= 0 ? 200 : 201;
            if (!outcome.location.empty()) {
                response.fields.add("Location", location_of(prepared, outcome));
            }
            response.fields.add("Content-Range", "*/" + counted);
            break;
        case Kind::put:
            response.status = !prepared.shows_rows ? 204 : outcome.inserted.value_or(0) > 0 ? 201 : 200;
            break;
        case Kind::update:
            response.status = prepared.shows_rows ? 200 : 204;
            response.fields.add(
                "Content-Range",
                (outcome.rows > 0 ? "0-" + std::to_string(outcome.rows - 1) : std::string("*")) + '/' + counted);
            break;
        default:
            response.status = prepared.shows_rows ? 200 : 204;
            response.fields.add("Content-Range", "*/" + counted);
    }
}

}  // namespace

std::variant<ChosenSchema, Failure> choose_schema(const http::Request& request,
                                                  const std::vector<std::string>& served) {
    const bool reads = request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS";
    const auto profile = request.fields.find(reads ? "Accept-Profile" : "Content-Profile");
    ChosenSchema chosen{profile ? std::string(*profile) : served.front(), profile || served.size() > 1};
    if (std::find(served.begin(), served.end(), chosen.name) == served.end()) {
        return Failure{406,
                       "PGRST106",
                       "Invalid schema: " + chosen.name,
                       {},
                       "Only the following schemas are exposed: " + join(served, ", ")};
    }
    return chosen;
}

std::variant<Prepared, http::Response> prepare(const http::Request& request, const Target& target, const Schema& schema,
                                               const ExchangeSettings& settings) {
    try {
        return Preparation(request, target, schema, settings).work();
    } catch (const Refused& refused) {
        return failure_response(refused.failure);
    }
}

Finished finish(const Prepared& prepared, Outcome outcome) {
    try {
        Finished finished;
        http::Response& response = finished.response;
        if (!prepared.explained.empty()) {
            response.fields.add("Content-Type", prepared.content_type);
            if (!prepared.content_profile.empty()) {
                response.fields.add("Content-Profile", prepared.content_profile);
            }
            response.body = std::move(outcome.body);
            return finished;
        }
        check_rows(prepared, outcome);
        const bool reads = prepared.kind == Prepared::Kind::read || prepared.kind == Prepared::Kind::call;
        reads ? answer_read(prepared, outcome, response) : answer_write(prepared, outcome, response);
        if (response.status != 204 && response.status != 416 && prepared.shows_rows) {
            response.fields.add("Content-Type", prepared.content_type);
            if (!prepared.content_profile.empty()) {
                response.fields.add("Content-Profile", prepared.content_profile);
            }
            response.body = std::move(outcome.body);
        }
        if (std::string applied = preferences_applied(prepared.preferences); !applied.empty()) {
            response.fields.add("Preference-Applied", std::move(applied));
        }
        if (!prepared.warning.empty()) {
            response.fields.add("Warning", prepared.warning);
        }
        override_by_function(outcome, response);
        return finished;
    } catch (const Refused& refused) {
        return {failure_response(refused.failure), true};
    }
}

http::Response failure_response(const Failure& failure) {
    http::Response response =
        http::error_response(failure.status, failure.code, failure.message,
                             failure.details_are_json ? std::string_view() : failure.details, failure.hint);
    if (failure.details_are_json) {
        constexpr std::string_view empty = "\"details\":null";
        const auto place = response.body.rfind(empty);
        response.body.replace(place, empty.size(), "\"details\":" + failure.details);
    }
    response.fields.add("Proxy-Status", "PostgREST; error=" + failure.code);  // RFC 9209, by the name clients know
    return response;
}

}  // namespace analytics::rest
