// What became of a batch, for the caller and for rejected_event.
#pragma once

#include "core/event.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pg/headers.hpp"

namespace analytics::ingest {

// How many errors a report lists; the others are counted, and stand in rejected_event.
inline constexpr std::size_t kListedErrors = 100;

// What a report says of a rejected event.
struct ListedError {
    std::size_t index = 0;
    std::optional<std::string> event_id;
    std::string code, pointer, message;
};

struct Report {
    std::int64_t accepted = 0;
    std::int64_t duplicates = 0;
    std::int64_t rejected = 0;
    std::vector<ListedError> errors;  // in order of index, the first kListedErrors
};

// A rejected event and whose payload it was in.
struct SentRejection {
    const Rejection* rejection;
    std::size_t index;        // in that payload
    std::string_view store;   // that it was sent to
    std::string_view format;  // by name
    bool is_out_of_bounds;    // the sender may not send it: kept as discarded, so that no replay takes it in by the way
};

// Stores rejections whole. One statement, or none; needs an open pg::Connection.
void store_rejections(std::span<const SentRejection> rejections);
// All of one payload.
void store_rejections(const std::vector<Rejection>& rejections, std::string_view store, std::string_view format);

// Runs inside protect(): the errors as a jsonb array.
Datum errors_datum(const std::vector<ListedError>& errors);

// The result row (accepted, duplicates, rejected, errors) of the function that is called.
Datum report_row(FunctionCallInfo call, const Report& report);

}  // namespace analytics::ingest
