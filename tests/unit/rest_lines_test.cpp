// Which requests are answered in CSV line by line, and what their answers' heads say.
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "core/rest/exchange.hpp"

namespace analytics::rest {
namespace {

const char* const kShop = R"json({
    "schemas": [{"name": "api"}],
    "relations": [{"id": "1", "schema": "api", "name": "orders", "columns": [{"name": "id", "type": "bigint"}]}],
    "primary_keys": [], "foreign_keys": [], "shown": [],
    "functions": [
        {"schema": "api", "name": "several", "volatility": "s", "is_set": true, "composite": true, "type": "record",
         "outputs": [{"name": "a", "type": "text"}]},
        {"schema": "api", "name": "one", "volatility": "s", "type": "text"}]})json";

class RestLines : public ::testing::Test {
protected:
    std::variant<Prepared, http::Response> ask(const std::string& method, const Target& target,
                                               const std::string& prefer = {}, const std::string& accept = "text/csv") {
        http::Request request;
        request.method = method;
        request.path = "/" + target.name;
        request.fields.add("Accept", accept);
        if (!prefer.empty()) {
            request.fields.add("Prefer", prefer);
        }
        ExchangeSettings settings;
        settings.schemas = {"api"};
        settings.tx_override = true;
        return prepare(request, target, schema, settings);
    }
    bool by_lines(const std::string& method, const Target& target, const std::string& prefer = {},
                  const std::string& accept = "text/csv") {
        const auto prepared = ask(method, target, prefer, accept);
        EXPECT_TRUE(std::holds_alternative<Prepared>(prepared)) << method << " " << target.name;
        return std::holds_alternative<Prepared>(prepared) && std::get<Prepared>(prepared).by_lines;
    }

    const Schema schema = read_schema(kShop).value();
    const Target orders{false, "orders"};
    const Target several{true, "several"};
    const Target one{true, "one"};
};

TEST_F(RestLines, are_what_a_read_in_csv_yields) {
    EXPECT_TRUE(by_lines("GET", orders));
    EXPECT_TRUE(by_lines("GET", several));
    EXPECT_FALSE(by_lines("GET", one));
    EXPECT_FALSE(by_lines("GET", orders, {}, "application/json"));
    EXPECT_FALSE(by_lines("HEAD", orders));
    EXPECT_FALSE(by_lines("POST", several));
}

TEST_F(RestLines, cannot_be_counted_or_taken_back) {
    EXPECT_FALSE(by_lines("GET", orders, "count=exact"));
    EXPECT_FALSE(by_lines("GET", orders, "count=planned"));
    EXPECT_FALSE(by_lines("GET", orders, "tx=rollback"));
    EXPECT_FALSE(by_lines("GET", several, "handling=strict, max-affected=10"));
    EXPECT_TRUE(by_lines("GET", orders, "timezone=UTC"));
}

TEST_F(RestLines, are_not_numbered_before_their_end_is_known) {
    const auto prepared = std::get<Prepared>(ask("GET", orders));
    Outcome outcome;
    outcome.rows = 3;
    EXPECT_EQ(finish(prepared, outcome).response.fields.find("Content-Range"), "0-2/*");
    outcome.unfinished = true;
    outcome.status = "203";
    outcome.headers = R"([{"X-Told": "yes"}])";
    const Finished finished = finish(prepared, outcome);
    EXPECT_FALSE(finished.response.fields.find("Content-Range"));
    EXPECT_EQ(finished.response.fields.find("Content-Type"), "text/csv; charset=utf-8");
    EXPECT_EQ(finished.response.fields.find("X-Told"), "yes");
    EXPECT_EQ(finished.response.status, 203);
}

TEST_F(RestLines, gather_nothing) {
    const auto prepared = std::get<Prepared>(ask("GET", orders));
    EXPECT_EQ(prepared.sql.text(),
              "SELECT l.header, pg_catalog.substring(l.line, 2, pg_catalog.length(l.line) - 2) FROM (SELECT CASE WHEN"
              " pg_catalog.row_number() OVER () = 1 THEN (SELECT pg_catalog.string_agg(k, ',') FROM"
              " pg_catalog.json_object_keys(pg_catalog.row_to_json(_postgrest_t)) k) END AS header, _postgrest_t::text"
              " AS line FROM (SELECT \"orders\".* FROM \"api\".\"orders\" AS \"orders\") _postgrest_t) l");
}

}  // namespace
}  // namespace analytics::rest
