// The one statement that a request becomes: reads, writes or calls, and puts the answer's body together.
//
// Its row has the columns total (bigint; null: not counted), rows (bigint), body (text), response.headers and
// response.status as functions set them (text), inserted (integer; null: not known) and location (text[]; null: none).
#pragma once

#include "core/rest/payload.hpp"
#include "core/rest/plan.hpp"
#include "core/rest/sql_text.hpp"

#include <string>
#include <utility>
#include <vector>

namespace analytics::rest {

enum class Format : std::uint8_t { array, object, csv, geojson, handled, nothing };

struct Output {
    Format format = Format::array;
    MediaDomain media;                      // of handled
    const MediaHandler* handler = nullptr;  // of handled: what makes the body; null: it is the function's value
    bool strip_nulls = false;
    enum class Total : std::uint8_t { none, page, counted } total = Total::none;  // page: no limit cuts anything off
    std::uint64_t count_limit = 0;  // of counted: no further than that; 0: to the end
};

// What a relation's rows are written from.
struct Write {
    enum class Kind : std::uint8_t { insert, update, put, remove };

    Kind kind = Kind::insert;
    const Relation* relation = nullptr;
    const Payload* payload = nullptr;
    std::vector<const Column*> columns;  // that are written
    std::vector<Condition> conditions;   // of update, remove and put
    enum class Resolution : std::uint8_t { none, merge, ignore } resolution = Resolution::none;
    std::vector<std::string> conflict;   // columns of ON CONFLICT
    bool defaults = false;               // missing=default
    std::vector<std::string> returning;  // "*" alone: all; empty: nothing is read
    bool location = false;               // return=headers-only
};

// How a function is called.
struct Call {
    const Function* function = nullptr;
    std::vector<const Parameter*> parameters;  // that are passed
    // by name, in the order sent (a query string or a form)
    std::vector<std::pair<std::string, std::string>> arguments;
    const Payload* payload = nullptr;  // instead: keys of JSON are arguments
    bool takes_body = false;           // the payload is the argument
    std::vector<std::string> returning;

    bool is_scalar() const { return function->kind != Function::Kind::composite; }
};

SqlText read_statement(const ReadNode& node, const Output& output);
SqlText write_statement(const Write& write, const ReadNode& node, const Output& output);
SqlText call_statement(const Call& call, const ReadNode& node, const Output& output);
// The same as CSV, by lines instead of one body: rows of (header text, line text), in which the header, if there is
// one, stands in the first row. Nothing is gathered in the database. The function yields a set.
SqlText read_lines_statement(const ReadNode& node);
SqlText call_lines_statement(const Call& call, const ReadNode& node);
// EXPLAIN (FORMAT JSON) of what is counted.
SqlText explain_statement(const ReadNode& node);

// The columns that reading `node` from written rows needs: those shown, those that order, and those that join what is
// embedded. "*" alone where all are shown.
std::vector<std::string> needed_columns(const ReadNode& node, const std::vector<std::string>& primary_key);

}  // namespace analytics::rest
