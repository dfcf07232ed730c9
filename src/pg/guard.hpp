// Entry points: SQL calls C++.
//
//     ANALYTICS_FUNCTION(analytics_answer) {
//         return pg::to_datum(core::answer(pg::text_argument(fcinfo, 0)));
//     }
//
// declares and exports the C symbol analytics_answer (the library hides all others) and runs the block under
// pg::guarded(): it may throw anything and use any C++ object; calls into PostgreSQL go through pg::protect().
#pragma once

#include "pg/errors.hpp"
#include "pg/headers.hpp"

// On a symbol that PostgreSQL looks up by name; src/analytics.exports lets analytics_* through.
#define ANALYTICS_EXPORT PGDLLEXPORT

#define ANALYTICS_FUNCTION(name)                                                                \
    static Datum name##_body(FunctionCallInfo fcinfo);                                          \
    extern "C" {                                                                                \
    ANALYTICS_EXPORT Datum name(FunctionCallInfo fcinfo);                                       \
    extern ANALYTICS_EXPORT const Pg_finfo_record* pg_finfo_##name(void);                       \
    const Pg_finfo_record* pg_finfo_##name(void) {                                              \
        static const Pg_finfo_record info = {1};                                                \
        return &info;                                                                           \
    }                                                                                           \
    Datum name(FunctionCallInfo fcinfo) { return analytics::pg::guarded(name##_body, fcinfo); } \
    }                                                                                           \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
