// The one error type the core throws. The shell turns it into ereport with SQLSTATE, detail and hint intact.
#pragma once

#include "core/no_postgres.hpp"

#include <stdexcept>
#include <string>
#include <utility>

namespace analytics {

// Each code has one SQLSTATE (src/pg/errors.cpp).
enum class Code {
    invalid_parameter,  // 22023
    invalid_text,       // 22P02
    syntax_error,       // 42601
    out_of_range,       // 22003
    limit_exceeded,     // 54000
    out_of_memory,      // 53200
    internal,           // XX000
};

class Error : public std::runtime_error {
public:
    Error(Code code, const std::string& message) : std::runtime_error(message), code_(code) {}

    Error& detail(std::string text) {
        detail_ = std::move(text);
        return *this;
    }
    Error& hint(std::string text) {
        hint_ = std::move(text);
        return *this;
    }

    Code code() const { return code_; }
    const std::string& detail() const { return detail_; }
    const std::string& hint() const { return hint_; }

private:
    Code code_;
    std::string detail_;
    std::string hint_;
};

}  // namespace analytics
