// Takes a payload apart: one object, an array of objects, or one object a line (NDJSON).
#pragma once

#include "core/json.hpp"
#include "core/no_postgres.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace analytics {

// What is found, in the payload's order. Indexes count array elements or lines that are not blank, from 0.
class PayloadVisitor {
public:
    virtual ~PayloadVisitor() = default;

    // A JSON value; flawed or no object, perhaps. The document holds until the call returns.
    virtual void value(std::size_t index, const json::Document& document, std::string_view source) = 0;
    // A line that is no JSON.
    virtual void broken_line(std::size_t index, std::string_view source, std::string message) = 0;
    // What looked like one array turned out to be lines: all that was reported before is void.
    virtual void restart() = 0;
};

// `text` must be followed by a readable NUL byte, as a std::string's is.
// Throws Error(invalid_text) when the text is no JSON: blank, a broken array, or not one line of it a JSON value.
void read_payload(std::string_view text, PayloadVisitor& visitor);

}  // namespace analytics
