// What became of a batch, for the caller and for rejected_event.
#pragma once

#include "core/event.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pg/headers.hpp"

namespace analytics::ingest {

// How many errors a report lists; the others are counted, and stand in rejected_event.
inline constexpr std::size_t kListedErrors = 100;

struct Report {
    std::int64_t accepted = 0;
    std::int64_t duplicates = 0;
    std::int64_t rejected = 0;
    std::vector<Rejection> errors;  // in order of index; views point into the batch
};

// The store a rejected event was sent to: it may name another one only where the sender may write to all.
std::string_view store_of(const Rejection& rejection, std::string_view store);

// Stores the rejections whole. One statement; needs an open pg::Connection.
void store_rejections(const std::vector<Rejection>& rejections, std::string_view store, std::string_view format);

// The result row (accepted, duplicates, rejected, errors) of the function that is called.
Datum report_row(FunctionCallInfo call, const Report& report);

}  // namespace analytics::ingest
