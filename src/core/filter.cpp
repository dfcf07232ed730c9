#include "core/filter.hpp"

#include "core/decimal.hpp"
#include "core/error.hpp"
#include "core/quote.hpp"
#include "core/timestamp.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

namespace analytics {
namespace {

constexpr std::size_t kMaxKeyBytes = 63;
constexpr std::size_t kMaxPathKeys = 16;

enum class Type { text, number, boolean, time };

struct Column {
    std::string_view name;
    Type type;
    std::string_view expression;  // of counted_line
};

constexpr std::array kColumns = {
    Column{"store_id", Type::text, "l.store_id"},        Column{"event_id", Type::text, "l.event_id"},
    Column{"event_type", Type::text, "l.event_type"},    Column{"occurred_at", Type::time, "l.occurred_at"},
    Column{"customer_id", Type::text, "l.customer_id"},  Column{"anonymous_id", Type::text, "l.anonymous_id"},
    Column{"session_id", Type::text, "l.session_id"},    Column{"order_id", Type::text, "l.order_id"},
    Column{"product_id", Type::text, "l.product_id"},    Column{"line", Type::number, "l.line"},
    Column{"line_kind", Type::text, "l.line_kind"},      Column{"quantity", Type::number, "l.quantity"},
    Column{"unit_price", Type::number, "l.unit_price"},  Column{"amount", Type::number, "l.amount"},
    Column{"discount", Type::number, "l.discount"},      Column{"tax", Type::number, "l.tax"},
    Column{"shipping", Type::number, "l.sent_shipping"}, Column{"tax_included", Type::boolean, "l.tax_included"},
    Column{"currency", Type::text, "l.currency"},        Column{"channel", Type::text, "l.channel"},
    Column{"country", Type::text, "l.country"},          Column{"device", Type::text, "l.device"},
    Column{"campaign", Type::text, "l.campaign"},
};

enum class Token { end, word, text, number, symbol };

struct Lexeme {
    Token token = Token::end;
    std::string_view raw;   // as it stands in the filter
    std::string value;      // of a text: without its quotes; of a word: in lower case
    std::size_t place = 0;  // byte at which it begins
};

std::string place_in(std::string_view text, std::size_t place) {
    return place >= text.size() ? "At the end of the filter."
                                : "At byte " + std::to_string(place + 1) + ": " + quoted(text.substr(place)) + ".";
}

[[noreturn]] void fail(std::string_view text, std::size_t place, const std::string& message, std::string hint) {
    throw Error(Code::syntax_error, message).detail(place_in(text, place)).hint(std::move(hint));
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

class Lexer {
public:
    explicit Lexer(std::string_view text) : text_(text) { advance(); }

    const Lexeme& next() const { return next_; }
    std::string_view text() const { return text_; }

    Lexeme take() {
        Lexeme taken = std::move(next_);
        advance();
        return taken;
    }

private:
    void advance() {
        while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) {
            ++at_;
        }
        next_ = {Token::end, {}, {}, at_};
        if (at_ == text_.size()) {
            return;
        }
        const char c = text_[at_];
        if (is_letter(c)) {
            read_while(Token::word, [](char each) { return is_letter(each) || is_digit(each); });
            next_.value.resize(next_.raw.size());
            std::transform(next_.raw.begin(), next_.raw.end(), next_.value.begin(), lower);
        } else if (is_digit(c) || (c == '-' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) {
            read_number();
        } else if (c == '\'') {
            read_text();
        } else {
            read_symbol();
        }
    }

    template <typename Belongs>
    void read_while(Token token, Belongs&& belongs) {
        const std::size_t begin = at_;
        while (at_ < text_.size() && belongs(text_[at_])) {
            ++at_;
        }
        next_ = {token, text_.substr(begin, at_ - begin), {}, begin};
    }

    void read_number() {
        const std::size_t begin = at_++;
        while (at_ < text_.size() && (is_digit(text_[at_]) || is_letter(text_[at_]) || text_[at_] == '.' ||
                                      ((text_[at_] == '+' || text_[at_] == '-') && lower(text_[at_ - 1]) == 'e'))) {
            ++at_;
        }
        next_ = {Token::number, text_.substr(begin, at_ - begin), {}, begin};
    }

    void read_text() {
        const std::size_t begin = at_++;
        std::string value;
        for (;; ++at_) {
            if (at_ == text_.size()) {
                fail(text_, begin, "a text in quotes has no end", "Close it with '; write '' for a quote in it.");
            }
            if (text_[at_] == '\'') {
                if (at_ + 1 == text_.size() || text_[at_ + 1] != '\'') {
                    break;
                }
                ++at_;
            }
            value.push_back(text_[at_]);
        }
        ++at_;
        next_ = {Token::text, text_.substr(begin, at_ - begin), std::move(value), begin};
    }

    void read_symbol() {
        for (const std::string_view symbol : {"->>", "->", "<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ","}) {
            if (text_.substr(at_).starts_with(symbol)) {
                next_ = {Token::symbol, text_.substr(at_, symbol.size()), {}, at_};
                at_ += symbol.size();
                return;
            }
        }
        fail(text_, at_, "a filter has no such sign",
             "Texts stand in single quotes; there are no functions and no subqueries.");
    }

    std::string_view text_;
    std::size_t at_ = 0;
    Lexeme next_;
};

// As a string constant that reads the same whatever standard_conforming_strings says.
std::string sql_text(std::string_view text) {
    std::string sql = text.find('\\') == std::string_view::npos ? "'" : "E'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') {
            sql.push_back(c);
        }
        sql.push_back(c);
    }
    return sql + "'";
}

std::string filter_text(std::string_view text) {
    std::string printed = "'";
    for (const char c : text) {
        printed.append(c == '\'' ? 2 : 1, c);
    }
    return printed + "'";
}

// A key as it may stand after ->: bare where it is a name.
std::string key_text(std::string_view key) {
    const bool is_name = is_letter(key.front()) &&
                         std::all_of(key.begin(), key.end(), [](char c) { return is_letter(c) || is_digit(c); });
    return is_name ? std::string(key) : filter_text(key);
}

// One side of a predicate.
struct Value {
    enum class Kind { column, path, literal } kind = Kind::literal;
    Type type = Type::text;
    std::string text;       // as the filter writes it
    std::string sql;        // as text, for a path
    std::string as_number;  // of a path
    std::string constant;   // of a literal: its content
    std::size_t place = 0;
};

class Reader {
public:
    explicit Reader(std::string_view text) : lexer_(text) {}

    Filter read() {
        Part part = disjunction(0);
        if (lexer_.next().token != Token::end) {
            fail_here("the filter should end here, or go on with AND or OR", "Join conditions with AND or OR.");
        }
        return {std::move(part.text), std::move(part.condition)};
    }

private:
    struct Part {
        std::string text;
        std::string condition;
        int height = 0;  // levels of NOT, AND, OR
    };

    // Each level is printed with one pair of parentheses at most, so that what is printed can be read again.
    static constexpr int kMaxNesting = 2 * kMaxFilterDepth;

    [[noreturn]] void fail_deep() const {
        fail_here("the filter is nested too deeply", "Write it with at most 32 levels of NOT, AND, OR.");
    }
    Part raised(std::string text, std::string condition, int height) const {
        if (height > kMaxFilterDepth) {
            fail_deep();
        }
        return {std::move(text), std::move(condition), height};
    }

    [[noreturn]] void fail_here(const std::string& message, std::string hint) const {
        fail(lexer_.text(), lexer_.next().place, message, std::move(hint));
    }

    bool at_symbol(std::string_view symbol) const {
        return lexer_.next().token == Token::symbol && lexer_.next().raw == symbol;
    }
    bool at_word(std::string_view word) const {
        return lexer_.next().token == Token::word && lexer_.next().value == word;
    }
    bool take_symbol(std::string_view symbol) {
        const bool found = at_symbol(symbol);
        if (found) {
            lexer_.take();
        }
        return found;
    }
    bool take_word(std::string_view word) {
        const bool found = at_word(word);
        if (found) {
            lexer_.take();
        }
        return found;
    }
    void require_symbol(std::string_view symbol) {
        if (!take_symbol(symbol)) {
            fail_here("\"" + std::string(symbol) + "\" is missing", "Parentheses come in pairs.");
        }
    }

    Part disjunction(int nesting) {
        return joined("or", " OR ", [&] { return conjunction(nesting); });
    }
    Part conjunction(int nesting) {
        return joined("and", " AND ", [&] { return negation(nesting); });
    }

    template <typename ReadPart>
    Part joined(std::string_view word, std::string_view printed, ReadPart&& read_part) {
        Part all = read_part();
        if (!at_word(word)) {
            return all;
        }
        while (take_word(word)) {
            const Part other = read_part();
            all.text.append(printed).append(other.text);
            all.condition.append(printed).append(other.condition);
            all.height = std::max(all.height, other.height);
        }
        return raised("(" + all.text + ")", "(" + all.condition + ")", all.height + 1);
    }

    Part negation(int nesting) {
        if (nesting > kMaxNesting) {
            fail_deep();
        }
        if (take_word("not")) {
            const Part inner = negation(nesting + 1);
            return raised("NOT " + inner.text, "(NOT " + inner.condition + ")", inner.height + 1);
        }
        if (take_symbol("(")) {
            Part inner = disjunction(nesting + 1);
            require_symbol(")");
            return inner;
        }
        return predicate();
    }

    Part predicate() {
        const Value left = value();
        if (take_word("is")) {
            const bool negated = take_word("not");
            if (!take_word("null")) {
                fail_here("NULL is missing", "Write IS NULL or IS NOT NULL.");
            }
            const char* const words = negated ? " IS NOT NULL" : " IS NULL";
            require_no_literal(left);
            return {left.text + words, "(" + left.sql + words + ")", 0};
        }
        const bool negated = take_word("not");
        if (take_word("in")) {
            return membership(left, negated);
        }
        if (take_word("like")) {
            return likeness(left, negated);
        }
        if (negated) {
            fail_here("IN or LIKE is missing after NOT", "Write NOT IN (...) or NOT LIKE '...'.");
        }
        return comparison(left);
    }

    Part comparison(const Value& left) {
        for (const std::string_view sign : {"=", "<>", "!=", "<=", ">=", "<", ">"}) {
            if (take_symbol(sign)) {
                const std::string operation = " " + std::string(sign == "!=" ? "<>" : sign) + " ";
                const Value right = value();
                if (left.kind == Value::Kind::literal && right.kind == Value::Kind::literal) {
                    fail(lexer_.text(), left.place, "a comparison of two constants", "Compare a column or a property.");
                }
                const auto [a, b] = alike(left, right);
                std::string condition = "(";
                condition.append(a).append(operation).append(b).push_back(')');
                return {left.text + operation + right.text, std::move(condition), 0};
            }
        }
        fail_here("a comparison is missing", "Use =, <>, <, <=, >, >=, IN, LIKE or IS NULL.");
    }

    Part membership(const Value& left, bool negated) {
        require_no_literal(left);
        require_symbol("(");
        std::string text, sql, subject;
        do {
            const Value each = value();
            if (each.kind != Value::Kind::literal) {
                fail(lexer_.text(), each.place, "IN takes constants only",
                     "Write IN ('a', 'b'); there are no subqueries.");
            }
            const auto [a, b] = alike(left, each);
            if (!subject.empty() && subject != a) {
                fail(lexer_.text(), each.place, "texts and numbers in one IN",
                     "Write all of them as texts or as numbers.");
            }
            subject = a;
            text.append(text.empty() ? "" : ", ").append(each.text);
            sql.append(sql.empty() ? "" : ", ").append(b);
        } while (take_symbol(","));
        require_symbol(")");
        const char* const words = negated ? " NOT IN (" : " IN (";
        return {left.text + words + text + ")", "(" + subject + words + sql + "))", 0};
    }

    Part likeness(const Value& left, bool negated) {
        if (left.type != Type::text || left.kind == Value::Kind::literal) {
            fail(lexer_.text(), left.place, "LIKE needs a column or property of text",
                 "Use = or < for numbers and times.");
        }
        if (lexer_.next().token != Token::text) {
            fail_here("a pattern is missing", "Write LIKE 'spring%'.");
        }
        const Lexeme pattern = lexer_.take();
        std::size_t backslashes = 0;
        while (backslashes < pattern.value.size() && pattern.value[pattern.value.size() - 1 - backslashes] == '\\') {
            ++backslashes;
        }
        if (backslashes % 2 == 1) {
            fail(lexer_.text(), pattern.place, "a pattern must not end with \\", "Write \\\\ for a backslash.");
        }
        const char* const words = negated ? " NOT LIKE " : " LIKE ";
        return {left.text + words + filter_text(pattern.value), "(" + left.sql + words + sql_text(pattern.value) + ")",
                0};
    }

    void require_no_literal(const Value& value) const {
        if (value.kind == Value::Kind::literal) {
            fail(lexer_.text(), value.place, "a constant in place of a column", "Begin with a column or a property.");
        }
    }

    // SQL of both sides, of one type.
    std::pair<std::string, std::string> alike(const Value& left, const Value& right) const {
        if (left.kind == Value::Kind::literal) {
            auto [b, a] = alike(right, left);
            return {std::move(a), std::move(b)};
        }
        if (right.kind == Value::Kind::literal) {
            return {left.kind == Value::Kind::path && right.type == Type::number ? left.as_number : left.sql,
                    literal_for(left, right)};
        }
        const bool by_number = left.type == Type::number || right.type == Type::number;
        const auto side = [&](const Value& value) {
            return value.kind == Value::Kind::path && by_number ? value.as_number : value.sql;
        };
        const bool is_open = left.kind == Value::Kind::path || right.kind == Value::Kind::path;
        const Type type = left.kind == Value::Kind::path ? right.type : left.type;
        if (is_open ? type == Type::boolean || type == Type::time : left.type != right.type) {
            fail(lexer_.text(), right.place, "the two sides are of different types",
                 "Compare texts with texts, numbers with numbers.");
        }
        return {side(left), side(right)};
    }

    std::string literal_for(const Value& column, const Value& literal) const {
        const auto refuse = [&](const char* hint) {
            fail(lexer_.text(), literal.place, "a constant of another type than " + column.text, hint);
        };
        if (column.kind == Value::Kind::path) {
            // what ->> makes of a JSON true is the text true
            return literal.type == Type::boolean ? sql_text(literal.text) : literal.sql;
        }
        switch (column.type) {
            case Type::text:
                if (literal.type != Type::text) {
                    refuse("Write it in single quotes.");
                }
                return literal.sql;
            case Type::number:
                if (literal.type != Type::number) {
                    refuse("Write a number without quotes.");
                }
                return literal.sql;
            case Type::boolean:
                if (literal.type != Type::boolean) {
                    refuse("Write true or false without quotes.");
                }
                return literal.sql;
            case Type::time:
                break;
        }
        const auto time = literal.type == Type::text ? parse_rfc3339(literal.constant) : std::nullopt;
        if (!time || !time->has_zone) {
            refuse("Write a time with its zone: '2024-05-01T00:00:00Z'.");
        }
        return "to_timestamp(" + std::to_string(time->micros / kMicrosPerSecond) + ") + interval '" +
               std::to_string(time->micros % kMicrosPerSecond) + " microseconds'";
    }

    Value value() {
        const Lexeme first = lexer_.take();
        Value value;
        value.place = first.place;
        switch (first.token) {
            case Token::text:
                value.constant = first.value;
                value.text = filter_text(first.value);
                value.sql = sql_text(first.value);
                return value;
            case Token::number:
                return number(first);
            case Token::word:
                if (first.value == "true" || first.value == "false") {
                    value.type = Type::boolean;
                    value.text = value.sql = value.constant = first.value;
                    return value;
                }
                if (first.value == "null") {
                    fail(lexer_.text(), first.place, "nothing compares with NULL", "Write IS NULL or IS NOT NULL.");
                }
                if (first.value == "properties") {
                    return path(first.place);
                }
                return column(first);
            default:
                fail(lexer_.text(), first.place, "a column, property or constant is missing",
                     "Write a condition such as country = 'DE' AND properties->>plan <> 'free'.");
        }
    }

    Value number(const Lexeme& lexeme) const {
        std::optional<Decimal> decimal;
        try {
            decimal = Decimal::parse(lexeme.raw);
        } catch (const Error&) {  // too many digits: told as the same error
        }
        if (!decimal) {
            fail(lexer_.text(), lexeme.place, "invalid number", "Write a number such as 19.90, of at most 22 digits.");
        }
        Value value;
        value.place = lexeme.place;
        value.type = Type::number;
        value.text = value.constant = decimal->to_string();
        value.sql = "(" + value.text + ")::numeric";
        return value;
    }

    Value column(const Lexeme& name) const {
        const auto* const found =
            std::find_if(kColumns.begin(), kColumns.end(), [&](const Column& each) { return each.name == name.value; });
        if (found == kColumns.end()) {
            std::string known;
            for (const Column& each : kColumns) {
                known.append(known.empty() ? "" : ", ").append(each.name);
            }
            fail(lexer_.text(), name.place, "unknown column",
                 "Columns are " + known + ", and properties->>key. Texts stand in single quotes.");
        }
        Value value;
        value.kind = Value::Kind::column;
        value.place = name.place;
        value.type = found->type;
        value.text = found->name;
        value.sql = found->expression;
        return value;
    }

    Value path(std::size_t place) {
        Value value;
        value.kind = Value::Kind::path;
        value.place = place;
        value.text = "properties";
        std::string keys;
        bool is_done = false;
        for (std::size_t count = 0; !is_done; ++count) {
            is_done = at_symbol("->>");
            if (count == kMaxPathKeys || (!is_done && !at_symbol("->"))) {
                fail_here("a path into properties ends with ->>", "Write properties->>key or properties->a->>b.");
            }
            lexer_.take();
            const Lexeme key = lexer_.take();
            const bool is_bare = key.token == Token::word;
            if ((!is_bare && key.token != Token::text) || key.value.empty() || key.value.size() > kMaxKeyBytes) {
                fail(lexer_.text(), key.place, "a key of properties is missing",
                     "Write properties->>key; keys have 1 to 63 bytes.");
            }
            const std::string name = is_bare ? std::string(key.raw) : key.value;
            value.text.append(is_done ? "->>" : "->").append(is_bare ? name : key_text(name));
            keys.append(keys.empty() ? "" : ", ").append(sql_text(name));
        }
        value.sql = "(l.properties #>> ARRAY[" + keys + "]::text[])";
        value.as_number = "(CASE jsonb_typeof(l.properties #> ARRAY[" + keys + "]::text[]) WHEN 'number' THEN " +
                          value.sql + "::numeric END)";
        return value;
    }

    Lexer lexer_;
};

[[noreturn]] void fail_long() {
    throw Error(Code::syntax_error, "the filter is too long").hint("Write it in at most 16384 bytes, blanks included.");
}

}  // namespace

Filter read_filter(std::string_view text) {
    if (text.size() > kMaxFilterBytes) {
        fail_long();
    }
    Filter filter = Reader(text).read();
    if (filter.text.size() > kMaxFilterBytes) {
        fail_long();
    }
    return filter;
}

}  // namespace analytics
