#include "functions/matrix_datum.hpp"

#include <algorithm>
#include <string>

#include "core/error.hpp"
#include "pg/errors.hpp"

namespace analytics::functions {
namespace {

constexpr std::size_t kCopiedAtATime = std::size_t{1} << 20;  // some milliseconds

struct Shape {
    const ArrayType* array;
    int dimensions;
    std::size_t rows;
    std::size_t columns;
};

Shape shape_of(Datum value) {
    const ArrayType* const array = pg::protect([&] { return DatumGetArrayTypeP(value); });
    const int dimensions = ARR_NDIM(array);
    return {array, dimensions, dimensions > 0 ? static_cast<std::size_t>(ARR_DIMS(array)[0]) : 0,
            dimensions > 1 ? static_cast<std::size_t>(ARR_DIMS(array)[1]) : 0};
}

[[noreturn]] void fail(std::string_view name, const char* what, const char* hint) {
    throw Error(Code::invalid_parameter, std::string(name) + what).hint(hint);
}

std::vector<double> values_of(const Shape& shape, std::size_t count, std::string_view name) {
    if (array_contains_nulls(const_cast<ArrayType*>(shape.array))) {
        fail(name, " holds nulls", "Leave rows with a null out.");
    }
    std::vector<double> values;
    values.reserve(count);
    for (std::size_t done = 0; done < count;) {
        pg::check_for_interrupts();
        const auto* const first = reinterpret_cast<const double*>(ARR_DATA_PTR(shape.array)) + done;
        const std::size_t size = std::min(count - done, kCopiedAtATime);
        values.insert(values.end(), first, first + size);
        done += size;
    }
    return values;
}

}  // namespace

models::Matrix matrix_from(Datum array, std::string_view name) {
    const Shape shape = shape_of(array);
    if (shape.dimensions != 2 && shape.dimensions != 0) {
        fail(name, " is no matrix", "Pass rows of equal length, such as '{{1,2},{3,4}}'.");
    }
    return {shape.rows, shape.columns, values_of(shape, shape.rows * shape.columns, name)};
}

std::vector<double> numbers_from(Datum array, std::string_view name) {
    const Shape shape = shape_of(array);
    if (shape.dimensions > 1) {
        fail(name, " is no list", "Pass numbers such as '{1,2}'.");
    }
    return values_of(shape, shape.rows, name);
}

}  // namespace analytics::functions
