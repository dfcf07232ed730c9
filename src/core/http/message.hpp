// A request and a response of HTTP, whole and at rest: what the reader yields and the writer takes.
#pragma once

#include "core/no_postgres.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace analytics::http {

// ASCII alone: header names and tokens.
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string lower_case(std::string_view text);
std::string_view trim(std::string_view text);  // spaces and tabs

// Header fields in the order sent; names are found whatever their case.
class Fields {
public:
    using Field = std::pair<std::string, std::string>;

    void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
    void set(std::string name, std::string value);  // in the place of all of that name
    // The first of that name.
    std::optional<std::string_view> find(std::string_view name) const;
    // Whether a list-valued field of that name holds the token, whatever its case.
    bool lists(std::string_view name, std::string_view token) const;

    const std::vector<Field>& all() const { return fields_; }

private:
    std::vector<Field> fields_;
};

struct Request {
    std::string method;
    std::string path;   // percent-decoded, begins with '/'
    std::string query;  // as sent, without '?'
    Fields fields;
    std::string body;
    bool keep_alive = true;
    bool chunks = true;  // the client understands chunked answers (HTTP/1.1)
};

struct Response {
    int status = 200;
    Fields fields;
    std::string body;
};

}  // namespace analytics::http
