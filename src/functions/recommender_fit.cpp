// train_recommender(): the parts of fit_recommender() and evaluate_recommender() that are computed.
#include "core/models/recommender.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/models/printed.hpp"
#include "functions/recommender_reader.hpp"
#include "pg/background_work.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"
#include "pg/memory.hpp"
#include "pg/model_settings.hpp"
#include "pg/rows.hpp"

namespace analytics::functions {
namespace {

constexpr std::size_t kChunk = 1000;             // products in a row of recommender_product
constexpr std::size_t kCustomersAtATime = 5000;  // written by one statement
constexpr double kSurest = 999999;               // what alpha times a strength may be (models::implicit_als)

struct Request {
    explicit Request(FunctionCallInfo call) {
        const auto argument = [&](int number) {
            return call->args[number].isnull ? pg::Parameter() : pg::Parameter(call->args[number].value);
        };
        for (const int number : {1, 2, 3, 5, 7, 8, 9, 10, 11, 12, 13}) {
            if (call->args[number].isnull) {
                throw analytics::Error(Code::invalid_parameter, "arguments must not be null")
                    .hint("Only model_id, half_life and split may be.");
            }
        }
        if (!call->args[0].isnull) {
            model_id = DatumGetInt64(call->args[0].value);
        }
        read.store = argument(1);
        read.types = argument(2);
        read.weights = argument(3);
        half_life = argument(4);
        read.half_life = half_life;
        read.reference = argument(5);
        read.split = argument(6);
        k = static_cast<std::size_t>(DatumGetInt32(call->args[7].value));
        als.factors = DatumGetInt32(call->args[8].value);
        als.regularization = DatumGetFloat8(call->args[9].value);
        als.alpha = DatumGetFloat8(call->args[10].value);
        als.iterations = DatumGetInt32(call->args[11].value);
        als.seed = DatumGetInt64(call->args[12].value);
        force = DatumGetBool(call->args[13].value);
        if (!read.split.null && !half_life.null) {
            const double seconds =
                static_cast<double>(DatumGetTimestampTz(read.reference.value) - DatumGetTimestampTz(read.split.value)) /
                USECS_PER_SEC;
            read.early_scale = std::exp2(std::min(seconds / DatumGetFloat8(half_life.value), 100.0));
        }
        read.most = static_cast<float>(kSurest / als.alpha);
    }

    std::optional<std::int64_t> model_id;
    ReadOptions read;
    pg::Parameter half_life;
    std::size_t k = 0;
    models::AlsOptions als;
    bool force = false;
};

struct Learned {
    std::size_t tested = 0;
    std::optional<models::Comparison> comparison;
    std::optional<models::AlsResult> result;
    models::Gram gram;
};

bool is_enough(const models::Interactions& interactions) {
    return interactions.customers >= models::kFewestCustomers && interactions.products >= models::kFewestProducts;
}

Learned learn(const StoreInteractions& interactions, const Request& request, std::size_t held, models::Task& task) {
    Learned learned;
    learned.tested = testable_customers(interactions).size();
    if (!is_enough(interactions)) {
        return learned;
    }
    if (!request.read.split.null && learned.tested >= models::kFewestTested) {
        models::MemoryBudget budget(task);
        budget.take(held);
        learned.comparison = compare_recommenders(interactions, request.als, request.k, budget);
    }
    const bool is_better = learned.comparison && learned.comparison->model.ndcg > learned.comparison->popularity.ndcg;
    if (request.model_id && (request.force || is_better)) {
        models::MemoryBudget budget(task);
        budget.take(held);
        models::AlsOptions options = request.als;
        if (learned.comparison) {
            options.start = std::move(learned.comparison->factors);
            budget.take(models::Factors::memory(interactions.customers + interactions.products,
                                                static_cast<std::size_t>(options.factors)));
        }
        learned.result = train_recommender(interactions, options, budget);
        models::ThreadPool pool(task.threads());
        learned.gram = gram_of(learned.result->products, pool, task);
    }
    return learned;
}

// ---- what comes out, as JSON ----

std::string metrics_json(const models::RankingMetrics& metrics) {
    using models::printed;
    return "{\"precision_at_k\":" + printed(metrics.precision) + ",\"recall_at_k\":" + printed(metrics.recall) +
           ",\"ndcg_at_k\":" + printed(metrics.ndcg) + ",\"map_at_k\":" + printed(metrics.map) +
           ",\"mrr_at_k\":" + printed(metrics.mrr) + ",\"hit_rate\":" + printed(metrics.hit_rate) +
           ",\"coverage\":" + printed(metrics.coverage) + ",\"novelty\":" + printed(metrics.novelty) + "}";
}

std::string report_json(const StoreInteractions& interactions, const Request& request, const Learned& learned) {
    std::string json = "{\"customers\":" + std::to_string(interactions.customers) +
                       ",\"products\":" + std::to_string(interactions.products) +
                       ",\"interactions\":" + std::to_string(interactions.entries.size()) +
                       ",\"testable_customers\":" + std::to_string(learned.tested);
    if (learned.comparison) {
        json += ",\"evaluation\":{\"k\":" + std::to_string(request.k) +
                ",\"customers\":" + std::to_string(learned.comparison->model.customers) +
                ",\"model\":" + metrics_json(learned.comparison->model) +
                ",\"item_item\":" + metrics_json(learned.comparison->item_item) +
                ",\"popularity\":" + metrics_json(learned.comparison->popularity) + "}";
    }
    if (learned.result) {
        json += ",\"loss\":" + models::printed(learned.result->losses.back()) +
                ",\"mean_loss\":" + models::printed(learned.result->losses.back() / learned.result->confidence);
    }
    return json + "}";
}

// ---- what is written down ----

std::string snapshot_now() {
    static pg::Statement kSnapshot("SELECT analytics.learned_snapshot()::text");
    return std::string(kSnapshot.execute({}, pg::Access::read_only)[0].text(1));
}

void write_model(const Request& request, const StoreInteractions& interactions, const Learned& learned,
                 const std::string& seen) {
    static constexpr std::array kModelTypes = {Oid{INT8OID},        Oid{INT4OID},   Oid{INT4OID},
                                               Oid{FLOAT8OID},      Oid{FLOAT8OID}, Oid{TEXTARRAYOID},
                                               Oid{FLOAT8ARRAYOID}, Oid{FLOAT8OID}, Oid{TIMESTAMPTZOID},
                                               Oid{FLOAT8ARRAYOID}, Oid{TEXTOID}};
    static pg::Statement kModel(
        "WITH model AS (INSERT INTO analytics.recommender (model_id, factors, products, regularization, alpha, types, "
        "weights, half_life, reference, gram)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, make_interval(secs => $8), $9, $10) RETURNING model_id)"
        " INSERT INTO analytics.recommender_seen (model_id, seen) SELECT m.model_id, $11::pg_snapshot FROM model m",
        kModelTypes);
    const models::Gram& gram = learned.gram;
    const std::size_t columns = gram.columns();
    Datum values = 0;
    Datum snapshot = 0;
    pg::protect([&] {
        values = pg::float8_array(columns * columns, [&](std::size_t i) { return gram.at(i / columns, i % columns); });
        snapshot = pg::text_datum(seen);
    });
    kModel.execute({Int64GetDatum(*request.model_id), Int32GetDatum(request.als.factors),
                    Int32GetDatum(static_cast<std::int32_t>(interactions.products)),
                    Float8GetDatum(request.als.regularization), Float8GetDatum(request.als.alpha), request.read.types,
                    request.read.weights, request.half_life, request.read.reference, values, snapshot});
}

void write_products(const Request& request, const StoreInteractions& interactions, const models::Factors& factors) {
    static constexpr std::array kChunkTypes = {Oid{INT8OID}, Oid{INT4OID}, Oid{TEXTARRAYOID}, Oid{FLOAT4ARRAYOID}};
    static pg::Statement kInsert(
        "INSERT INTO analytics.recommender_product (model_id, first_number, product_ids, factors)"
        " VALUES ($1, $2, $3, $4)",
        kChunkTypes);
    pg::Memory memory("analytics recommender products");
    const std::size_t columns = factors.columns();
    for (std::size_t first = 0; first < interactions.products; first += kChunk) {
        const std::size_t size = std::min(kChunk, interactions.products - first);
        memory.inside([&] {
            Datum ids = 0;
            Datum values = 0;
            pg::protect([&] {
                ids = pg::text_array(
                    size, [&](std::size_t i) { return std::string_view(interactions.product_ids[first + i]); });
                values = pg::float4_array(size * columns,
                                          [&](std::size_t i) { return factors.row(first + i / columns)[i % columns]; });
            });
            kInsert.execute(
                {Int64GetDatum(*request.model_id), Int32GetDatum(static_cast<std::int32_t>(first)), ids, values});
        });
        pg::check_for_interrupts();
    }
}

TupleDesc customer_columns() {
    return pg::protect([] {
        TupleDesc const columns = CreateTemplateTupleDesc(5);
        TupleDescInitEntry(columns, 1, "customer_id", TEXTOID, -1, 0);
        TupleDescInitEntry(columns, 2, "factors", FLOAT4ARRAYOID, -1, 1);
        TupleDescInitEntry(columns, 3, "products", INT4ARRAYOID, -1, 1);
        TupleDescInitEntry(columns, 4, "strengths", FLOAT4ARRAYOID, -1, 1);
        TupleDescInitEntry(columns, 5, "bought", TEXTARRAYOID, -1, 1);
        return columns;
    });
}

// The entries from `first` on that are one customer's, as a row; comes back with the entry behind them.
std::size_t put_customer(const StoreInteractions& interactions, const models::Factors& factors, std::size_t first,
                         pg::Rows& rows) {
    const std::uint32_t customer = interactions.entries[first].customer;
    std::vector<const models::Interaction*> strong;
    std::vector<const models::Interaction*> bought;
    std::size_t end = first;
    for (; end < interactions.entries.size() && interactions.entries[end].customer == customer; ++end) {
        const models::Interaction& entry = interactions.entries[end];
        if (entry.strength > 0) {
            strong.push_back(&entry);
        }
        if (entry.bought) {
            bought.push_back(&entry);
        }
    }
    const auto values = factors.values(customer);
    pg::protect([&] {
        std::array<Datum, 5> columns = {
            pg::text_datum(interactions.customer_ids[customer]),
            pg::float4_array(values.size(), [&](std::size_t i) { return values[i]; }),
            pg::int4_array(strong.size(), [&](std::size_t i) { return strong[i]->product; }),
            pg::float4_array(strong.size(), [&](std::size_t i) { return strong[i]->strength; }),
            pg::text_array(bought.size(), [&](std::size_t i) {
                return std::string_view(interactions.product_ids[bought[i]->product]);
            })};
        std::array<bool, 5> nulls = {false, strong.empty(), false, false, false};
        rows.put(columns.data(), nulls.data());
    });
    return end;
}

void write_customers(const Request& request, const StoreInteractions& interactions, const models::Factors& factors) {
    static constexpr std::array kTypes = {Oid{INT8OID}};
    static pg::Statement kInsert(
        "INSERT INTO analytics.recommender_customer (model_id, customer_id, factors, products, strengths, bought)"
        " SELECT $1, c.customer_id, c.factors, c.products, c.strengths, c.bought FROM recommender_customers c",
        kTypes);
    pg::Memory memory("analytics recommender customers");
    for (std::size_t next = 0; next < interactions.entries.size();) {
        pg::Rows rows("recommender_customers", customer_columns());
        for (std::size_t n = 0; n < kCustomersAtATime && next < interactions.entries.size(); ++n) {
            memory.inside([&] { next = put_customer(interactions, factors, next, rows); });
        }
        rows.show();
        kInsert.execute({Int64GetDatum(*request.model_id)});
        pg::check_for_interrupts();
    }
}

std::string train(const Request& request) {
    const pg::Connection connection;
    models::Task reading(1, pg::model_memory());
    models::MemoryBudget budget(reading);
    const std::string seen = request.model_id ? snapshot_now() : std::string();
    const StoreInteractions interactions = read_interactions(request.read, budget);
    const Learned learned =
        pg::in_background([&](models::Task& task) { return learn(interactions, request, budget.used(), task); });
    if (learned.result) {
        write_model(request, interactions, learned, seen);
        write_products(request, interactions, learned.result->products);
        write_customers(request, interactions, learned.result->customers);
    }
    return report_json(interactions, request, learned);
}

}  // namespace
}  // namespace analytics::functions

// model_id (null: nothing is trained), store, types, weights, half_life in seconds (null: none), reference, split
// (null: nothing is compared), k, factors, regularization, alpha, iterations, seed, force
ANALYTICS_FUNCTION(analytics_train_recommender) {
    const analytics::functions::Request request(fcinfo);
    const std::string report = analytics::functions::train(request);
    PG_RETURN_DATUM(analytics::pg::protect([&] { return analytics::pg::jsonb_datum(report); }));
}
