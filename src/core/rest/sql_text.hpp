// SQL as it is put together: the one place where names and values of a request enter it.
#pragma once

#include "core/rest/schema.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace analytics::rest {

class SqlText {
public:
    // Text of ours, as it is.
    SqlText& operator<<(std::string_view sql) {
        text_ += sql;
        return *this;
    }
    SqlText& name(std::string_view identifier);  // in double quotes
    SqlText& name(const Name& name);             // schema and name
    SqlText& literal(std::string_view text);     // in single quotes: part of the shape, not of the values
    SqlText& value(std::string_view text);       // $n, of whatever type its place has

    const std::string& text() const { return text_; }
    const std::vector<std::string>& values() const { return values_; }

private:
    std::string text_;
    std::vector<std::string> values_;
};

// An array of PostgreSQL as text: {"a","b"}.
std::string array_text(const std::vector<std::string>& elements);

// Whether the text may stand unquoted as the name of a type after AS: int, timestamp with time zone, "my type", api.t,
// numeric(10,2), int[].
bool is_type_name(std::string_view text);

}  // namespace analytics::rest
