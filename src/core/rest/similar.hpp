// The name that was perhaps meant.
#pragma once

#include "core/no_postgres.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace analytics::rest {

// The candidate most like the name, if it is at least so similar (0 to 1, by edit distance over the longer length).
std::optional<std::string> most_similar(const std::vector<std::string>& candidates, std::string_view name,
                                        double least);

}  // namespace analytics::rest
