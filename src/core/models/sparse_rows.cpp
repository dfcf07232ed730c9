#include "core/models/sparse_rows.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>

#include "core/error.hpp"

namespace analytics::models {
namespace {

void check(const Triple& triple, std::size_t rows, std::size_t columns, std::size_t number) {
    if (triple.row >= rows || triple.column >= columns) {
        throw Error(Code::invalid_parameter, "an entry lies outside of the matrix")
            .detail("Entry " + std::to_string(number + 1) + " is in row " + std::to_string(triple.row) + ", column " +
                    std::to_string(triple.column) + ", of " + std::to_string(rows) + " rows and " +
                    std::to_string(columns) + " columns.")
            .hint("Rows and columns are counted from 0.");
    }
    if (!std::isfinite(triple.value) || triple.value < 0) {
        throw Error(Code::invalid_parameter, "a strength is negative or not finite")
            .detail("It is that of entry " + std::to_string(number + 1) + ".")
            .hint("Leave such entries out.");
    }
}

}  // namespace

SparseRows SparseRows::from_triples(std::size_t rows, std::size_t columns, std::span<const Triple> triples) {
    struct Entry {
        std::uint32_t column;
        float value;
    };
    SparseRows result;
    result.columns_ = columns;
    result.begins_.resize(rows + 1);
    for (std::size_t i = 0; i < triples.size(); ++i) {
        check(triples[i], rows, columns, i);
        ++result.begins_[triples[i].row + 1];
    }
    std::partial_sum(result.begins_.begin(), result.begins_.end(), result.begins_.begin());
    std::vector<Entry> entries(triples.size());
    {
        std::vector<std::size_t> next(result.begins_.begin(), result.begins_.end() - 1);
        for (const auto& triple : triples) {
            entries[next[triple.row]++] = {triple.column, triple.value};
        }
    }
    std::size_t number = 0;
    result.places_.reserve(entries.size());
    result.values_.reserve(entries.size());
    for (std::size_t row = 0; row < rows; ++row) {
        const auto begin = entries.begin() + static_cast<std::ptrdiff_t>(result.begins_[row]);
        const auto end = entries.begin() + static_cast<std::ptrdiff_t>(result.begins_[row + 1]);
        // by value too, so that a sum is the same in whatever order its terms come
        std::sort(begin, end, [](const Entry& a, const Entry& b) {
            return std::tie(a.column, a.value) < std::tie(b.column, b.value);
        });
        result.begins_[row] = number;
        for (auto entry = begin; entry != end;) {
            const std::uint32_t column = entry->column;
            double sum = 0;
            for (; entry != end && entry->column == column; ++entry) {
                sum += entry->value;
            }
            if (sum > 0) {
                result.places_.push_back(column);
                result.values_.push_back(static_cast<float>(sum));
                ++number;
            }
        }
    }
    result.begins_[rows] = number;
    return result;
}

SparseRows SparseRows::transposed() const {
    SparseRows result;
    result.columns_ = rows();
    result.begins_.resize(columns_ + 1);
    result.places_.resize(entries());
    result.values_.resize(entries());
    for (const std::uint32_t column : places_) {
        ++result.begins_[column + 1];
    }
    std::partial_sum(result.begins_.begin(), result.begins_.end(), result.begins_.begin());
    std::vector<std::size_t> next(result.begins_.begin(), result.begins_.end() - 1);
    for (std::size_t i = 0; i < rows(); ++i) {
        const SparseRow from = row(i);
        for (std::size_t n = 0; n < from.size; ++n) {
            const std::size_t to = next[from.columns[n]]++;
            result.places_[to] = static_cast<std::uint32_t>(i);
            result.values_[to] = from.values[n];
        }
    }
    return result;
}

}  // namespace analytics::models
