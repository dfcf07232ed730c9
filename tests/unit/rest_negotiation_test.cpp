// What a request is answered with: handlers of the database, or a format of ours; and what of a table alone it reads.
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "core/rest/exchange.hpp"

namespace analytics::rest {
namespace {

// orders have handlers of their own, files override CSV, anything can be counted.
const char* const kShop = R"json({
    "schemas": [{"name": "api"}],
    "relations": [
        {"id": "1", "schema": "api", "name": "orders", "columns": [
            {"name": "id", "type": "bigint"}, {"name": "placed", "type": "date"},
            {"name": "shade", "type": "api.color", "base_type": "integer", "representation": {
                "to_json": {"schema": "api", "name": "out"}, "from_json": {"schema": "api", "name": "in"},
                "from_text": {"schema": "more", "name": "of \"text\""}}}]},
        {"id": "2", "schema": "api", "name": "files", "columns": [{"name": "name", "type": "text"}]},
        {"id": "3", "schema": "api", "name": "plain", "columns": [
            {"name": "id", "type": "bigint"}, {"name": "placed", "type": "date"}]}],
    "primary_keys": [{"table": "2", "columns": ["name"]}], "shown": [],
    "foreign_keys": [{"name": "of_file", "table": "3", "target": "2", "columns": ["id"], "target_columns": ["name"]}],
    "functions": [
        {"schema": "api", "name": "picture", "volatility": "s", "type": "api.\"image/png\"", "media_type": "image/png",
         "binary": true},
        {"schema": "api", "name": "pictures", "volatility": "s", "is_set": true, "type": "api.\"image/png\"",
         "media_type": "image/png"},
        {"schema": "api", "name": "anything", "volatility": "s", "type": "api.\"*/*\"", "media_type": "*/*"}],
    "handlers": [
        {"schema": "api", "name": "sheet \"of\" orders", "media_type": "application/vnd.sheet", "binary": true,
         "row_schema": "api", "row_name": "orders"},
        {"schema": "api", "name": "file", "media_type": "text/csv", "row_schema": "api", "row_name": "files"},
        {"schema": "api", "name": "number", "media_type": "application/vnd.number"}]})json";

class RestNegotiation : public ::testing::Test {
protected:
    std::variant<Prepared, http::Response> ask(const Target& target, const std::string& accept,
                                               const std::string& query = {}) {
        http::Request request;
        request.method = "GET";
        request.path = "/" + target.name;
        request.query = query;
        request.fields.add("Accept", accept);
        ExchangeSettings settings;
        settings.schemas = {"api"};
        settings.aggregates = true;
        return prepare(request, target, schema, settings);
    }
    Prepared prepared(const Target& target, const std::string& accept, const std::string& query = {}) {
        auto asked = ask(target, accept, query);
        const auto* const refusal = std::get_if<http::Response>(&asked);
        EXPECT_EQ(refusal, nullptr) << accept << " " << query << " " << (refusal == nullptr ? "" : refusal->body);
        return refusal == nullptr ? std::get<Prepared>(asked) : Prepared{};
    }
    std::string type(const Target& target, const std::string& accept, const std::string& query = {}) {
        return prepared(target, accept, query).content_type;
    }
    int refused(const Target& target, const std::string& accept, const std::string& query = {}) {
        auto asked = ask(target, accept, query);
        return std::holds_alternative<Prepared>(asked) ? 0 : std::get<http::Response>(asked).status;
    }
    bool columns_alone(const std::string& query, const Target& target = {false, "plain"}) {
        return prepared(target, "*/*", query).columns_alone;
    }

    static bool has(const Prepared& prepared, const std::string& sql) {
        return prepared.sql.text().find(sql) != std::string::npos;
    }

    const Schema schema = read_schema(kShop).value();
    const Target orders{false, "orders"};
    const Target files{false, "files"};
    const Target plain{false, "plain"};
    const Target picture{true, "picture"};
    const Target pictures{true, "pictures"};
    const Target anything{true, "anything"};
};

TEST_F(RestNegotiation, finds_the_handler_of_a_relations_rows) {
    const Prepared sheet = prepared(orders, "application/vnd.sheet");
    EXPECT_EQ(sheet.content_type, "application/vnd.sheet");
    EXPECT_TRUE(has(sheet, R"("api"."sheet ""of"" orders"(_postgrest_t::"api"."orders")::pg_catalog.bytea)"));
    EXPECT_EQ(type(orders, "Application/VND.sheet; version=1"), "application/vnd.sheet");
    EXPECT_EQ(type(orders, "text/html, application/vnd.sheet;q=0.5, */*;q=0.1"), "application/vnd.sheet");
    EXPECT_EQ(type(orders, "application/vnd.sheet", "select=*&id=gt.1"), "application/vnd.sheet");
    EXPECT_EQ(refused(orders, "application/vnd.sheet", "select=id,placed,shade"), 406);
    EXPECT_EQ(refused(files, "application/vnd.sheet"), 406);
}

TEST_F(RestNegotiation, finds_the_handler_of_any_rows) {
    const Prepared number = prepared(orders, "application/vnd.number", "select=id");
    EXPECT_EQ(number.content_type, "application/vnd.number");
    EXPECT_TRUE(has(number, R"("api"."number"(_postgrest_t)::text)"));
    EXPECT_TRUE(has(prepared(pictures, "application/vnd.number"), R"("api"."number"(_postgrest_t.pgrst_scalar))"));
}

TEST_F(RestNegotiation, takes_a_functions_value) {
    EXPECT_EQ(type(picture, "image/png"), "image/png");
    EXPECT_TRUE(has(prepared(picture, "image/png"), "_postgrest_t.pgrst_scalar::pg_catalog.bytea"));
    EXPECT_EQ(type(picture, "*/*"), "application/json; charset=utf-8");
    EXPECT_EQ(refused(picture, "image/gif"), 406);
    EXPECT_EQ(refused(pictures, "image/png"), 406);
    for (const char* const wanted : {"*/*", "image/gif", "application/json", "text/csv"}) {
        EXPECT_EQ(type(anything, wanted), "application/octet-stream") << wanted;
    }
    EXPECT_EQ(type(anything, "application/vnd.pgrst.object"), "application/vnd.pgrst.object+json; charset=utf-8");
}

TEST_F(RestNegotiation, overrides_a_format) {
    EXPECT_TRUE(prepared(orders, "text/csv").by_lines);
    const Prepared file = prepared(files, "text/csv");
    EXPECT_FALSE(file.by_lines);
    EXPECT_EQ(file.content_type, "text/csv; charset=utf-8");
    EXPECT_TRUE(has(file, R"("api"."file"()"));
    EXPECT_TRUE(prepared(files, "text/csv", "select=name").by_lines);
}

TEST_F(RestNegotiation, shows_handlers_what_is_stored) {
    EXPECT_TRUE(has(prepared(orders, "application/json"), R"("api"."out"("orders"."shade") AS "shade")"));
    EXPECT_FALSE(has(prepared(orders, "application/vnd.sheet"), R"("api"."out")"));
    EXPECT_TRUE(has(prepared(orders, "*/*", "shade=eq.red"), R"("shade" = "more"."of ""text"""($1::text))"));
}

TEST_F(RestNegotiation, knows_what_reads_columns_alone) {
    for (const char* const query :
         {"", "select=*", "select=id,when:placed", "select=placed,id.sum(),count()&order=placed",
          "id=gt.1&placed=is.null", "or=(id.gt.1,not.and(id.lt.0,placed.is.null))", "order=id.desc&limit=3"}) {
        EXPECT_TRUE(columns_alone(query)) << query;
    }
    for (const char* const query : {"select=id::text", "select=id,marked", "select=id.sum()::text", "marked=eq.1",
                                    "or=(id.gt.1,not.and(id.lt.0,marked.is.null))", "order=marked",
                                    "select=id,files(name)", "select=id,marked.max()"}) {
        EXPECT_FALSE(columns_alone(query)) << query;
    }
    EXPECT_FALSE(columns_alone("", orders));  // a representation is a function
    EXPECT_FALSE(prepared(plain, "application/vnd.number").columns_alone);
    EXPECT_TRUE(prepared(plain, "text/csv").columns_alone);
}

}  // namespace
}  // namespace analytics::rest
