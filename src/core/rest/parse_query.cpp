#include "core/rest/parse_query.hpp"

#include "core/http/errors.hpp"
#include "core/http/message.hpp"
#include "core/rest/grammar.hpp"
#include "core/rest/range.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <utility>

namespace analytics::rest {
namespace {

struct Parameter {
    std::string name;
    std::string value;
    bool has_value = false;  // a '='
};

int digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Unlike the engine's own routes, a '%' without two digits stands for itself: like.100%
std::string decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
            decoded += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
            i += 2;
        } else {
            decoded += text[i] == '+' ? ' ' : text[i];
        }
    }
    return http::as_utf8(decoded);
}

std::vector<Parameter> split(std::string_view query) {
    std::vector<Parameter> parameters;
    while (!query.empty()) {
        const auto end = query.find_first_of("&;");
        const std::string_view pair = query.substr(0, end);  // PostgREST takes ';' for '&' too
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
        const auto equals = pair.find('=');
        const bool has_value = equals != std::string_view::npos;
        parameters.push_back(
            {decode(pair.substr(0, equals)), has_value ? decode(pair.substr(equals + 1)) : std::string(), has_value});
    }
    return parameters;
}

Failure failure(const Cursor& cursor, std::string_view what, std::string_view of) {
    Failure failure;
    failure.message = "\"failed to parse " + std::string(what) + " (" + std::string(of) + ")\" " + cursor.where();
    failure.details = cursor.details();
    return failure;
}

// A whole number, as it may be negative and longer than any; nothing: it is none, and then counts as not sent.
std::optional<std::int64_t> read_number(std::string_view text) {
    text = http::trim(text);
    const bool is_negative = text.starts_with('-');
    std::int64_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc::invalid_argument || rest != text.data() + text.size()) {
        return std::nullopt;
    }
    if (error == std::errc::result_out_of_range) {
        return is_negative ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
    }
    return number;
}

class Reader {
public:
    Reader(std::string_view query, Reading reading) : reading_(reading), parameters_(split(query)) {}

    std::variant<Query, Failure> read() {
        for (const Parameter& parameter : parameters_) {
            if (parameter.name.find('\0') != std::string::npos || parameter.value.find('\0') != std::string::npos) {
                // what the database would say of it
                return Failure{400, "22021", "invalid byte sequence for encoding \"UTF8\": 0x00", {}, {}};
            }
        }
        if (!(each({"order"}, &Reader::order) && each({"and", "or"}, &Reader::logic) &&
              named("columns", &Reader::columns) && named("select", &Reader::select) && each({}, &Reader::filter) &&
              each({"having"}, &Reader::having) && named("on_conflict", &Reader::on_conflict) &&
              each({"limit", "offset"}, &Reader::limit) && check_limits())) {
            return failure_;
        }
        // conditions were read by kind
        std::stable_sort(conditions_.begin(), conditions_.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        for (auto& [place, condition] : conditions_) {
            query_.conditions.push_back(std::move(condition));
        }
        return std::move(query_);
    }

private:
    using Words = std::initializer_list<std::string_view>;

    static std::string_view last_word(std::string_view name) { return name.substr(name.rfind('.') + 1); }

    static bool is_reserved(std::string_view name) {
        static constexpr std::array<std::string_view, 3> kNames = {"select", "columns", "on_conflict"};
        static constexpr std::array<std::string_view, 5> kLastWords = {"order", "limit", "offset", "and", "or"};
        return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
               std::find(kLastWords.begin(), kLastWords.end(), last_word(name)) != kLastWords.end();
    }

    // Whether it is the extension's: a column or an argument may have that name too.
    bool is_having(const Parameter& parameter) const {
        Cursor cursor(parameter.value);
        Filter filter;
        if (last_word(parameter.name) != "having" || read_filter(cursor, filter)) {
            return false;
        }
        Cursor again(parameter.value);
        std::vector<Condition> conditions;
        return reading_ == Reading::table || read_having(again, conditions);
    }

    // All whose names end with one of the words; of no words: all that are not reserved.
    bool each(Words words, bool (Reader::*read)(std::size_t place)) {
        for (std::size_t place = 0; place < parameters_.size(); ++place) {
            const Parameter& parameter = parameters_[place];
            const std::string_view last = last_word(parameter.name);
            const bool is_asked = words.size() == 0 ? !is_reserved(parameter.name) && !is_having(parameter)
                                                    : std::find(words.begin(), words.end(), last) != words.end() &&
                                                          (last != "having" || is_having(parameter));
            if (parameter.has_value && is_asked && !(this->*read)(place)) {
                return false;
            }
        }
        return true;
    }

    // The first of that name; others are not looked at.
    bool named(std::string_view name, bool (Reader::*read)(const std::string& value)) {
        const auto found = std::find_if(parameters_.begin(), parameters_.end(),
                                        [&](const Parameter& parameter) { return parameter.name == name; });
        return found == parameters_.end() || !found->has_value || (this->*read)(found->value);
    }

    bool fail(const Cursor& cursor, std::string_view what, std::string_view of) {
        failure_ = failure(cursor, what, of);
        return false;
    }

    // clients.projects.limit, without its last word
    bool path_before(const std::string& name, Path& path) {
        Cursor cursor(name);
        if (!read_path(cursor, path)) {
            return fail(cursor, "tree path", name);
        }
        path.pop_back();
        return true;
    }

    bool order(std::size_t place) {
        const auto& [name, value, has_value] = parameters_[place];
        auto& [path, terms] = query_.orders.emplace_back();
        if (!path_before(name, path)) {
            return false;
        }
        Cursor cursor(value);
        return read_order(cursor, terms) || fail(cursor, "order", value);
    }

    bool logic(std::size_t place) {
        const auto& [name, value, has_value] = parameters_[place];
        auto& [at, condition] = conditions_.emplace_back(place, std::pair<Path, Condition>());
        auto& [path, tree] = condition;
        Cursor cursor(name);
        if (!read_path(cursor, path)) {
            return fail(cursor, "logic path", name);
        }
        const std::string word = path.back();
        path.pop_back();
        const bool is_negated = std::erase(path, "not") > 0;
        const std::string text = (is_negated ? "not." : "") + word + value;  // or=(...) reads as or(...)
        Cursor tree_cursor(text);
        return read_tree(tree_cursor, tree) || fail(tree_cursor, "logic tree", value);
    }

    bool columns(const std::string& value) {
        std::vector<std::string> names;
        Cursor cursor(value);
        if (!read_names(cursor, names)) {
            return fail(cursor, "columns parameter", value);
        }
        std::set<std::string> known;
        query_.columns.emplace();
        std::copy_if(names.begin(), names.end(), std::back_inserter(*query_.columns),
                     [&](const std::string& name) { return known.insert(name).second; });
        return true;
    }

    bool select(const std::string& value) {
        query_.select_said = true;
        Cursor cursor(value);
        return read_items(cursor, query_.select) || fail(cursor, "select parameter", value);
    }

    bool filter(std::size_t place) {
        const auto& [name, value, has_value] = parameters_[place];
        Path path;
        Filter filter;
        Cursor name_cursor(name);
        if (!read_path(name_cursor, path) || !read_steps(name_cursor, filter.field.path)) {
            return fail(name_cursor, "tree path", name);
        }
        filter.field.name = std::move(path.back());
        path.pop_back();
        Cursor cursor(value);
        if (!read_filter(cursor, filter)) {
            const bool is_plain = path.empty() && filter.field.path.empty();
            query_.parameters.emplace_back(is_plain ? filter.field.name : name, value);
            // What begins as a filter must be one.
            return (reading_ == Reading::function && cursor.place() == 0) || fail(cursor, "filter", value);
        }
        Condition condition;
        condition.filter = std::move(filter);
        conditions_.emplace_back(place, std::pair(std::move(path), std::move(condition)));
        return true;
    }

    bool having(std::size_t place) {
        const auto& [name, value, has_value] = parameters_[place];
        Path path;
        std::vector<Condition> conditions;
        if (!path_before(name, path)) {
            return false;
        }
        Cursor cursor(value);
        if (!read_having(cursor, conditions)) {
            return fail(cursor, "having", value);
        }
        for (Condition& condition : conditions) {
            query_.having.emplace_back(path, std::move(condition));
        }
        return true;
    }

    bool on_conflict(const std::string& value) {
        Cursor cursor(value);
        return read_names(cursor, query_.on_conflict.emplace()) || fail(cursor, "on_conflict parameter", value);
    }

    bool limit(std::size_t place) {
        const auto& [name, value, has_value] = parameters_[place];
        Path path;
        if (!path_before(name, path)) {
            return false;
        }
        auto& [limit, offset] = numbers_[path];
        (last_word(name) == "limit" ? limit : offset) = read_number(value);
        return true;
    }

    bool check_limits() {
        for (const auto& [path, numbers] : numbers_) {
            const auto [limit, offset] = numbers;
            const bool is_top = path.empty();
            if (limit && *limit < 0) {
                failure_ = is_top ? negative_limit() : Failure{400, "2201W", "LIMIT must not be negative", {}, {}};
                return false;
            }
            if (offset && *offset < 0 && !is_top) {
                failure_ = {400, "2201X", "OFFSET must not be negative", {}, {}};
                return false;
            }
            Limits limits;
            limits.limit = limit ? std::optional<std::uint64_t>(*limit) : std::nullopt;
            limits.offset = static_cast<std::uint64_t>(std::max<std::int64_t>(offset.value_or(0), 0));
            query_.limits.emplace_back(path, limits);
        }
        return true;
    }

    Reading reading_;
    std::vector<Parameter> parameters_;
    Query query_;
    Failure failure_;
    std::vector<std::pair<std::size_t, std::pair<Path, Condition>>> conditions_;  // by the parameter's place
    std::map<Path, std::pair<std::optional<std::int64_t>, std::optional<std::int64_t>>> numbers_;  // limit, offset
};

}  // namespace

std::variant<Query, Failure> parse_query(std::string_view query_string, Reading reading) {
    return Reader(query_string, reading).read();
}

}  // namespace analytics::rest
