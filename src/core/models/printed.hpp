// Numbers for people and for JSON: the shortest decimal that reads as the same double.
#pragma once

#include "core/no_postgres.hpp"

#include <charconv>
#include <string>

namespace analytics::models {

inline std::string printed(double value) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

}  // namespace analytics::models
