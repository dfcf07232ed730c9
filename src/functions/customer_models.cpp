// BG/NBD and Gamma-Gamma for SQL: fits on threads, what they predict, and all of a customer's figures at once.
#include "core/models/bgnbd.hpp"
#include "core/models/gamma_gamma.hpp"
#include "core/models/printed.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pg/background_work.hpp"
#include "pg/datum.hpp"
#include "pg/guard.hpp"

extern "C" {
#include "utils/array.h"
#include "utils/jsonb.h"
}

namespace {

namespace models = analytics::models;
namespace pg = analytics::pg;
using models::printed;

// An array without nulls, where it lies for the rest of the call.
std::span<const double> numbers(FunctionCallInfo call, int argument, const char* name) {
    ArrayType* const array = pg::protect([&] { return DatumGetArrayTypeP(call->args[argument].value); });
    if (ARR_NDIM(array) > 1 || ARR_HASNULL(array)) {
        throw analytics::Error(analytics::Code::invalid_parameter,
                               std::string(name) + " must be a list of numbers without null")
            .hint("Leave out customers of whom something is not known.");
    }
    const int size = ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];
    return {reinterpret_cast<const double*>(ARR_DATA_PTR(array)), static_cast<std::size_t>(size)};
}

std::uint64_t seed_argument(FunctionCallInfo call, int argument) {
    return static_cast<std::uint64_t>(DatumGetInt64(call->args[argument].value));
}

template <typename Parameters, std::size_t N>
Datum fit_datum(const models::Fit<Parameters, N>& fit, const std::array<const char*, N>& names,
                const std::array<double, N>& values) {
    std::string json;
    if (!fit.converged) {
        json = R"({"converged":false,"reason":")" + fit.reason + "\"}";
    } else {
        std::string errors;
        std::string bounds;
        json = "{";
        for (std::size_t i = 0; i < N; ++i) {
            const std::string name = std::string("\"") + names[i] + '"';
            json += name + ':' + printed(values[i]) + ',';
            errors +=
                (i > 0 ? "," : "") + name + ':' +
                (fit.standard_errors[i] > 0 && std::isfinite(fit.standard_errors[i]) ? printed(fit.standard_errors[i])
                                                                                     : "null");
            if (fit.at_bound[i]) {
                bounds += (bounds.empty() ? "" : ",") + name;
            }
        }
        json += "\"log_likelihood\":" + printed(fit.log_likelihood) + ",\"converged\":true,\"standard_errors\":{" +
                errors + "},\"customers\":" + std::to_string(fit.customers) +
                ",\"iterations\":" + std::to_string(fit.iterations);
        if (!bounds.empty()) {
            json += ",\"at_bound\":[" + bounds + ']';
        }
        json += '}';
    }
    return pg::protect([&] { return pg::jsonb_datum(json); });
}

// ---- parameters, from JSON -----------------------------------------------------------------------------------------

// The number under a key; NaN: there is none. Inside protect().
double number_of(Jsonb* json, const char* key) {
    JsonbValue found;
    if (!JB_ROOT_IS_OBJECT(json) ||
        getKeyJsonValueFromContainer(&json->root, key, static_cast<int>(std::strlen(key)), &found) == nullptr ||
        found.type != jbvNumeric) {
        return std::nan("");
    }
    return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(found.val.numeric)));
}

template <std::size_t N>
std::array<double, N> numbers_of(Jsonb* json, const std::array<const char*, N>& keys) {
    return pg::protect([&] {
        std::array<double, N> values;
        for (std::size_t i = 0; i < N; ++i) {
            values[i] = number_of(json, keys[i]);
        }
        return values;
    });
}

constexpr std::array<const char*, 4> kBgnbdNames = {"r", "alpha", "a", "b"};
constexpr std::array<const char*, 3> kGammaGammaNames = {"p", "q", "v"};

[[noreturn]] void fail_missing(const char* key, const char* function) {
    throw analytics::Error(analytics::Code::invalid_parameter, std::string("params holds no number \"") + key + '"')
        .hint(std::string("Pass what ") + function + "() returned; a fit that has not converged has no parameters.");
}

template <std::size_t N>
void require_all(const std::array<double, N>& values, const std::array<const char*, N>& names, const char* function) {
    for (std::size_t i = 0; i < N; ++i) {
        if (std::isnan(values[i])) {
            fail_missing(names[i], function);
        }
    }
}

// What customer_prediction() needs; month and horizon in the model's unit of time.
struct Everything {
    models::Bgnbd bgnbd;
    std::optional<models::GammaGamma> gamma_gamma;
    double horizon = 0;
    double month = 0;
    double discount_rate = 0;
    double longest = 0;
};

// Read once a query, as a rule: as long as the parameters stay the same, they are kept with the call.
template <typename Read>
struct Kept {
    std::size_t size;
    Read read;
    char json[1];  // of `size` bytes
};

template <typename Read, typename Make>
const Read& kept(FunctionCallInfo call, Make&& make) {
    Jsonb* const json = pg::protect([&] { return DatumGetJsonbP(call->args[0].value); });
    const std::size_t size = VARSIZE(json);
    auto* known = static_cast<Kept<Read>*>(call->flinfo->fn_extra);
    if (known == nullptr || known->size != size || std::memcmp(known->json, json, size) != 0) {
        const Read read = make(json);
        known = static_cast<Kept<Read>*>(
            pg::protect([&] { return MemoryContextAlloc(call->flinfo->fn_mcxt, sizeof(Kept<Read>) + size); }));
        known->size = size;
        new (&known->read) Read(read);
        std::memcpy(known->json, json, size);
        call->flinfo->fn_extra = known;
    }
    return known->read;
}

const models::Bgnbd& bgnbd_argument(FunctionCallInfo call) {
    return kept<models::Bgnbd>(call, [](Jsonb* json) {
        const auto values = numbers_of(json, kBgnbdNames);
        require_all(values, kBgnbdNames, "bgnbd_fit");
        const models::Bgnbd model = {values[0], values[1], values[2], values[3]};
        check(model);
        return model;
    });
}

const models::GammaGamma& gamma_gamma_argument(FunctionCallInfo call) {
    return kept<models::GammaGamma>(call, [](Jsonb* json) {
        const auto values = numbers_of(json, kGammaGammaNames);
        require_all(values, kGammaGammaNames, "gamma_gamma_fit");
        const models::GammaGamma model = {values[0], values[1], values[2]};
        check(model);
        return model;
    });
}

const Everything& everything_argument(FunctionCallInfo call) {
    return kept<Everything>(call, [](Jsonb* json) {
        const auto b = numbers_of(json, kBgnbdNames);
        const auto g = numbers_of(json, kGammaGammaNames);
        constexpr std::array<const char*, 4> kOthers = {"horizon", "month", "discount_rate", "longest"};
        const auto o = numbers_of(json, kOthers);
        require_all(b, kBgnbdNames, "bgnbd_fit");
        require_all(o, kOthers, "fit_customer_value");
        Everything all{{b[0], b[1], b[2], b[3]}, std::nullopt, o[0], o[1], o[2], o[3]};
        check(all.bgnbd);
        if (!std::isnan(g[0]) && !std::isnan(g[1]) && !std::isnan(g[2])) {
            all.gamma_gamma = models::GammaGamma{g[0], g[1], g[2]};
            check(*all.gamma_gamma);
        }
        if (!(all.horizon > 0 && all.month > 0 && all.horizon / all.month < 1e4 && all.discount_rate > -1)) {
            throw analytics::Error(analytics::Code::invalid_parameter, "horizon, month or discount_rate is not sound");
        }
        return all;
    });
}

double number(FunctionCallInfo call, int argument) { return DatumGetFloat8(call->args[argument].value); }

Datum number_datum(FunctionCallInfo call, double value) {
    if (!std::isfinite(value)) {
        call->isnull = true;
        return 0;
    }
    return pg::protect([&] { return Float8GetDatum(value); });
}

}  // namespace

ANALYTICS_FUNCTION(analytics_bgnbd_fit) {
    const auto frequency = numbers(fcinfo, 0, "frequency");
    const auto recency = numbers(fcinfo, 1, "recency");
    const auto t = numbers(fcinfo, 2, "t");
    const auto seed = seed_argument(fcinfo, 3);
    const auto fit =
        pg::in_background([&](models::Task& task) { return fit_bgnbd(frequency, recency, t, seed, task); });
    const auto& m = fit.parameters;
    return fit_datum(fit, kBgnbdNames, {m.r, m.alpha, m.a, m.b});
}

ANALYTICS_FUNCTION(analytics_gamma_gamma_fit) {
    const auto frequency = numbers(fcinfo, 0, "frequency");
    const auto value = numbers(fcinfo, 1, "monetary_value");
    const auto seed = seed_argument(fcinfo, 2);
    const auto fit =
        pg::in_background([&](models::Task& task) { return fit_gamma_gamma(frequency, value, seed, task); });
    const auto& m = fit.parameters;
    return fit_datum(fit, kGammaGammaNames, {m.p, m.q, m.v});
}

ANALYTICS_FUNCTION(analytics_bgnbd_expected) {
    const auto& model = bgnbd_argument(fcinfo);
    return number_datum(
        fcinfo, bgnbd_expected(model, number(fcinfo, 1), number(fcinfo, 2), number(fcinfo, 3), number(fcinfo, 4)));
}

ANALYTICS_FUNCTION(analytics_bgnbd_p_alive) {
    const auto& model = bgnbd_argument(fcinfo);
    return number_datum(fcinfo, bgnbd_p_alive(model, number(fcinfo, 1), number(fcinfo, 2), number(fcinfo, 3)));
}

ANALYTICS_FUNCTION(analytics_gamma_gamma_value) {
    const auto& model = gamma_gamma_argument(fcinfo);
    return number_datum(fcinfo, gamma_gamma_value(model, number(fcinfo, 1), number(fcinfo, 2)));
}

// {p_alive, expected_purchases, expected_value, clv, time until the next purchase}; null: nothing can be said of it.
ANALYTICS_FUNCTION(analytics_customer_prediction) {
    const auto& all = everything_argument(fcinfo);
    const double x = number(fcinfo, 1);
    const double t_x = number(fcinfo, 2);
    const double t = number(fcinfo, 3);
    const double nothing = std::nan("");
    std::array<double, 5> figures = {bgnbd_p_alive(all.bgnbd, x, t_x, t), 0, nothing, nothing,
                                     bgnbd_next_purchase(all.bgnbd, x, t_x, t)};
    double discounted = 0;
    for (double until = 0; until < all.horizon;) {
        // (the last month may be a part of one)
        until = std::min(until + all.month, all.horizon);
        const double expected = bgnbd_expected(all.bgnbd, x, t_x, t, until);
        discounted += (expected - figures[1]) / std::pow(1 + all.discount_rate, until / all.month);
        figures[1] = expected;
    }
    if (all.gamma_gamma) {
        figures[2] = gamma_gamma_value(*all.gamma_gamma, x, number(fcinfo, 4));
        figures[3] = discounted * figures[2];
    }
    if (!(figures[4] <= all.longest)) {
        figures[4] = nothing;
    }
    return pg::protect([&] {
        std::array<Datum, 5> values;
        std::array<bool, 5> nulls;
        for (std::size_t i = 0; i < values.size(); ++i) {
            nulls[i] = !std::isfinite(figures[i]);
            values[i] = nulls[i] ? 0 : Float8GetDatum(figures[i]);
        }
        int dimensions[1] = {5};
        int begin[1] = {1};
        return PointerGetDatum(construct_md_array(values.data(), nulls.data(), 1, dimensions, begin, FLOAT8OID,
                                                  sizeof(double), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
    });
}
