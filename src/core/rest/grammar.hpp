// The parsers that make up the dialect's grammar, by parameter. Each reads from the cursor's place and says whether it
// succeeded; a failed one may have written into its result.
#pragma once

#include "core/rest/cursor.hpp"
#include "core/rest/query.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace analytics::rest {

// Letters, digits and _ $ and blanks, without those at the ends.
bool read_identifier(Cursor& cursor, std::string& identifier);

// "in quotes, where \" is a quote"
bool read_quoted(Cursor& cursor, std::string& text);

// A column's, a relation's or an alias: quoted, or identifiers with dashes between them.
bool read_name(Cursor& cursor, std::string& name);

// clients.projects.name
bool read_path(Cursor& cursor, Path& path);

// a, b
bool read_names(Cursor& cursor, std::vector<std::string>& names);

// ->a->>0, or nothing
bool read_steps(Cursor& cursor, std::vector<JsonStep>& steps);

// name->a->>0, without blanks around it
bool read_plain_field(Cursor& cursor, Field& field);
// ... with them
bool read_field(Cursor& cursor, Field& field);

// .sum() at the cursor, an extension of order= and having=. Looks ahead without a trace, so that errors read as
// PostgREST's, which doesn't know it.
bool take_aggregate(Cursor& cursor, Aggregate& aggregate);
// count(), the same
bool take_bare_count(Cursor& cursor);

// select=: the items up to a parenthesis or the end
bool read_items(Cursor& cursor, std::vector<SelectItem>& items);

// order=
bool read_order(Cursor& cursor, std::vector<OrderTerm>& terms);

// not.eq.5: the rest of a filter, its value up to the end
bool read_filter(Cursor& cursor, Filter& filter);

// and(a.eq.1,or(b.gt.2,b.is.null)), or one filter
bool read_tree(Cursor& cursor, Condition& condition);

// amount.sum().gt.10,or(count().gt.2,amount.max().lt.5): an extension
bool read_having(Cursor& cursor, std::vector<Condition>& conditions);

}  // namespace analytics::rest
