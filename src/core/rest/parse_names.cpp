#include "core/rest/grammar.hpp"

#include <array>
#include <utility>

namespace analytics::rest {
namespace {

bool is_digit(char32_t c) { return c >= '0' && c <= '9'; }

// Everything beyond ASCII counts as a letter.
bool is_letter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80; }

bool is_key_character(char32_t c) { return std::u32string_view(U"(-:.,>)").find(c) == std::u32string_view::npos; }

std::string without_blanks(const std::string& text) {
    static constexpr std::string_view kBlanks = " \t\r\n\v\f";
    const auto first = text.find_first_not_of(kBlanks);
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Parts with dashes between them; a dash that begins an arrow ends the name.
template <typename Part>
bool read_dashed(Cursor& cursor, std::string& name, Part&& read_part) {
    name.clear();
    const auto part = [&] {
        std::string text;
        const bool succeeded = read_part(text);
        name += text;
        return succeeded;
    };
    const auto dash = [&] {
        const bool succeeded = cursor.attempt([&] {
            return cursor.character('-') && cursor.not_followed_by([](char32_t c) { return c == '>'; }, R"(">")");
        });
        name += succeeded ? "-" : "";
        return succeeded;
    };
    return cursor.separated(part, dash);
}

bool read_index(Cursor& cursor, JsonStep& step) {
    step.key.clear();
    step.is_index = true;
    const auto digit = [&] { return cursor.one(is_digit, &step.key, "digit"); };
    const auto before = [&](std::string_view what) {
        return [&cursor, what] {
            return cursor.attempt([&] { return cursor.ahead([&] { return cursor.literal(what); }); });
        };
    };
    // A number that anything else follows is a key: ->0xy. So is one before a parenthesis.
    return cursor.maybe([&] { return cursor.character('-', &step.key); }) && cursor.many_of_one(digit) &&
           cursor.first_of(before("->"), before("::"), before("."), before(","), [&] { return cursor.end(); });
}

bool read_key(Cursor& cursor, JsonStep& step) {
    step.is_index = false;
    const auto part = [&](std::string& text) {
        const bool succeeded = cursor.many_of_one([&] { return cursor.one(is_key_character, &text); });
        text = without_blanks(text);
        return succeeded;
    };
    return cursor.labelled("any non reserved character different from: .,>()", [&] {
        return cursor.first_of([&] { return read_quoted(cursor, step.key); },
                               [&] { return read_dashed(cursor, step.key, part); });
    });
}

}  // namespace

bool read_identifier(Cursor& cursor, std::string& identifier) {
    identifier.clear();
    const auto character = [&] {
        return cursor.first_of(
            [&] { return cursor.one(is_letter, &identifier, "letter"); },
            [&] { return cursor.one(is_digit, &identifier, "digit"); },
            [&] { return cursor.one([](char32_t c) { return c == '_' || c == ' ' || c == '$'; }, &identifier); });
    };
    const bool succeeded = cursor.many_of_one(character);
    identifier = without_blanks(identifier);
    return succeeded;
}

bool read_quoted(Cursor& cursor, std::string& text) {
    text.clear();
    const auto plain = [&] { return cursor.one([](char32_t c) { return c != '"' && c != '\\'; }, &text); };
    const auto escaped = [&] { return cursor.character('\\') && cursor.one([](char32_t) { return true; }, &text); };
    return cursor.character('"') && cursor.many([&] { return cursor.first_of(plain, escaped); }) &&
           cursor.character('"');
}

bool read_name(Cursor& cursor, std::string& name) {
    return cursor.labelled("field name (* or [a..z0..9_$])", [&] {
        return cursor.first_of([&] { return read_quoted(cursor, name); },
                               [&] {
                                   return read_dashed(cursor, name,
                                                      [&](std::string& part) { return read_identifier(cursor, part); });
                               });
    });
}

bool read_path(Cursor& cursor, Path& path) {
    const auto name = [&] { return read_name(cursor, path.emplace_back()); };
    const auto dot = [&] { return cursor.labelled("delimiter (.)", [&] { return cursor.character('.'); }); };
    return cursor.separated(name, dot);
}

bool read_names(Cursor& cursor, std::vector<std::string>& names) {
    return cursor.separated([&] { return read_name(cursor, names.emplace_back()); },
                            [&] { return cursor.spaced_character(','); });
}

bool read_steps(Cursor& cursor, std::vector<JsonStep>& steps) {
    return cursor.many([&] {
        JsonStep step;
        const auto arrow = [&] {
            return cursor.first_of(
                [&] {
                    step.as_text = cursor.attempt([&] { return cursor.literal("->>"); });
                    return step.as_text;
                },
                [&] { return cursor.attempt([&] { return cursor.literal("->"); }); });
        };
        if (!arrow() || !cursor.first_of([&] { return cursor.attempt([&] { return read_index(cursor, step); }); },
                                         [&] { return cursor.attempt([&] { return read_key(cursor, step); }); })) {
            return false;
        }
        steps.push_back(std::move(step));
        return true;
    });
}

bool read_plain_field(Cursor& cursor, Field& field) {
    field = {};
    return read_name(cursor, field.name) && read_steps(cursor, field.path);
}

bool read_field(Cursor& cursor, Field& field) {
    return cursor.spaced([&] { return read_plain_field(cursor, field); });
}

bool take_aggregate(Cursor& cursor, Aggregate& aggregate) {
    static constexpr std::array<std::pair<std::string_view, Aggregate>, 5> kCalls = {{{".sum()", Aggregate::sum},
                                                                                      {".avg()", Aggregate::avg},
                                                                                      {".count()", Aggregate::count},
                                                                                      {".max()", Aggregate::max},
                                                                                      {".min()", Aggregate::min}}};
    for (const auto& [call, what] : kCalls) {
        if (cursor.rest().starts_with(call)) {
            cursor.skip(call.size());
            aggregate = what;
            return true;
        }
    }
    return false;
}

bool take_bare_count(Cursor& cursor) {
    static constexpr std::string_view kCall = "count()";
    if (!cursor.rest().starts_with(kCall)) {
        return false;
    }
    cursor.skip(kCall.size());
    return true;
}

}  // namespace analytics::rest
