// A request's body as rows: JSON as sent, or JSON made from CSV or a form.
#pragma once

#include "core/rest/query.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace analytics::rest {

enum class BodyType : std::uint8_t { json, csv, form, text, xml, octets, other };

struct Payload {
    std::string json;  // of rows: an object or an array of objects
    bool is_object = false;
    std::vector<std::string> columns;                       // keys of the rows, in order, each once
    std::vector<std::pair<std::string, std::string>> form;  // of a form, in order
};

// `columns`: those named by columns=; with them the rows' keys need not agree. Failures are PGRST102.
std::variant<Payload, Failure> read_payload(std::string_view body, BodyType type, bool has_columns);

}  // namespace analytics::rest
