// What the SQL functions of ingestion are called with: (payload, format, store).
#pragma once

#include "core/event.hpp"

#include <string>
#include <string_view>

#include "pg/headers.hpp"

namespace analytics::ingest {

struct Arguments {
    std::string format_name;
    Format format = Format::automatic;
    std::string store;
};

// Arguments 1 and 2, checked. Null, empty or unknown: Error invalid_parameter.
Arguments read_arguments(FunctionCallInfo call);

// A store's name, checked.
std::string checked_store(std::string_view store);

// Argument 0; valid while the call lasts. Null: Error invalid_parameter.
std::string_view text_payload(FunctionCallInfo call);
std::string_view jsonb_payload(FunctionCallInfo call);

// Refuses a database whose texts are not UTF-8.
void require_utf8();

}  // namespace analytics::ingest
