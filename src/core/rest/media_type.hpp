// The media types of answers and bodies: Accept and Content-Type.
//
// Source: https://docs.postgrest.org, version 16: resource_representation, media_type_handlers.
#pragma once

#include "core/rest/query.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace analytics::rest {

struct MediaType {
    enum class Kind : std::uint8_t {
        any,   // */*
        json,  // application/json, and application/vnd.pgrst.array without nulls=stripped
        array_without_nulls,
        object,  // one row: application/vnd.pgrst.object
        object_without_nulls,
        csv,
        geojson,
        openapi,
        text,
        xml,
        octet_stream,
        form,
        plan,   // EXPLAIN's, see PlanType
        other,  // a handler's, or nobody's
    };

    Kind kind = Kind::json;
    std::string name;  // as PostgREST writes it; of `other` as sent

    bool operator==(const MediaType&) const = default;
};

MediaType read_media_type(std::string_view text);

// What the client would like, best first: by q, then by how much is said of a type. No header: anything.
std::vector<MediaType> read_accept(std::optional<std::string_view> accept);

// No header: JSON.
MediaType read_content_type(std::optional<std::string_view> content_type);

// The value of an answer's Content-Type: texts are UTF-8.
std::string content_type_of(const MediaType& type);

// The name by which handlers in the database are found: in lower case, without parameters. Empty: PostgREST's own
// types, which nobody overrides.
std::string handled_name(const MediaType& type);

// application/vnd.pgrst.plan+json; for="text/csv"; options=analyze|buffers
struct PlanType {
    MediaType of;  // the answer whose statement is explained
    bool json = false;
    std::vector<std::string> options;  // of EXPLAIN, in lower case: those that PostgREST takes
};

// Nothing: no kind of plan that there is.
std::optional<PlanType> read_plan_type(const MediaType& type);
std::string content_type_of(const PlanType& plan);

// The answer, if none of them can be served.
Failure unacceptable(const std::vector<MediaType>& accepted);

}  // namespace analytics::rest
