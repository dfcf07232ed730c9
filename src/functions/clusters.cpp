// kmeans(), and the parts of fit_clusters() and assign_cluster() that are computed: fit_points(), nearest_cluster().
#include "core/models/clusters.hpp"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/models/clusters_json.hpp"
#include "core/models/kmeans.hpp"
#include "functions/matrix_datum.hpp"
#include "pg/background_work.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"

extern "C" {
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
}

namespace {

namespace models = analytics::models;
namespace pg = analytics::pg;

std::vector<std::string> feature_names(Datum array) {
    Datum* elements = nullptr;
    int count = 0;
    std::vector<std::string> names;
    pg::protect([&] {
        // as JSON strings
        deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, nullptr, &count);
        for (int i = 0; i < count; ++i) {
            StringInfoData quoted;
            initStringInfo(&quoted);
            escape_json(&quoted, TextDatumGetCString(elements[i]));
            elements[i] = PointerGetDatum(cstring_to_text_with_len(quoted.data, quoted.len));
        }
    });
    for (int i = 0; i < count; ++i) {
        names.emplace_back(pg::text_view(elements[i]));
    }
    return names;
}

// What kmeans() returns. As text, an assignment for each of millions of points would take long to read, and nothing
// could cancel that.
Datum kmeans_datum(const models::KmeansResult& found) {
    const std::string others = to_json(found);
    return pg::protect([&] {
        const std::size_t k = found.centroids.rows();
        auto* const numbers = static_cast<JsonbValue*>(palloc(k * sizeof(JsonbValue)));
        for (std::size_t c = 0; c < k; ++c) {
            numbers[c].type = jbvNumeric;
            numbers[c].val.numeric = int64_to_numeric(static_cast<std::int64_t>(c));
        }
        char name[] = "assignments";
        JsonbValue value;
        value.type = jbvString;
        value.val.string.len = sizeof name - 1;
        value.val.string.val = name;
        JsonbParseState* state = nullptr;
        pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
        pushJsonbValue(&state, WJB_KEY, &value);
        pushJsonbValue(&state, WJB_BEGIN_ARRAY, nullptr);
        for (const auto assignment : found.assignments) {
            CHECK_FOR_INTERRUPTS();
            pushJsonbValue(&state, WJB_ELEM, &numbers[assignment]);
        }
        JsonbValue* whole = pushJsonbValue(&state, WJB_END_ARRAY, nullptr);
        JsonbIterator* iterator = JsonbIteratorInit(&DatumGetJsonbP(pg::jsonb_datum(others))->root);
        JsonbIteratorNext(&iterator, &value, false);  // its beginning
        for (;;) {
            const JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, true);
            if (token == WJB_DONE) {
                return JsonbPGetDatum(JsonbValueToJsonb(whole));
            }
            whole = pushJsonbValue(&state, token, token == WJB_END_OBJECT ? nullptr : &value);
        }
    });
}

Datum clusters_row(FunctionCallInfo call, const models::Clusters& clusters, const std::string& metrics) {
    const auto& assignments = clusters.found.assignments;
    return pg::protect([&] {
        TupleDesc columns = nullptr;
        if (get_call_result_type(call, nullptr, &columns) != TYPEFUNC_COMPOSITE) {
            elog(ERROR, "fit_points() is called without a row type");
        }
        std::array<Datum, 2> values = {
            pg::int4_array(assignments.size(), [&](std::size_t i) { return assignments[i]; }),
            pg::jsonb_datum(metrics)};
        std::array<bool, 2> nulls = {!clusters.too_little.empty(), false};
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values.data(), nulls.data()));
    });
}

}  // namespace

// points, k, seed, restarts, max_iterations
ANALYTICS_FUNCTION(analytics_kmeans) {
    const auto points = analytics::functions::matrix_from(PG_GETARG_DATUM(0), "points");
    models::KmeansOptions options;
    options.k = PG_GETARG_INT32(1);
    options.seed = PG_GETARG_INT64(2);
    options.restarts = PG_GETARG_INT32(3);
    options.max_iterations = PG_GETARG_INT32(4);
    PG_RETURN_DATUM(
        kmeans_datum(pg::in_background([&](models::Task& task) { return models::kmeans(points, options, task); })));
}

// points, features, k, k_min, k_max, scaling, log1p, restarts, seed; points and k may be null
ANALYTICS_FUNCTION(analytics_fit_points) {
    const auto points =
        PG_ARGISNULL(0) ? models::Matrix() : analytics::functions::matrix_from(PG_GETARG_DATUM(0), "points");
    for (int i = 1; i < 9; ++i) {
        if (i != 2 && PG_ARGISNULL(i)) {
            throw analytics::Error(analytics::Code::invalid_parameter, "arguments must not be null")
                .hint("Only points and k may be.");
        }
    }
    const auto features = feature_names(PG_GETARG_DATUM(1));
    if (points.rows() > 0 && features.size() != points.columns()) {
        throw analytics::Error(analytics::Code::invalid_parameter, "points have another number of features")
            .hint("Name each column of points.");
    }
    models::ClusterOptions options;
    if (!PG_ARGISNULL(2)) {
        options.k = PG_GETARG_INT32(2);
    }
    options.k_min = PG_GETARG_INT32(3);
    options.k_max = PG_GETARG_INT32(4);
    options.scaling = models::scaling_of(pg::protect([&] { return pg::text_view(PG_GETARG_DATUM(5)); }));
    options.log1p = PG_GETARG_BOOL(6);
    options.restarts = PG_GETARG_INT32(7);
    options.seed = PG_GETARG_INT64(8);
    const auto clusters =
        pg::in_background([&](models::Task& task) { return models::fit_clusters(points, options, task); });
    return clusters_row(fcinfo, clusters, metrics_json(clusters, features));
}

// features, center, scale, log1p, centroids
ANALYTICS_FUNCTION(analytics_nearest_cluster) {
    const auto features = analytics::functions::numbers_from(PG_GETARG_DATUM(0), "features");
    models::FeatureScaling scaling;
    scaling.center = analytics::functions::numbers_from(PG_GETARG_DATUM(1), "center");
    scaling.scale = analytics::functions::numbers_from(PG_GETARG_DATUM(2), "scale");
    scaling.log1p = PG_GETARG_BOOL(3);
    const auto centroids = analytics::functions::matrix_from(PG_GETARG_DATUM(4), "centroids");
    if (features.size() != scaling.center.size() || features.size() != scaling.scale.size() ||
        features.size() != centroids.columns() || centroids.rows() == 0) {
        throw analytics::Error(analytics::Code::invalid_parameter, "these do not belong together")
            .hint("Pass as many features, centers and scales as centroids have columns.");
    }
    PG_RETURN_INT32(models::nearest_cluster(features, scaling, centroids));
}
