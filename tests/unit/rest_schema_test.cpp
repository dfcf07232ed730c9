// The schema cache: what is derived from the catalogs' JSON. tests/http/test_schema.py runs the query that yields it.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/rest/schema.hpp"

namespace analytics::rest {
namespace {

using Cardinality = Relationship::Cardinality;
using Pairs = std::vector<std::pair<std::string, std::string>>;

// customers (1) - orders (2) - baskets (3) - products (4); addresses (5) of a customer each, secrets (9) not served;
// sold (6), a view of orders; lists (7), a view of baskets that shows a product twice.
const char* const kShop = R"json({
    "schemas": [{"name": "api", "comment": "A shop's\n\"tables\""}, {"name": "more"}],
    "relations": [
        {"id": "1", "schema": "api", "name": "customers", "insertable": true, "updatable": true, "deletable": true,
         "comment": "Who buys", "columns": [
            {"name": "id", "type": "bigint", "not_null": true, "has_default": true, "generated": true},
            {"name": "mail", "type": "api.mail", "base_type": "text", "comment": "To write to"},
            {"name": "code", "type": "character varying", "full_type": "character varying(10)", "max_length": 10},
            {"name": "kind", "type": "api.kind", "enum": ["person", "firm"], "default_sql": "'person'::api.kind"},
            {"name": "tags", "type": "text[]", "composite_or_array": true}]},
        {"id": "2", "schema": "api", "name": "orders", "columns": []},
        {"id": "3", "schema": "api", "name": "baskets", "columns": []},
        {"id": "4", "schema": "more", "name": "products", "columns": []},
        {"id": "5", "schema": "api", "name": "addresses", "columns": []},
        {"id": "6", "schema": "api", "name": "sold", "is_view": true, "columns": []},
        {"id": "7", "schema": "api", "name": "lists", "is_view": true, "columns": []}],
    "primary_keys": [
        {"table": "1", "columns": ["id"]}, {"table": "2", "columns": ["id"]},
        {"table": "3", "columns": ["product_id", "order_id"]}, {"table": "4", "columns": ["id"]},
        {"table": "9", "columns": ["id"]}],
    "foreign_keys": [
        {"name": "orders_customer", "table": "2", "target": "1", "columns": ["customer_id"], "target_columns": ["id"]},
        {"name": "baskets_order", "table": "3", "target": "2", "columns": ["order_id"], "target_columns": ["id"]},
        {"name": "baskets_product", "table": "3", "target": "4", "columns": ["product_id"], "target_columns": ["id"]},
        {"name": "addresses_customer", "table": "5", "target": "1", "columns": ["customer_id"],
         "target_columns": ["id"], "one_to_one": true},
        {"name": "secrets_customer", "table": "9", "target": "1", "columns": ["customer_id"],
         "target_columns": ["id"]}],
    "shown": [
        {"view": "6", "column": "number", "table": "2", "origin": "id"},
        {"view": "6", "column": "buyer", "table": "2", "origin": "customer_id"},
        {"view": "7", "column": "product", "table": "3", "origin": "product_id"},
        {"view": "7", "column": "again", "table": "3", "origin": "product_id"}],
    "functions": [
        {"schema": "api", "name": "ping", "volatility": "i", "type": "void"},
        {"schema": "api", "name": "find", "volatility": "s", "is_set": true, "composite": true, "type": "api.customers",
         "row": "1", "row_schema": "api", "row_name": "customers", "has_variadic": true,
         "settings": [["statement_timeout", "10s"]],
         "parameters": [{"name": "name", "type": "character", "cast_type": "character varying"},
                        {"name": "ids", "type": "integer[]", "optional": true, "variadic": true}]},
        {"schema": "api", "name": "find", "volatility": "v", "is_set": true, "composite": true, "type": "record",
         "outputs": [{"name": "a", "type": "text"}], "parameters": [{"type": "jsonb"}]},
        {"schema": "api", "name": "pair", "volatility": "v", "composite": true, "type": "api.pair", "row": "99",
         "columns": [{"name": "x", "type": "integer"}, {"name": "y", "type": "integer"}]}],
    "computed": [
        {"schema": "api", "name": "full_name", "from": "1", "type": "text"},
        {"schema": "api", "name": "newest", "from": "1", "to": "2", "to_one": true, "type": "api.orders"},
        {"schema": "api", "name": "addresses", "from": "1", "to": "5", "type": "api.addresses"}]
})json";

class RestSchema : public testing::Test {
protected:
    // The relationships from one relation to another, in order.
    std::vector<const Relationship*> between(const Name& from, const Name& to) const {
        std::vector<const Relationship*> out = schema.from(from);
        std::erase_if(out, [&](const Relationship* r) { return r->to != to; });
        return out;
    }

    const Schema schema = read_schema(kShop).value();
    const Name customers{"api", "customers"};
    const Name orders{"api", "orders"};
    const Name baskets{"api", "baskets"};
    const Name products{"more", "products"};
    const Name addresses{"api", "addresses"};
    const Name sold{"api", "sold"};
    const Name lists{"api", "lists"};
};

TEST_F(RestSchema, has_schemas_and_columns) {
    EXPECT_EQ(schema.served, (std::vector<std::string>{"api", "more"}));
    EXPECT_EQ(schema.schema_comments.at("api"), "A shop's\n\"tables\"");
    const Relation* relation = schema.find_relation(customers);
    ASSERT_NE(relation, nullptr);
    EXPECT_TRUE(relation->insertable && relation->updatable && relation->deletable && !relation->is_view);
    EXPECT_EQ(relation->comment, "Who buys");
    ASSERT_EQ(relation->columns.size(), 5U);
    EXPECT_TRUE(relation->columns[0].not_null && relation->columns[0].generated && relation->columns[0].has_default);
    EXPECT_EQ(relation->find("id")->base_type, "bigint");
    EXPECT_EQ(relation->find("mail")->type, "api.mail");
    EXPECT_EQ(relation->find("mail")->base_type, "text");
    EXPECT_EQ(relation->find("code")->full_type, "character varying(10)");
    EXPECT_EQ(relation->find("code")->max_length, 10);
    EXPECT_EQ(relation->find("kind")->enum_labels, (std::vector<std::string>{"person", "firm"}));
    EXPECT_TRUE(relation->find("tags")->composite_or_array);
    EXPECT_EQ(relation->find("none"), nullptr);
    EXPECT_EQ(schema.find_relation({"api", "none"}), nullptr);
}

TEST_F(RestSchema, views_have_the_keys_that_they_show_whole) {
    EXPECT_EQ(schema.find_relation(baskets)->primary_key, (std::vector<std::string>{"order_id", "product_id"}));
    EXPECT_EQ(schema.find_relation(sold)->primary_key, std::vector<std::string>{"number"});
    EXPECT_TRUE(schema.find_relation(lists)->primary_key.empty());
    EXPECT_EQ(schema.relations.size(), 7U);  // a key of a table that is not served makes no relation
}

TEST_F(RestSchema, a_foreign_key_leads_both_ways) {
    const auto there = between(orders, customers);
    ASSERT_EQ(there.size(), 1U);
    EXPECT_EQ(there[0]->cardinality, Cardinality::many_to_one);
    EXPECT_EQ(there[0]->columns, (Pairs{{"customer_id", "id"}}));
    const auto back = between(customers, orders);
    ASSERT_EQ(back.size(), 2U);  // and the computed one
    EXPECT_EQ(back[0]->cardinality, Cardinality::one_to_many);
    EXPECT_EQ(back[0]->constraint, "orders_customer");
    EXPECT_EQ(back[0]->columns, (Pairs{{"id", "customer_id"}}));
}

TEST_F(RestSchema, views_stand_for_tables_on_either_side) {
    ASSERT_EQ(between(sold, customers).size(), 1U);
    EXPECT_EQ(between(sold, customers)[0]->columns, (Pairs{{"buyer", "id"}}));
    ASSERT_EQ(between(baskets, sold).size(), 1U);
    EXPECT_EQ(between(baskets, sold)[0]->columns, (Pairs{{"order_id", "number"}}));
    const auto twice = between(lists, products);
    ASSERT_EQ(twice.size(), 2U);
    EXPECT_EQ(twice[0]->columns, (Pairs{{"product", "id"}}));
    EXPECT_EQ(twice[1]->columns, (Pairs{{"again", "id"}}));
}

TEST_F(RestSchema, a_unique_foreign_key_is_one_to_one) {
    const auto there = between(addresses, customers);
    ASSERT_EQ(there.size(), 1U);
    EXPECT_EQ(there[0]->cardinality, Cardinality::one_to_one);
    EXPECT_TRUE(there[0]->is_parent);
}

TEST_F(RestSchema, a_junctions_primary_key_has_both_foreign_keys) {
    const auto through = between(orders, products);
    ASSERT_EQ(through.size(), 1U);
    EXPECT_EQ(through[0]->cardinality, Cardinality::many_to_many);
    EXPECT_EQ(through[0]->junction, baskets);
    EXPECT_EQ(through[0]->constraint, "baskets_order");
    EXPECT_EQ(through[0]->columns, (Pairs{{"id", "order_id"}}));
    EXPECT_EQ(through[0]->second_constraint, "baskets_product");
    EXPECT_EQ(through[0]->second_columns, (Pairs{{"product_id", "id"}}));
    EXPECT_EQ(between(products, sold).size(), 1U);
    // The key of orders has not its customer: no customers of baskets.
    EXPECT_TRUE(between(customers, baskets).empty());
}

TEST_F(RestSchema, functions_of_a_row) {
    const Relation* relation = schema.find_relation(customers);
    ASSERT_EQ(relation->computed_fields.size(), 1U);
    EXPECT_EQ(relation->computed_fields[0].function, (Name{"api", "full_name"}));
    const auto newest = between(customers, orders);
    EXPECT_EQ(newest[1]->cardinality, Cardinality::computed);
    EXPECT_TRUE(newest[1]->to_one);
    // One of the other relation's name hides the foreign key.
    const auto hidden = between(customers, addresses);
    ASSERT_EQ(hidden.size(), 1U);
    EXPECT_EQ(hidden[0]->cardinality, Cardinality::computed);
    EXPECT_FALSE(hidden[0]->to_one);
}

TEST_F(RestSchema, functions) {
    EXPECT_EQ(schema.functions.size(), 4U);
    EXPECT_EQ(schema.functions.find({"api", "ping"})->second.kind, Function::Kind::none);
    const auto find = schema.functions.lower_bound({"api", "find"});
    const Function& first = find->second;
    EXPECT_EQ(first.kind, Function::Kind::composite);
    EXPECT_EQ(first.volatility, Function::Volatility::stable);
    EXPECT_EQ(first.type_relation, customers);
    EXPECT_EQ(first.out_columns.size(), 5U);
    EXPECT_EQ(first.parameters[0].cast_type, "character varying");
    EXPECT_TRUE(first.parameters[0].required && !first.parameters[1].required && first.parameters[1].variadic);
    EXPECT_EQ(first.settings, (Pairs{{"statement_timeout", "10s"}}));
    const Function& second = std::next(find)->second;
    EXPECT_EQ(second.parameters[0].name, "");
    EXPECT_EQ(second.out_columns[0].name, "a");
    const Function& pair = schema.functions.find({"api", "pair"})->second;
    EXPECT_EQ(pair.type_relation, Name());
    EXPECT_EQ(pair.out_columns.size(), 2U);
}

TEST(RestSchemaText, must_be_an_object) {
    EXPECT_FALSE(read_schema(""));
    EXPECT_FALSE(read_schema("[]"));
    EXPECT_FALSE(read_schema("{"));
    EXPECT_TRUE(read_schema("{}"));
}

}  // namespace
}  // namespace analytics::rest
