// Filters of rollups: conditions on columns of an event and on paths into its properties. A filter is read, and printed
// again, so that nothing of the text that was sent is ever run as it came.
//
//     condition:  NOT, AND, OR, parentheses over predicates
//     predicate:  value = <> != < <= > >= value | value [NOT] IN (literal, ...) | value IS [NOT] NULL
//                 | value [NOT] LIKE 'pattern' (% any text, _ one character, \ before one that is meant itself)
//     value:      column | properties->>key | properties->a->>b | literal;  a key may stand in single quotes
//     literal:    'text' ('' for a quote) | number | true | false
//
// Columns are of text, number, true or false, or time (a literal with a zone: '2024-05-01T00:00:00Z'). A path is text,
// or, held against a number, the number that the property is; a property that is none, or is missing, is null there. A
// predicate over null is neither true nor false, as in SQL: the line is left out, by NOT too.
#pragma once

#include "core/no_postgres.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace analytics {

constexpr std::size_t kMaxFilterBytes = 16384;
constexpr int kMaxFilterDepth = 32;

struct Filter {
    std::string text;       // in the grammar above, in one way of writing; reads as itself
    std::string condition;  // SQL on counted_line, named l
};

// Throws Error(Code::syntax_error) with the place where reading ended, and a hint.
Filter read_filter(std::string_view text);

}  // namespace analytics
