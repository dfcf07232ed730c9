// Arrays of numbers as the core takes them.
#pragma once

#include "core/models/matrix.hpp"

#include <string_view>
#include <vector>

#include "pg/headers.hpp"

namespace analytics::functions {

// A float8[][], rows of equal length; no rows: an empty array. name: of the argument, for errors. Throws Error
// invalid_parameter where it has another number of dimensions, or holds nulls.
models::Matrix matrix_from(Datum array, std::string_view name);

// A float8[]. Throws as well.
std::vector<double> numbers_from(Datum array, std::string_view name);

}  // namespace analytics::functions
