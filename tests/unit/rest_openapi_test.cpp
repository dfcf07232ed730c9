// The OpenAPI document, against what PostgREST's clients find in its own. That it is valid Swagger, a validator said.
#include <gtest/gtest.h>

#include <string>

#include "core/json.hpp"
#include "core/rest/openapi.hpp"

namespace analytics::rest {
namespace {

const char* const kShop = R"json({
    "schemas": [{"name": "api", "comment": "My shop\n\nSells\nthings"}, {"name": "more"}],
    "relations": [
        {"id": "1", "schema": "api", "name": "customers", "insertable": true, "comment": "Who buys\nAnd who not",
         "columns": [
            {"name": "id", "type": "bigint", "not_null": true, "has_default": true,
             "default_sql": "nextval('api.s'::regclass)"},
            {"name": "mail", "type": "api.mail", "base_type": "text", "comment": "To write to"},
            {"name": "code", "type": "character varying", "full_type": "character varying(10)", "max_length": 10,
             "default_sql": "'x'::character varying"},
            {"name": "kind", "type": "api.kind", "enum": ["person", "firm"]},
            {"name": "level", "type": "smallint", "default_sql": "42"},
            {"name": "tags", "type": "integer[]"},
            {"name": "data", "type": "jsonb", "default_sql": "'{}'::jsonb"}]},
        {"id": "2", "schema": "api", "name": "orders", "is_view": true, "columns": [
            {"name": "customer_id", "type": "bigint", "comment": "Whose"}, {"name": "a b", "type": "public.tree"}]},
        {"id": "3", "schema": "api", "name": "secrets", "columns": []},
        {"id": "4", "schema": "more", "name": "others", "columns": []}],
    "primary_keys": [{"table": "1", "columns": ["id"]}],
    "foreign_keys": [{"name": "f", "table": "9", "target": "1", "columns": ["customer"], "target_columns": ["id"]}],
    "shown": [{"view": "2", "column": "customer_id", "table": "9", "origin": "customer"}],
    "functions": [
        {"schema": "api", "name": "find", "volatility": "s", "type": "text", "comment": "Finds\nall", "parameters": [
            {"name": "kind", "type": "api.kind"}, {"name": "n", "type": "integer[]"},
            {"name": "j", "type": "json", "optional": true},
            {"name": "v", "type": "text[]", "optional": true, "variadic": true}]},
        {"schema": "api", "name": "find", "volatility": "v", "type": "text"},
        {"schema": "api", "name": "keep", "volatility": "s", "type": "jsonb", "parameters": [{"type": "jsonb"}]},
        {"schema": "api", "name": "read", "volatility": "s", "type": "int4", "is_set": true, "parameters": [
            {"type": "bytea"}]},
        {"schema": "api", "name": "reset", "volatility": "v", "type": "void"},
        {"schema": "api", "name": "hidden", "volatility": "v", "type": "void"}]})json";

class RestOpenApi : public testing::Test {
protected:
    static std::string document(bool shows_security = false, const std::string& schema = "api") {
        OpenApiAbout about;
        about.schema = schema;
        about.relations = {{"api", "customers"}, {"api", "orders"}, {"more", "others"}};
        about.functions = {{"api", "find"}, {"api", "keep"}, {"api", "read"}, {"api", "reset"}};
        about.host = "localhost:3000";
        about.version = "1";
        about.shows_security = shows_security;
        return openapi(read_schema(kShop).value(), about);
    }

    // The JSON of a member by its path; empty: there is none.
    static std::string at(const std::string& text, std::initializer_list<std::string_view> path) {
        json::Document document;
        if (!document.read(text.data(), text.data() + text.size())) {
            return "no JSON";
        }
        const json::Node* node = &document.root();
        for (const std::string_view name : path) {
            const json::Node* next = nullptr;
            for (const json::Node& child : json::Children(*node)) {
                next = child.key == name ? &child : next;
            }
            if (next == nullptr) {
                return "";
            }
            node = next;
        }
        return std::string(node->raw);
    }

    static std::string property(std::string_view relation, std::string_view column) {
        return at(document(), {"definitions", relation, "properties", column});
    }
};

TEST_F(RestOpenApi, is_about_the_schema) {
    EXPECT_EQ(at(document(), {"info"}), R"({"title":"My shop","description":"Sells\nthings","version":"1"})");
    EXPECT_EQ(at(document(false, "more"), {"info", "title"}), R"("PostgREST API")");
    EXPECT_EQ(at(document(), {"host"}), R"("localhost:3000")");
    EXPECT_EQ(at(document(), {"schemes"}), R"(["http"])");
    EXPECT_EQ(at(document(), {"security"}), "");
    EXPECT_EQ(at(document(true), {"security"}), R"([{"JWT":[]}])");
}

TEST_F(RestOpenApi, has_what_is_permitted_alone) {
    EXPECT_NE(at(document(), {"paths", "/customers"}), "");
    EXPECT_EQ(at(document(), {"paths", "/secrets"}), "");
    EXPECT_EQ(at(document(), {"paths", "/others"}), "");
    EXPECT_EQ(at(document(), {"paths", "/rpc/hidden"}), "");
    EXPECT_NE(at(document(false, "more"), {"paths", "/others"}), "");
    EXPECT_EQ(at(document(false, "more"), {"paths", "/customers"}), "");
}

TEST_F(RestOpenApi, describes_columns) {
    EXPECT_EQ(property("customers", "id"),
              R"({"format":"int64","type":"integer","description":"Note:\nThis is a Primary Key.<pk/>"})");
    EXPECT_EQ(property("customers", "mail"),
              R"({"format":"text","type":"string","description":"To write to","x-nullable":true})");
    EXPECT_EQ(property("customers", "code"),
              R"({"format":"character varying","type":"string","default":"x","maxLength":10,"x-nullable":true})");
    EXPECT_EQ(property("customers", "kind"),
              R"({"format":"api.kind","type":"string","enum":["person","firm"],"x-nullable":true})");
    EXPECT_EQ(property("customers", "level"), R"({"format":"int32","type":"integer","default":42,"x-nullable":true})");
    EXPECT_EQ(property("customers", "tags"),
              R"({"format":"integer[]","type":"array","items":{"type":"integer"},"x-nullable":true})");
    EXPECT_EQ(property("customers", "data"), R"({"format":"jsonb","x-nullable":true})");
    EXPECT_EQ(property("orders", "customer_id"),
              R"({"format":"int64","type":"integer","description":"Whose\n\nNote:\n)"
              R"(This is a Foreign Key to `customers.id`.<fk table='customers' column='id'/>","x-nullable":true})");
    EXPECT_EQ(property("orders", "a b"), R"({"format":"tree","type":"string","x-nullable":true})");
    EXPECT_EQ(at(document(), {"definitions", "customers", "required"}), R"(["id"])");
    EXPECT_EQ(at(document(), {"definitions", "orders", "required"}), "");
}

TEST_F(RestOpenApi, has_a_path_for_each_relation) {
    EXPECT_EQ(at(document(), {"paths", "/orders", "get", "parameters"}),
              R"([{"$ref":"#/parameters/rowFilter.orders.customer_id"},{"$ref":"#/parameters/rowFilter.orders.a%20b"},)"
              R"({"$ref":"#/parameters/select"},{"$ref":"#/parameters/order"},{"$ref":"#/parameters/range"},)"
              R"({"$ref":"#/parameters/rangeUnit"},{"$ref":"#/parameters/offset"},{"$ref":"#/parameters/limit"},)"
              R"({"$ref":"#/parameters/preferCount"}])");
    EXPECT_EQ(at(document(), {"paths", "/orders", "post"}), "");  // nobody can write it
    EXPECT_EQ(at(document(), {"paths", "/customers", "post", "parameters"}),
              R"([{"$ref":"#/parameters/body.customers"},{"$ref":"#/parameters/select"},)"
              R"({"$ref":"#/parameters/preferPost"}])");
    EXPECT_EQ(at(document(), {"paths", "/customers", "get", "summary"}), R"("Who buys")");
    EXPECT_EQ(at(document(), {"paths", "/customers", "get", "description"}), R"("And who not")");
    EXPECT_EQ(at(document(), {"paths", "/customers", "get", "responses", "200", "schema"}),
              R"({"type":"array","items":{"$ref":"#/definitions/customers"}})");
    EXPECT_EQ(at(document(), {"parameters", "rowFilter.orders.a b"}),
              R"({"name":"a b","required":false,"in":"query","type":"string"})");
    EXPECT_EQ(at(document(), {"parameters", "preferParams", "enum"}), "");
    EXPECT_EQ(at(document(), {"parameters", "rangeUnit", "default"}), R"("items")");
}

TEST_F(RestOpenApi, has_a_path_for_each_function) {
    EXPECT_EQ(at(document(), {"paths", "/rpc/find", "get", "parameters"}),
              R"([{"name":"kind","required":true,"in":"query","format":"kind","type":"string"},)"
              R"({"name":"n","required":true,"in":"query","format":"integer[]","type":"string"},)"
              R"({"name":"j","required":false,"in":"query","format":"json","type":"string"},)"
              R"({"name":"v","required":false,"in":"query","type":"array","collectionFormat":"multi",)"
              R"("items":{"type":"string","format":"text"}}])");
    EXPECT_EQ(at(document(), {"paths", "/rpc/find", "post", "tags"}), R"(["(rpc) find"])");
    EXPECT_NE(at(document(), {"paths", "/rpc/find", "post", "parameters"}).find(R"("required":["kind","n"])"),
              std::string::npos);
    EXPECT_EQ(at(document(), {"paths", "/rpc/reset", "get"}), "");
    EXPECT_NE(at(document(), {"paths", "/rpc/reset", "post"}), "");
}

TEST_F(RestOpenApi, has_the_body_of_a_function_whose_argument_has_no_name) {
    EXPECT_EQ(at(document(), {"paths", "/rpc/keep", "get"}), "");  // nothing to call it by
    EXPECT_EQ(at(document(), {"paths", "/rpc/keep", "post", "consumes"}), R"(["application/json"])");
    EXPECT_EQ(at(document(), {"paths", "/rpc/keep", "post", "parameters"}),
              R"([{"name":"args","required":true,"in":"body","schema":{}},{"$ref":"#/parameters/preferParams"}])");
    EXPECT_EQ(at(document(), {"paths", "/rpc/read", "post", "consumes"}), R"(["application/octet-stream"])");
    EXPECT_NE(at(document(), {"paths", "/rpc/read", "post", "parameters"}).find(R"("schema":{"type":"string"})"),
              std::string::npos);
    EXPECT_EQ(at(document(), {"paths", "/rpc/find", "post", "consumes"}), R"(["application/json"])");
    EXPECT_EQ(at(document(), {"consumes"}), R"(["application/json","text/csv"])");
}

TEST_F(RestOpenApi, has_what_is_answered) {
    const auto answer = [](std::string_view path, std::string_view method, std::string_view status) {
        return at(document(), {"paths", path, method, "responses", status});
    };
    const std::string rows = R"({"type":"array","items":{"$ref":"#/definitions/customers"}})";
    EXPECT_EQ(answer("/customers", "get", "206"), R"({"description":"Partial Content","schema":)" + rows + "}");
    EXPECT_EQ(answer("/customers", "patch", "200"), R"({"description":"OK","schema":)" + rows + "}");
    EXPECT_EQ(answer("/customers", "delete", "204"), R"({"description":"No Content"})");
    EXPECT_EQ(answer("/customers", "post", "409"), R"({"$ref":"#/responses/409"})");
    EXPECT_EQ(answer("/customers", "get", "409"), "");
    EXPECT_EQ(answer("/rpc/reset", "post", "204"), R"({"description":"No Content"})");
    EXPECT_EQ(answer("/rpc/reset", "post", "200"), "");
    EXPECT_EQ(answer("/rpc/read", "post", "206"), R"({"description":"Partial Content"})");
    EXPECT_EQ(answer("/rpc/find", "get", "206"), "");
    EXPECT_EQ(answer("/", "get", "401"), R"({"$ref":"#/responses/401"})");
    EXPECT_EQ(at(document(), {"responses", "409", "description"}), R"("Conflict")");
    EXPECT_EQ(at(document(), {"responses", "default", "schema", "required"}), R"(["code","details","hint","message"])");
}

}  // namespace
}  // namespace analytics::rest
