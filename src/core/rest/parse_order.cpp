#include "core/rest/grammar.hpp"

#include <utility>

namespace analytics::rest {
namespace {

// .word, of which a beginning alone consumes nothing
bool read_word(Cursor& cursor, std::string_view word) {
    return cursor.attempt([&] {
        return cursor.labelled("delimiter (.)", [&] { return cursor.character('.'); }) && cursor.literal(word);
    });
}

// .desc.nullslast, and the end of the term
bool read_direction(Cursor& cursor, OrderTerm& term) {
    const auto direction = [&](std::string_view word, bool descending) {
        return [&cursor, &term, word, descending] {
            if (!read_word(cursor, word)) {
                return false;
            }
            term.direction_said = true;
            term.descending = descending;
            return true;
        };
    };
    const auto nulls = [&](std::string_view word, Nulls what) {
        return [&cursor, &term, word, what] {
            if (!read_word(cursor, word)) {
                return false;
            }
            term.nulls = what;
            return true;
        };
    };
    const auto end = [&] {
        const auto comma = [&] { return cursor.character(','); };
        return cursor.first_of([&] { return cursor.attempt([&] { return cursor.ahead(comma); }); },
                               [&] { return cursor.end(); });
    };
    return cursor.maybe([&] { return cursor.first_of(direction("asc", false), direction("desc", true)); }) &&
           cursor.maybe(
               [&] { return cursor.first_of(nulls("nullsfirst", Nulls::first), nulls("nullslast", Nulls::last)); }) &&
           end();
}

// relation(column)
bool read_related_term(Cursor& cursor, OrderTerm& term) {
    term = {};
    return read_name(cursor, term.relation) && cursor.character('(') && read_field(cursor, term.field) &&
           cursor.character(')') && read_direction(cursor, term);
}

bool read_own_term(Cursor& cursor, OrderTerm& term) {
    term = {};
    if (take_bare_count(cursor)) {
        term.aggregate = Aggregate::count;
        return read_direction(cursor, term);
    }
    if (!read_field(cursor, term.field)) {
        return false;
    }
    take_aggregate(cursor, term.aggregate);
    return read_direction(cursor, term);
}

}  // namespace

bool read_order(Cursor& cursor, std::vector<OrderTerm>& terms) {
    const auto read_term = [&] {
        OrderTerm term;
        const bool succeeded = cursor.spaced([&] {
            return cursor.first_of([&] { return cursor.attempt([&] { return read_related_term(cursor, term); }); },
                                   [&] { return read_own_term(cursor, term); });
        });
        if (succeeded) {
            terms.push_back(std::move(term));
        }
        return succeeded;
    };
    return cursor.separated(read_term, [&] { return cursor.character(','); });
}

}  // namespace analytics::rest
