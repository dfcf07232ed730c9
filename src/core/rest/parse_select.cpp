#include "core/rest/grammar.hpp"

#include <utility>

namespace analytics::rest {
namespace {

bool read_alias(Cursor& cursor, std::string& alias) {
    std::string name;
    const bool succeeded = cursor.attempt([&] {
        // a second colon makes it a cast
        return read_name(cursor, name) && cursor.character(':') &&
               cursor.not_followed_by([](char32_t c) { return c == ':'; }, R"(":")");
    });
    if (succeeded) {
        alias = std::move(name);
    }
    return succeeded;
}

// A type's name, which may not be blank.
bool read_cast(Cursor& cursor, std::string& cast) {
    return cursor.literal("::") && read_identifier(cursor, cast) && !cast.empty();
}

// What ends a column: it is looked at alone.
bool at_end_of_item(Cursor& cursor) {
    const auto before = [&](std::string_view what) {
        return [&cursor, what] {
            return cursor.attempt([&] { return cursor.ahead([&] { return cursor.literal(what); }); });
        };
    };
    return cursor.first_of(before(")"), before(","), [&] { return cursor.end(); });
}

bool read_aggregate(Cursor& cursor, Aggregate& aggregate) {
    const auto call = [&](std::string_view name, Aggregate what) {
        aggregate = what;
        return cursor.literal(name);
    };
    return cursor.attempt([&] {
        return cursor.character('.') &&
               cursor.first_of([&] { return call("sum", Aggregate::sum); }, [&] { return call("avg", Aggregate::avg); },
                               [&] { return call("count", Aggregate::count); },
                               [&] { return cursor.attempt([&] { return call("max", Aggregate::max); }); },
                               [&] { return cursor.attempt([&] { return call("min", Aggregate::min); }); }) &&
               cursor.literal("()");
    });
}

bool read_star(Cursor& cursor, SelectItem& item) {
    item = {};
    item.kind = SelectItem::Kind::star;
    return cursor.literal("*") && at_end_of_item(cursor);
}

bool read_bare_count(Cursor& cursor, SelectItem& item) {
    item = {};
    item.aggregate = Aggregate::count;
    return cursor.maybe([&] { return read_alias(cursor, item.alias); }) && cursor.literal("count()") &&
           cursor.maybe([&] { return read_cast(cursor, item.aggregate_cast); }) && at_end_of_item(cursor);
}

bool read_column(Cursor& cursor, SelectItem& item) {
    item = {};
    Aggregate aggregate = Aggregate::none;
    const auto call = [&] {
        const bool succeeded = read_aggregate(cursor, aggregate);
        item.aggregate = succeeded ? aggregate : Aggregate::none;
        return succeeded;
    };
    const auto second_cast = [&] {
        std::string cast;
        const bool succeeded = read_cast(cursor, cast);
        if (succeeded && item.aggregate != Aggregate::none) {  // otherwise it is read, and says nothing
            item.aggregate_cast = std::move(cast);
        }
        return succeeded;
    };
    return cursor.maybe([&] { return read_alias(cursor, item.alias); }) && read_field(cursor, item.field) &&
           cursor.maybe([&] { return read_cast(cursor, item.cast); }) && cursor.maybe(call) &&
           cursor.maybe(second_cast) && at_end_of_item(cursor);
}

// !hint, !inner, !left. A hint that begins with one of these words fails behind it, as it does in PostgREST.
bool read_embed_parameter(Cursor& cursor, SelectItem& item) {
    const auto join = [&](std::string_view word, Join what) {
        const bool succeeded = cursor.attempt([&] { return cursor.literal(word); });
        if (succeeded && item.join == Join::unsaid) {
            item.join = what;
        }
        return succeeded;
    };
    const auto hint = [&] {
        std::string name;
        const bool succeeded = cursor.attempt([&] { return read_name(cursor, name); });
        if (succeeded && item.hint.empty()) {
            item.hint = std::move(name);
        }
        return succeeded;
    };
    return cursor.character('!') &&
           cursor.first_of([&] { return join("left", Join::left); }, [&] { return join("inner", Join::inner); }, hint);
}

// What stands before the parentheses, of which the first is looked at.
bool read_relation_name(Cursor& cursor, SelectItem& item) {
    return read_name(cursor, item.relation) && cursor.maybe([&] { return read_embed_parameter(cursor, item); }) &&
           cursor.maybe([&] { return read_embed_parameter(cursor, item); }) &&
           cursor.attempt([&] { return cursor.ahead([&] { return cursor.literal("("); }); });
}

bool read_spread(Cursor& cursor, SelectItem& item) {
    item = {};
    item.kind = SelectItem::Kind::relation;
    item.spread = true;
    return cursor.literal("...") && read_relation_name(cursor, item);
}

bool read_relation(Cursor& cursor, SelectItem& item) {
    item = {};
    item.kind = SelectItem::Kind::relation;
    return cursor.maybe([&] { return read_alias(cursor, item.alias); }) && read_relation_name(cursor, item) &&
           item.relation != "count";  // count() is the aggregate
}

}  // namespace

bool read_items(Cursor& cursor, std::vector<SelectItem>& items) {
    const auto spaced = [&](auto read, SelectItem& item) {
        return [&cursor, read, &item] { return cursor.spaced([&] { return read(cursor, item); }); };
    };
    const auto relation = [&](auto read, SelectItem& item) {
        return [&cursor, &spaced, read, &item] {
            return cursor.attempt(spaced(read, item)) && cursor.character('(') &&
                   cursor.deeper([&] { return read_items(cursor, item.items); }) && cursor.character(')');
        };
    };
    const auto column = [&](SelectItem& item) {
        return cursor.spaced([&] {
            return cursor.first_of([&] { return cursor.attempt([&] { return read_star(cursor, item); }); },
                                   [&] { return cursor.attempt([&] { return read_bare_count(cursor, item); }); },
                                   [&] { return read_column(cursor, item); });
        });
    };
    const auto read_item = [&] {
        SelectItem item;
        if (!cursor.first_of(relation(read_spread, item), relation(read_relation, item),
                             [&] { return column(item); })) {
            return false;
        }
        items.push_back(std::move(item));
        return true;
    };
    return cursor.maybe([&] { return cursor.separated(read_item, [&] { return cursor.spaced_character(','); }); });
}

}  // namespace analytics::rest
