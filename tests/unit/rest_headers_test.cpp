// The headers of PostgREST's dialect: Prefer, Accept, Content-Type, Range. What is expected stands in its documentation
// (docs/references/api/*.rst), in its tests (test/spec/Feature/**.hs) and in the examples that it runs as tests; each
// case names its source.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/rest/media_type.hpp"
#include "core/rest/preferences.hpp"
#include "core/rest/range.hpp"

namespace analytics::rest {
namespace {

using Kind = MediaType::Kind;

Preferences preferences(const std::vector<std::string>& headers, bool may_choose_end = true) {
    http::Fields fields;
    for (const std::string& header : headers) {
        fields.add("prefer", header);
    }
    return read_preferences(fields, may_choose_end);
}

std::string applied(const std::string& header) { return preferences_applied(preferences({header})); }

std::vector<std::string> accepted(std::string_view header) {
    std::vector<std::string> names;
    for (const MediaType& type : read_accept(header)) {
        names.push_back(type.name);
    }
    return names;
}

Query with(std::optional<std::uint64_t> limit, std::uint64_t offset) {
    Query query;
    query.limits.push_back({{}, {limit, offset}});
    return query;
}

Limits rows(const Query& query, std::optional<std::string_view> range) {
    return std::get<Limits>(rows_asked(query, range));
}

// The examples of fromHeaders
TEST(RestPreferences, are_read) {
    const Preferences all = preferences(
        {"count=exact,    tx=commit   ,return=representation , missing=default, handling=strict, anything"});
    EXPECT_EQ(all.count, Preferences::Count::exact);
    EXPECT_EQ(all.transaction, Preferences::Transaction::commit);
    EXPECT_EQ(all.return_, Preferences::Return::representation);
    EXPECT_EQ(all.missing, Preferences::Missing::defaults);
    EXPECT_TRUE(all.is_strict());
    EXPECT_EQ(all.unknown, std::vector<std::string>{"anything"});
    EXPECT_FALSE(all.resolution);

    const Preferences others =
        preferences({"resolution=ignore-duplicates, count=exact, timezone=America/Los_Angeles, max-affected=100"});
    EXPECT_EQ(others.resolution, Preferences::Resolution::ignore_duplicates);
    EXPECT_EQ(others.timezone, "America/Los_Angeles");
    EXPECT_EQ(others.max_affected, 100);

    EXPECT_EQ(preferences({"tx=commit, tx=rollback"}).transaction, Preferences::Transaction::commit);
    EXPECT_EQ(preferences({"resolution=ignore-duplicates", "resolution=merge-duplicates"}).resolution,
              Preferences::Resolution::ignore_duplicates);
    EXPECT_FALSE(preferences({"tx=rollback"}, false).transaction);
    EXPECT_TRUE(preferences({"tx=rollback"}, false).unknown.empty());
    EXPECT_FALSE(preferences({"max-affected=many"}).max_affected);
    EXPECT_EQ(preferences({"return=all"}).unknown, std::vector<std::string>{"return=all"});
}

// HandlingSpec.hs
TEST(RestPreferences, that_are_unknown_fail_a_strict_request) {
    const auto failure = unknown_preferences(preferences({"handling=strict", "something, else"}));
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->status, 400);
    EXPECT_EQ(failure->code, "PGRST122");
    EXPECT_EQ(failure->message, "Invalid preferences given with handling=strict");
    EXPECT_EQ(failure->details, "Invalid preferences: something, else");
    EXPECT_FALSE(unknown_preferences(preferences({"handling=lenient, anything"})));
    EXPECT_FALSE(unknown_preferences(preferences({"anything"})));
    EXPECT_FALSE(unknown_preferences(preferences({"handling=strict, count=exact"})));
}

// InsertSpec.hs, UpdateSpec.hs, MaxAffectedSpec.hs, TimezoneSpec.hs
TEST(RestPreferences, that_apply_are_told) {
    EXPECT_EQ(applied("count=exact, return=representation"), "return=representation, count=exact");
    EXPECT_EQ(applied("return=representation, missing=default"), "missing=default, return=representation");
    EXPECT_EQ(applied("return=headers-only"), "return=headers-only");
    EXPECT_EQ(applied("tx=commit"), "tx=commit");
    EXPECT_EQ(applied("handling=strict, max-affected=10"), "handling=strict, max-affected=10");
    EXPECT_EQ(applied("handling=lenient, max-affected=10"), "handling=lenient");
    EXPECT_EQ(applied("handling=strict, timezone=America/Los_Angeles"),
              "handling=strict, timezone=America/Los_Angeles");
    EXPECT_EQ(applied("timezone=+05:30"), "timezone=+05:30");
    EXPECT_EQ(applied("anything"), "");
}

// The examples of decodeMediaType; NullsStripSpec.hs, PlanSpec.hs
TEST(RestMediaType, is_read) {
    EXPECT_EQ(read_media_type("application/json").kind, Kind::json);
    EXPECT_EQ(read_media_type("application/vnd.pgrst.array+json;nulls=stripped").kind, Kind::array_without_nulls);
    EXPECT_EQ(read_media_type("application/vnd.pgrst.array;nulls=stripped").kind, Kind::array_without_nulls);
    EXPECT_EQ(read_media_type("application/vnd.pgrst.array+json").kind, Kind::json);
    EXPECT_EQ(read_media_type("application/vnd.pgrst.object+json;nulls=stripped").kind, Kind::object_without_nulls);
    EXPECT_EQ(read_media_type("application/vnd.pgrst.object+json").kind, Kind::object);
    EXPECT_EQ(read_media_type("application/vnd.pgrst.object").kind, Kind::object);
    EXPECT_EQ(read_media_type("ApplicatIon/vnd.PgRsT.object+json").kind, Kind::object);
    EXPECT_EQ(read_media_type("application/vnd.twkb").kind, Kind::other);
    EXPECT_EQ(read_media_type("application/vnd.twkb").name, "application/vnd.twkb");
    EXPECT_EQ(read_media_type("application/vnd.pgrst.plan+json;for=\"text/csv\"").kind, Kind::plan);
    EXPECT_EQ(read_media_type("application/vnd.pgrst.plan;").kind, Kind::plan);
    EXPECT_EQ(read_media_type("application/openapi+json").kind, Kind::openapi);
    EXPECT_EQ(read_media_type("application/geo+json").kind, Kind::geojson);
    EXPECT_EQ(read_media_type("application/octet-stream").kind, Kind::octet_stream);
    EXPECT_EQ(read_media_type("text/xml").kind, Kind::xml);
    EXPECT_EQ(read_media_type("*/*").kind, Kind::any);
    EXPECT_EQ(read_media_type("undefined").kind, Kind::other);
}

// The same, of plans
TEST(RestMediaType, of_plans_is_read) {
    const auto written = [](std::string_view text) {
        const auto plan = read_plan_type(read_media_type(text));
        return plan ? content_type_of(*plan) : "none";
    };
    EXPECT_EQ(written("application/vnd.pgrst.plan;"),
              "application/vnd.pgrst.plan+text; for=\"application/json\"; charset=utf-8");
    EXPECT_EQ(written("application/vnd.pgrst.plan ; for=\"text/xml\" ; options=analyze"),
              "application/vnd.pgrst.plan+text; for=\"text/xml\"; options=analyze; charset=utf-8");
    EXPECT_EQ(written("Application/vnd.pgrst.Plan+JSON;for=\"text/csv\";options=wal|analyze|all"),
              "application/vnd.pgrst.plan+json; for=\"text/csv\"; options=analyze|wal; charset=utf-8");
    EXPECT_EQ(written("application/vnd.pgrst.plan+xml"), "none");
    EXPECT_EQ(written("application/json"), "none");
}

// CorsSpec.hs, CustomMediaSpec.hs, QuerySpec.hs
TEST(RestMediaType, is_accepted_by_quality) {
    using Names = std::vector<std::string>;
    EXPECT_EQ(accepted("text/csv, */*; q=0.01"), (Names{"text/csv", "*/*"}));
    EXPECT_EQ(accepted("image/png, */*"), (Names{"image/png", "*/*"}));
    EXPECT_EQ(accepted("*/*;q=0.8,application/xml;q=0.9,text/html,application/xhtml+xml,image/png"),
              (Names{"text/html", "application/xhtml+xml", "image/png", "application/xml", "*/*"}));
    EXPECT_EQ(accepted("text/plain, application/json"), (Names{"text/plain", "application/json"}));
    EXPECT_EQ(read_accept(std::nullopt)[0].kind, Kind::any);
    const Failure failure = unacceptable(read_accept("text/unknowntype"));
    EXPECT_EQ(failure.status, 406);
    EXPECT_EQ(failure.code, "PGRST107");
    EXPECT_EQ(failure.message, "None of these media types are available: text/unknowntype");
    EXPECT_EQ(unacceptable(read_accept("text/plain")).message, "None of these media types are available: text/plain");
}

// InsertSpec.hs, RpcSpec.hs, CustomMediaSpec.hs
TEST(RestMediaType, is_that_of_bodies) {
    EXPECT_EQ(read_content_type(std::nullopt).kind, Kind::json);
    EXPECT_EQ(read_content_type("application/json; charset=utf-8").kind, Kind::json);
    EXPECT_EQ(read_content_type("text/csv").kind, Kind::csv);
    EXPECT_EQ(read_content_type("application/x-www-form-urlencoded").kind, Kind::form);
    EXPECT_EQ(read_content_type("text/plain").kind, Kind::text);
    EXPECT_EQ(content_type_of(read_media_type("application/json")), "application/json; charset=utf-8");
    EXPECT_EQ(content_type_of(read_media_type("text/csv")), "text/csv; charset=utf-8");
    EXPECT_EQ(content_type_of(read_media_type("text/tab-separated-values")), "text/tab-separated-values");
    EXPECT_EQ(content_type_of(read_media_type("application/octet-stream")), "application/octet-stream");
}

// RangeSpec.hs, pagination_count.rst
TEST(RestRange, meets_limit_and_offset) {
    EXPECT_EQ(rows({}, "0-1").limit, 2U);
    EXPECT_EQ(rows({}, "10-100").offset, 10U);
    EXPECT_EQ(rows({}, "0-0").limit, 1U);
    EXPECT_FALSE(rows({}, "10-").limit);
    EXPECT_EQ(rows({}, "10-").offset, 10U);
    EXPECT_EQ(rows(with(3, 0), "0-1").limit, 2U);  // the narrower one
    EXPECT_EQ(rows(with(3, 2), std::nullopt).limit, 3U);
    EXPECT_EQ(rows(with(3, 2), std::nullopt).offset, 2U);
    EXPECT_EQ(rows(with(0, 0), "0-1").limit, 0U);
    EXPECT_FALSE(rows({}, "bytes=0-1").limit);
    EXPECT_FALSE(rows({}, std::nullopt).limit);
    EXPECT_EQ(rows({}, "99999999999999999999-").offset, 9223372036854775807U);
    const Failure failure = std::get<Failure>(rows_asked({}, "1-0"));
    EXPECT_EQ(failure.status, 416);
    EXPECT_EQ(failure.code, "PGRST103");
    EXPECT_EQ(failure.message, "Requested range not satisfiable");
    EXPECT_EQ(failure.details,
              "The lower boundary must be lower than or equal to the upper boundary in the Range header.");
    EXPECT_TRUE(std::holds_alternative<Failure>(rows_asked(with(2, 5), "0-1")));
}

// RangeSpec.hs
TEST(RestRange, is_told) {
    EXPECT_EQ(content_range(0, 15, std::nullopt), "0-14/*");
    EXPECT_EQ(content_range(10, 5, std::nullopt), "10-14/*");
    EXPECT_EQ(content_range(0, 0, std::nullopt), "*/*");
    EXPECT_EQ(content_range(0, 0, 0), "*/0");
    EXPECT_EQ(content_range(1, 0, 0), "*/0");
    EXPECT_EQ(content_range(100, 0, 15), "*/15");
    EXPECT_EQ(content_range(0, 7, 8), "0-6/8");
    EXPECT_EQ(range_status(0, 2, std::nullopt), 200);
    EXPECT_EQ(range_status(0, 7, 8), 206);
    EXPECT_EQ(range_status(0, 15, 15), 200);
    EXPECT_EQ(range_status(0, 0, 0), 200);
    EXPECT_EQ(range_status(1, 0, 0), 416);
    EXPECT_EQ(range_status(100, 0, 15), 416);
    EXPECT_EQ(out_of_bounds(100, 15).details, "An offset of 100 was requested, but there are only 15 rows.");
    EXPECT_EQ(out_of_bounds(1, 0).code, "PGRST103");
    EXPECT_EQ(out_of_bounds(1, 0).status, 416);
}

}  // namespace
}  // namespace analytics::rest
