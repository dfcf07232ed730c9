// From a request to the statement that answers it, and from the statement's outcome to the answer.
#pragma once

#include "core/http/message.hpp"
#include "core/rest/preferences.hpp"
#include "core/rest/query.hpp"
#include "core/rest/range.hpp"
#include "core/rest/schema.hpp"
#include "core/rest/sql_text.hpp"
#include "core/rest/statement.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace analytics::rest {

struct ExchangeSettings {
    std::vector<std::string> schemas;  // served, the default one first
    std::uint64_t max_rows = 0;        // 0: no limit
    bool aggregates = false;
    bool tx_override = false;
    bool plan = false;  // whether EXPLAIN's output may be asked for
};

struct ChosenSchema {
    std::string name;
    bool negotiated = false;  // by Accept-Profile or Content-Profile, or among several
};
std::variant<ChosenSchema, Failure> choose_schema(const http::Request& request, const std::vector<std::string>& served);

struct Target {
    bool is_function = false;
    std::string name;
};

// What is to be done, and what the answer depends on.
struct Prepared {
    SqlText sql;
    bool by_lines = false;            // sql yields the lines of a body in CSV (statement.hpp)
    std::string explained;            // EXPLAIN (...): its output is the body; empty: it is the statement's
    std::optional<SqlText> explain;   // whose estimate is the total
    std::uint64_t explain_above = 0;  // run it only where the total is larger; 0: always
    bool read_only = false;
    bool columns_alone =
        false;  // of a read: what it shows, filters and orders by are columns of the relation as they are
    std::string schema;
    std::vector<std::pair<std::string, std::string>> settings;  // for the transaction: a function's own, the time zone
    bool roll_back = false;                                     // tx=rollback

    enum class Kind : std::uint8_t { read, insert, put, update, remove, call } kind = Kind::read;
    bool head = false;
    bool single = false;  // one row, or it is refused
    bool returns_void = false;
    bool shows_rows = true;  // the body is theirs
    bool counts = false;
    bool merges = false;
    std::optional<std::uint64_t> max_affected;
    Limits range;
    std::string content_type;
    std::string content_profile;  // empty: not negotiated
    std::string content_location;
    std::string location;     // of the relation
    std::string warning;      // about what was asked; empty: none
    Preferences preferences;  // those that say something about it
};

// Nothing to do in the database: the Response answers it.
std::variant<Prepared, http::Response> prepare(const http::Request& request, const Target& target, const Schema& schema,
                                               const ExchangeSettings& settings);

struct Outcome {
    std::optional<std::uint64_t> total;
    std::uint64_t rows = 0;
    bool unfinished = false;  // there are more rows than these, the answer's body follows piece by piece
    std::string body;
    std::optional<std::string> headers;  // response.headers
    std::optional<std::string> status;   // response.status
    std::optional<std::int64_t> inserted;
    std::vector<std::string> location;
};

struct Finished {
    http::Response response;
    bool refused = false;  // nothing of it may stay
};
Finished finish(const Prepared& prepared, Outcome outcome);

// The answer's Vary: what it depends on; a superset of PostgREST's.
inline constexpr const char* kVary = "Accept, Accept-Encoding, Accept-Profile, Authorization, Prefer, Range";

http::Response failure_response(const Failure& failure);

// An error of PostgreSQL's as PostgREST answers it: its table of statuses, RAISE with SQLSTATE 'PTxyz' or 'PGRST'.
http::Response sql_error_response(const std::string& sqlstate, const std::string& message, const std::string& detail,
                                  const std::string& hint, bool anonymous);

}  // namespace analytics::rest
