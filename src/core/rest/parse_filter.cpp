#include "core/rest/grammar.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace analytics::rest {
namespace {

struct Word {
    std::string_view text;
    Operator op;
};

// In the order of trial: a word that begins with another one comes first.
constexpr std::array kFullText = {Word{"fts", Operator::fts}, Word{"plfts", Operator::plfts},
                                  Word{"phfts", Operator::phfts}, Word{"wfts", Operator::wfts}};
constexpr std::array kSimple = {Word{"neq", Operator::neq}, Word{"cs", Operator::cs},   Word{"cd", Operator::cd},
                                Word{"ov", Operator::ov},   Word{"sl", Operator::sl},   Word{"sr", Operator::sr},
                                Word{"nxr", Operator::nxr}, Word{"nxl", Operator::nxl}, Word{"adj", Operator::adj}};
constexpr std::array kQuantified = {
    Word{"eq", Operator::eq},       Word{"gte", Operator::gte},     Word{"gt", Operator::gt},
    Word{"lte", Operator::lte},     Word{"lt", Operator::lt},       Word{"like", Operator::like},
    Word{"ilike", Operator::ilike}, Word{"match", Operator::match}, Word{"imatch", Operator::imatch}};

bool delimiter(Cursor& cursor) {
    return cursor.labelled("delimiter (.)", [&] { return cursor.character('.'); });
}

template <typename Words>
bool read_operator(Cursor& cursor, const Words& words, Operator& op) {
    return std::any_of(words.begin(), words.end(), [&](const Word& word) {
        op = word.op;
        return cursor.attempt([&] { return cursor.literal(word.text); });
    });
}

bool not_comma_or_parenthesis(char32_t c) { return c != ',' && c != ')'; }

// A quoted text that ends where the value does; otherwise its quotes are part of the value.
bool read_quoted_value(Cursor& cursor, std::string& value) {
    return cursor.attempt(
        [&] { return read_quoted(cursor, value) && cursor.not_followed_by(not_comma_or_parenthesis); });
}

bool read_bare_value(Cursor& cursor, std::string& value) {
    value.clear();
    return cursor.many([&] { return cursor.one(not_comma_or_parenthesis, &value); });
}

// {1,2,3}
bool read_array(Cursor& cursor, std::string& value) {
    value.clear();
    return cursor.attempt([&] {
        return cursor.character('{', &value) &&
               cursor.many([&] { return cursor.one([](char32_t c) { return c != '{' && c != '}'; }, &value); }) &&
               cursor.character('}', &value);
    });
}

// Of a parameter: all that is left.
bool read_whole_value(Cursor& cursor, std::string& value) {
    value = cursor.rest();
    if (!value.empty()) {
        cursor.skip(value.size());
    }
    return true;
}

// Inside of and() and or(): up to a comma or a parenthesis.
bool read_enclosed_value(Cursor& cursor, std::string& value) {
    return cursor.first_of([&] { return read_quoted_value(cursor, value); }, [&] { return read_array(cursor, value); },
                           [&] { return read_bare_value(cursor, value); });
}

bool read_list(Cursor& cursor, std::vector<std::string>& values) {
    values.clear();
    const auto element = [&] {
        std::string& value = values.emplace_back();
        return cursor.first_of([&] { return read_quoted_value(cursor, value); },
                               [&] { return read_bare_value(cursor, value); });
    };
    if (!cursor.spaced_character('(') || !cursor.separated(element, [&] { return cursor.character(','); }) ||
        !cursor.spaced_character(')')) {
        return false;
    }
    if (values.size() == 1 && values[0].empty()) {
        values.clear();  // in.() and in.("") hold for nothing
    }
    return true;
}

bool read_is(Cursor& cursor, std::string& value) {
    const auto word = [&](std::string_view text) {
        return [&cursor, &value, text] {
            value = text;
            return cursor.attempt([&] {
                return std::all_of(text.begin(), text.end(), [&](char lower) {
                    const char upper = lower == '_' ? lower : static_cast<char>(lower - 'a' + 'A');
                    return cursor.one([&](char32_t c) {
                        return c == static_cast<unsigned char>(lower) || c == static_cast<unsigned char>(upper);
                    });
                });
            });
        };
    };
    return cursor.labelled("isVal: (null, not_null, true, false, unknown)", [&] {
        return cursor.first_of(word("null"), word("not_null"), word("true"), word("false"), word("unknown"));
    });
}

// (any) and (all)
bool read_quantifier(Cursor& cursor, Quantifier& quantifier) {
    Quantifier read = Quantifier::none;
    const auto word = [&](std::string_view text, Quantifier what) {
        read = what;
        return cursor.literal(text);
    };
    const bool succeeded = cursor.attempt([&] {
        return cursor.character('(') &&
               cursor.first_of([&] { return cursor.attempt([&] { return word("any", Quantifier::any); }); },
                               [&] { return word("all", Quantifier::all); }) &&
               cursor.character(')');
    });
    quantifier = succeeded ? read : Quantifier::none;
    return succeeded;
}

bool read_language(Cursor& cursor, std::string& language) {
    std::string read;
    const bool succeeded =
        cursor.attempt([&] { return cursor.character('(') && read_identifier(cursor, read) && cursor.character(')'); });
    language = succeeded ? read : "";
    return succeeded;
}

bool negation(Cursor& cursor) {
    return cursor.attempt([&] { return cursor.literal("not") && delimiter(cursor); });
}

template <typename ReadValue>
bool read_operation(Cursor& cursor, Filter& filter, ReadValue&& read_value) {
    filter.negated = negation(cursor);
    const auto word = [&](std::string_view text, Operator op) {
        filter.op = op;
        return cursor.attempt([&] { return cursor.literal(text) && delimiter(cursor); });
    };
    const auto value = [&] { return read_value(cursor, filter.value); };
    const auto full_text = [&] {
        return read_operator(cursor, kFullText, filter.op) &&
               cursor.maybe([&] { return read_language(cursor, filter.language); }) && delimiter(cursor) && value();
    };
    const auto simple = [&] { return read_operator(cursor, kSimple, filter.op) && delimiter(cursor) && value(); };
    const auto quantified = [&] {
        return read_operator(cursor, kQuantified, filter.op) &&
               cursor.maybe([&] { return read_quantifier(cursor, filter.quantifier); }) && delimiter(cursor) && value();
    };
    return cursor.labelled("operator (eq, gt, ...)", [&] {
        return cursor.first_of([&] { return word("in", Operator::in) && read_list(cursor, filter.values); },
                               [&] { return word("is", Operator::is) && read_is(cursor, filter.value); },
                               [&] { return word("isdistinct", Operator::isdistinct) && value(); },
                               [&] { return cursor.attempt(full_text); }, [&] { return cursor.attempt(simple); },
                               [&] { return cursor.attempt(quantified); });
    });
}

// A filter of the tree, or the aggregate's of having=.
bool read_leaf(Cursor& cursor, Filter& filter, bool aggregates) {
    filter = {};
    if (!aggregates) {
        return read_field(cursor, filter.field) && delimiter(cursor) &&
               read_operation(cursor, filter, read_enclosed_value);
    }
    const auto aggregate = [&] {
        return cursor.labelled("aggregate (sum(), avg(), count(), max(), min())", [&] {
            return take_aggregate(cursor, filter.aggregate) ||
                   cursor.one([](char32_t) { return false; });  // what stands there instead
        });
    };
    return cursor.blanks() &&
           (take_bare_count(cursor) ? (filter.aggregate = Aggregate::count, true)
                                    : read_plain_field(cursor, filter.field) && aggregate()) &&
           cursor.blanks() && delimiter(cursor) && read_operation(cursor, filter, read_enclosed_value);
}

bool read_node(Cursor& cursor, Condition& condition, bool aggregates) {
    const auto leaf = [&] {
        condition = {};
        return cursor.attempt([&] { return read_leaf(cursor, condition.filter, aggregates); });
    };
    const auto negated = [&] {
        return cursor.labelled("negation operator (not)", [&] {
            condition.negated = negation(cursor);
            return true;
        });
    };
    const auto kind = [&](std::string_view word, Condition::Kind what) {
        condition.kind = what;
        return cursor.literal(word);
    };
    const auto logic = [&] {
        return cursor.labelled("logic operator (and, or)", [&] {
            return cursor.first_of(
                [&] { return cursor.attempt([&] { return kind("and", Condition::Kind::conjunction); }); },
                [&] { return kind("or", Condition::Kind::disjunction); });
        });
    };
    const auto part = [&] {
        return cursor.deeper([&] { return read_node(cursor, condition.parts.emplace_back(), aggregates); });
    };
    const auto branch = [&] {
        condition = {};
        return negated() && logic() && cursor.spaced_character('(') &&
               cursor.separated(part, [&] { return cursor.spaced_character(','); }) && cursor.spaced_character(')');
    };
    return cursor.first_of(leaf, branch);
}

}  // namespace

bool read_filter(Cursor& cursor, Filter& filter) { return read_operation(cursor, filter, read_whole_value); }

bool read_tree(Cursor& cursor, Condition& condition) { return read_node(cursor, condition, false); }

bool read_having(Cursor& cursor, std::vector<Condition>& conditions) {
    const auto condition = [&] { return read_node(cursor, conditions.emplace_back(), true); };
    return cursor.separated(condition, [&] { return cursor.spaced_character(','); }) && cursor.end();
}

}  // namespace analytics::rest
