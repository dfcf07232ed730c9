// What a pass's lines say of products: the latest of each field, as latest_product_news() (sql/functions/products.sql)
// has it.
#pragma once

#include "core/cells/line.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "functions/cell_pass.hpp"
#include "pg/headers.hpp"

namespace analytics::cell_pass {

class ProductWriter {
public:
    explicit ProductWriter(const ProductPass& pass) : pass_(pass) {}

    // In memory of the caller's that is soon freed: documents are copied to be read.
    void add(cells::Line& line);
    // Writes what was said, and moves products' P to `seen`. False: an open transaction holds a product, and nothing
    // has moved.
    bool finish(Datum seen);

private:
    // Of two lines the later one counts: by time, revision, transaction; of one version's lines the first.
    struct Age {
        std::int64_t at = INT64_MIN;
        std::int64_t revision = 0;
        std::int64_t stamp = 0;
        std::int64_t line = 0;  // below 0

        friend auto operator<=>(const Age&, const Age&) = default;
    };
    struct Field {
        std::optional<std::string> value;
        Age age;
    };
    struct Product {
        std::string store;
        std::string id;
        Field name, category, brand, price;
        std::optional<std::string> currency;  // the price's
    };

    struct HashOfHash {
        std::size_t operator()(const cells::Hash128& hash) const { return cells::mix(hash.low, hash.high); }
    };

    const ProductPass& pass_;
    std::unordered_map<cells::Hash128, Product, HashOfHash> products_;  // by store and id
};

}  // namespace analytics::cell_pass
