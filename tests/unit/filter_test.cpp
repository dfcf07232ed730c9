#include "core/filter.hpp"

#include "core/error.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace analytics {
namespace {

std::string sql(std::string_view text) { return read_filter(text).condition; }
std::string text(std::string_view sent) { return read_filter(sent).text; }

TEST(Filter, compares_columns_with_constants) {
    EXPECT_EQ(sql("country = 'DE'"), "(l.country = 'DE')");
    EXPECT_EQ(sql("COUNTRY<>'DE'"), "(l.country <> 'DE')");
    EXPECT_EQ(sql("country != 'DE'"), "(l.country <> 'DE')");
    EXPECT_EQ(sql("quantity >= 2"), "(l.quantity >= (2)::numeric)");
    EXPECT_EQ(sql("discount < 0.50"), "(l.discount < (0.50)::numeric)");
    EXPECT_EQ(sql("amount > -1"), "(l.amount > (-1)::numeric)");
    EXPECT_EQ(sql("shipping <= 1e2"), "(l.sent_shipping <= (100)::numeric)");
    EXPECT_EQ(sql("tax_included = true"), "(l.tax_included = true)");
    EXPECT_EQ(sql("'DE' = country"), "('DE' = l.country)");
    EXPECT_EQ(sql("discount = amount"), "(l.discount = l.amount)");
    EXPECT_EQ(sql("occurred_at >= '2024-05-01T02:00:00.5+02:00'"),
              "(l.occurred_at >= to_timestamp(1714521600) + interval '500000 microseconds')");
}

TEST(Filter, reads_paths_into_properties) {
    EXPECT_EQ(sql("properties->>city = 'Rome'"), "((l.properties #>> ARRAY['city']::text[]) = 'Rome')");
    EXPECT_EQ(sql("properties -> 'a b' ->> 'c''d' = 'x'"), "((l.properties #>> ARRAY['a b', 'c''d']::text[]) = 'x')");
    EXPECT_EQ(text("properties -> 'a b' ->> 'c' = 'x'"), "properties->'a b'->>c = 'x'");
    EXPECT_EQ(sql("properties->>gift = true"), "((l.properties #>> ARRAY['gift']::text[]) = 'true')");
    EXPECT_EQ(sql("properties->>weight > 2"),
              "((CASE jsonb_typeof(l.properties #> ARRAY['weight']::text[]) WHEN 'number' THEN (l.properties #>> "
              "ARRAY['weight']::text[])::numeric END) > (2)::numeric)");
}

TEST(Filter, knows_in_like_and_null) {
    EXPECT_EQ(sql("country in ('DE', 'AT')"), "(l.country IN ('DE', 'AT'))");
    EXPECT_EQ(sql("country NOT IN ('DE')"), "(l.country NOT IN ('DE'))");
    EXPECT_EQ(sql("campaign LIKE 'spring%'"), "(l.campaign LIKE 'spring%')");
    EXPECT_EQ(sql("campaign NOT LIKE '50\\%'"), "(l.campaign NOT LIKE E'50\\\\%')");
    EXPECT_EQ(sql("channel IS NULL"), "(l.channel IS NULL)");
    EXPECT_EQ(sql("properties->>a is not null"), "((l.properties #>> ARRAY['a']::text[]) IS NOT NULL)");
}

TEST(Filter, joins_conditions_as_sql_does) {
    EXPECT_EQ(sql("country = 'a' OR country = 'b' AND channel = 'c'"),
              "((l.country = 'a') OR ((l.country = 'b') AND (l.channel = 'c')))");
    EXPECT_EQ(sql("(country = 'a' OR country = 'b') AND channel = 'c'"),
              "(((l.country = 'a') OR (l.country = 'b')) AND (l.channel = 'c'))");
    EXPECT_EQ(sql("NOT country = 'a' AND channel = 'b'"), "((NOT (l.country = 'a')) AND (l.channel = 'b'))");
    EXPECT_EQ(sql("not not channel is null"), "(NOT (NOT (l.channel IS NULL)))");
}

TEST(Filter, text_stays_text) {
    EXPECT_EQ(sql("channel = 'it''s'"), "(l.channel = 'it''s')");
    EXPECT_EQ(sql("channel = 'a\\'"), "(l.channel = E'a\\\\')");
    EXPECT_EQ(sql("channel = '''; DROP TABLE x; --'"), "(l.channel = '''; DROP TABLE x; --')");
    EXPECT_EQ(sql("channel = '\\''; --'"), "(l.channel = E'\\\\''; --')");
}

TEST(Filter, refuses_everything_else) {
    for (const char* sent : {"",
                             " ",
                             "country",
                             "country =",
                             "= 'DE'",
                             "country = DE",
                             "country = 'DE",
                             "country = \"DE\"",
                             "'a' = 'a'",
                             "1 = 1",
                             "country = 5",
                             "quantity = '5'",
                             "quantity = true",
                             "tax_included = 1",
                             "occurred_at > '2024-05-01'",
                             "occurred_at > 5",
                             "country = NULL",
                             "country IN ()",
                             "country IN (SELECT 'DE')",
                             "country IN ('DE'",
                             "quantity LIKE '1%'",
                             "country LIKE channel",
                             "country LIKE 'a\\'",
                             "lower(country) = 'de'",
                             "pg_sleep(5) IS NULL",
                             "country = 'a' country = 'b'",
                             "country = 'a';",
                             "a.country = 'x'",
                             "country::text = 'x'",
                             "country = 'a' -- b",
                             "country = 'a' /* b */",
                             "sign = 1",
                             "stamp = 1",
                             "properties = 'a'",
                             "properties->a = 'b'",
                             "properties->>",
                             "properties->>a->b = 'c'",
                             "properties->>'' = 'c'",
                             "properties->>1 = 'c'",
                             "country = $1",
                             "country = 'a' || 'b'",
                             "NOT",
                             "()",
                             "(country = 'a'",
                             "country = 'a')",
                             "country = E'a'",
                             "quantity = 1.",
                             "quantity = 0x10",
                             "quantity = 12345678901234567890123",
                             "country = quantity",
                             "tax_included = properties->>a",
                             "country IS 'DE'",
                             "country NOT = 'DE'",
                             "properties->>a IN ('1', 2)",
                             "'a' IN ('a')",
                             "'a' IS NULL",
                             "country ~ 'a'",
                             "country BETWEEN 'a' AND 'b'",
                             "exists (select 1)"}) {
        try {
            const Filter filter = read_filter(sent);
            ADD_FAILURE() << sent << " was read as " << filter.condition;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Code::syntax_error) << sent;
            EXPECT_FALSE(error.detail().empty()) << sent;
            EXPECT_FALSE(error.hint().empty()) << sent;
        }
    }
}

TEST(Filter, bounds_depth_and_length) {
    std::string deep = "channel IS NULL";
    for (int i = 0; i < kMaxFilterDepth; ++i) {
        deep = i % 2 == 0 ? "NOT (" + deep + ")" : "((" + deep + ") AND line = 1)";
        EXPECT_EQ(text(text(deep)), text(deep));
    }
    EXPECT_THROW(read_filter("NOT (" + deep + ")"), Error);
    EXPECT_EQ(sql(std::string(60, '(') + "channel IS NULL" + std::string(60, ')')), "(l.channel IS NULL)");
    EXPECT_THROW(read_filter(std::string(100'000, '(')), Error);
    EXPECT_THROW(read_filter("channel = '" + std::string(kMaxFilterBytes, 'a') + "'"), Error);
}

// Random filters of the grammar: what is printed reads as itself.
class Random {
public:
    std::string condition(int depth) {
        switch (depth > 4 ? 0 : pick(6)) {
            case 1:
                return "(" + condition(depth + 1) + " AND " + condition(depth + 1) + ")";
            case 2:
                return condition(depth + 1) + " or " + condition(depth + 1);
            case 3:
                return "NOT (" + condition(depth + 1) + ")";
            default:
                return predicate();
        }
    }

private:
    std::string predicate() {
        static const char* const kPredicates[] = {"country = 'D\\''E'",       "quantity>2",
                                                  "channel in ('a','b''')",   "properties->>a < 1.50",
                                                  "campaign not like '%\\_'", "properties->'x y'->>z is null",
                                                  "tax_included<>false",      "occurred_at<'2024-01-01T00:00:00Z'"};
        return kPredicates[pick(8)];
    }
    unsigned pick(unsigned below) { return std::uniform_int_distribution<unsigned>(0, below - 1)(engine_); }
    std::mt19937 engine_{7};
};

TEST(Filter, what_is_printed_reads_as_itself) {
    Random random;
    for (int i = 0; i < 2000; ++i) {
        const Filter filter = read_filter(random.condition(0));
        const Filter again = read_filter(filter.text);
        EXPECT_EQ(again.text, filter.text);
        EXPECT_EQ(again.condition, filter.condition);
    }
}

}  // namespace
}  // namespace analytics
