#include "functions/factor_cache.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <list>
#include <utility>

#include "core/error.hpp"
#include "pg/memory.hpp"
#include "pg/model_settings.hpp"
#include "pg/spi.hpp"

namespace analytics::functions {
namespace {

struct Kept {
    std::int64_t model_id;
    TimestampTz trained_at;
    std::string store;
    std::shared_ptr<const ProductFactors> factors;
};

// The last used first.
std::list<Kept>& kept() {
    static std::list<Kept> all;
    return all;
}

void make_room(std::size_t limit) {
    std::size_t bytes = 0;
    auto& all = kept();
    for (auto place = all.begin(); place != all.end();) {
        bytes += place->factors->bytes();
        place = bytes > limit ? all.erase(place) : std::next(place);
    }
}

constexpr std::array kVersion = {Oid{INT8OID}, Oid{TIMESTAMPTZOID}};

pg::Statement read_version(
    "SELECT r.products, r.factors, r.regularization, r.alpha, r.gram FROM analytics.recommender r"
    "  JOIN analytics.model m ON m.model_id = r.model_id"
    " WHERE r.model_id = $1 AND m.trained_at = $2",
    kVersion);

constexpr std::array kModel = {Oid{INT8OID}};

pg::Statement read_products(
    "SELECT p.first_number, p.product_ids, p.factors FROM analytics.recommender_product p"
    " WHERE p.model_id = $1 ORDER BY p.first_number",
    kModel);

[[noreturn]] void fail_broken() {
    throw analytics::Error(Code::internal, "the factors of a recommender are not whole")
        .hint("SELECT analytics.fit_recommender() learns them anew.");
}

std::shared_ptr<const ProductFactors> read(std::int64_t model_id, TimestampTz trained_at) {
    const pg::Result version =
        read_version.execute({Int64GetDatum(model_id), TimestampTzGetDatum(trained_at)}, pg::Access::read_only);
    if (version.size() != 1) {
        fail_broken();
    }
    const pg::Row row = version[0];
    const auto products = static_cast<std::size_t>(row.int4(1));
    const auto columns = static_cast<std::size_t>(row.int4(2));
    models::Gram gram(columns);
    const ArrayType* const sums = pg::protect([&] { return DatumGetArrayTypeP(*row.datum(5)); });
    if (ARR_NDIM(sums) != 1 || static_cast<std::size_t>(ARR_DIMS(sums)[0]) != columns * columns || ARR_HASNULL(sums)) {
        fail_broken();
    }
    for (std::size_t i = 0; i < columns * columns; ++i) {
        gram.at(i / columns, i % columns) = reinterpret_cast<const double*>(ARR_DATA_PTR(sums))[i];
    }
    std::vector<std::string> ids(products);
    models::Factors factors(products, columns);
    std::size_t next = 0;
    pg::Memory memory("analytics recommender");
    const pg::Result chunks = read_products.execute({Int64GetDatum(model_id)}, pg::Access::read_only);
    for (std::uint64_t n = 0; n < chunks.size(); ++n) {
        memory.inside([&] {
            const pg::Row chunk = chunks[n];
            Datum* names = nullptr;
            int size = 0;
            const ArrayType* values = nullptr;
            pg::protect([&] {
                deconstruct_array(DatumGetArrayTypeP(*chunk.datum(2)), TEXTOID, -1, false, TYPALIGN_INT, &names,
                                  nullptr, &size);
                values = DatumGetArrayTypeP(*chunk.datum(3));
            });
            const auto count = static_cast<std::size_t>(size);
            if (static_cast<std::size_t>(chunk.int4(1)) != next || next + count > products || ARR_HASNULL(values) ||
                ARR_NDIM(values) != 1 || static_cast<std::size_t>(ARR_DIMS(values)[0]) != count * columns) {
                fail_broken();
            }
            const auto* const floats = reinterpret_cast<const float*>(ARR_DATA_PTR(values));
            for (std::size_t i = 0; i < count; ++i) {
                ids[next + i] = pg::text_view(names[i]);
                std::memcpy(factors.row(next + i), floats + i * columns, columns * sizeof(float));
            }
            next += count;
        });
    }
    if (next != products) {
        fail_broken();
    }
    return std::make_shared<const ProductFactors>(std::move(ids), factors, std::move(gram),
                                                  DatumGetFloat8(*row.datum(3)), DatumGetFloat8(*row.datum(4)));
}

}  // namespace

ProductFactors::ProductFactors(std::vector<std::string> ids, const models::Factors& factors, models::Gram gram,
                               double regularization, double alpha)
    : ids_(std::move(ids)),
      top_(factors),
      gram_(std::move(gram)),
      regularization_(regularization),
      alpha_(alpha),
      bytes_(models::TopProducts::memory(factors.rows(), factors.columns()) +
             gram_.columns() * gram_.columns() * sizeof(double) + ids_.size() * sizeof(std::string)) {
    for (const std::string& id : ids_) {
        bytes_ += id.size() < sizeof(std::string) / 2 ? 0 : id.capacity();
    }
}

std::optional<std::uint32_t> ProductFactors::number_of(std::string_view id) const {
    const auto place = std::lower_bound(ids_.begin(), ids_.end(), id);
    return place != ids_.end() && *place == id ? std::optional(static_cast<std::uint32_t>(place - ids_.begin()))
                                               : std::nullopt;
}

std::shared_ptr<const ProductFactors> product_factors(std::int64_t model_id, TimestampTz trained_at,
                                                      std::string_view store) {
    auto& all = kept();
    const auto known = std::find_if(all.begin(), all.end(), [&](const Kept& one) {
        return one.model_id == model_id && one.trained_at == trained_at;
    });
    if (known != all.end()) {
        all.splice(all.begin(), all, known);
        return known->factors;
    }
    auto factors = read(model_id, trained_at);
    std::erase_if(all, [&](const Kept& one) { return one.store == store; });
    all.push_front({model_id, trained_at, std::string(store), factors});
    make_room(pg::model_cache());
    return factors;
}

}  // namespace analytics::functions
