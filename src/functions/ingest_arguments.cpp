#include "functions/ingest_arguments.hpp"

#include <optional>

#include "pg/datum.hpp"
#include "pg/errors.hpp"

namespace analytics::ingest {
namespace {

constexpr std::size_t kMaxStoreBytes = 1024;

std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int number) {
    if (PG_ARGISNULL(number)) {
        return std::nullopt;
    }
    const Datum value = PG_GETARG_DATUM(number);
    return std::string(pg::protect([&] { return pg::text_view(value); }));
}

Datum payload(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0)) {
        throw Error(Code::invalid_parameter, "payload must not be null")
            .hint("Pass an event, an array of events, or one event a line.");
    }
    return PG_GETARG_DATUM(0);
}

}  // namespace

void require_utf8() {
    if (GetDatabaseEncoding() != PG_UTF8) {
        pg::fail(ERRCODE_FEATURE_NOT_SUPPORTED, "events can be ingested into UTF-8 databases only",
                 std::string("This database's encoding is ") + GetDatabaseEncodingName() + ".",
                 "Create a database with ENCODING 'UTF8'.");
    }
}

std::string checked_store(std::string_view store) {
    if (store.empty() || store.size() > kMaxStoreBytes) {
        throw Error(Code::invalid_parameter, "store must not be empty or longer than 1024 bytes")
            .hint("Pass a store's name, or leave it out for 'main'.");
    }
    return std::string(store);
}

Arguments read_arguments(FunctionCallInfo call) {
    require_utf8();
    const auto format = text_argument(call, 1);
    if (!format) {
        throw Error(Code::invalid_parameter, "format must not be null").hint("Formats are auto and native.");
    }
    const auto store = text_argument(call, 2);
    if (!store) {
        throw Error(Code::invalid_parameter, "store must not be null")
            .hint("Pass a store's name, or leave it out for 'main'.");
    }
    return {*format, parse_format(*format), checked_store(*store)};
}

std::string_view text_payload(FunctionCallInfo call) {
    const Datum value = payload(call);
    return pg::protect([&] { return pg::text_view(value); });
}

std::string_view jsonb_payload(FunctionCallInfo call) {
    const Datum value = payload(call);
    return pg::protect([&] {
        Jsonb* const document = DatumGetJsonbP(value);
        StringInfoData text;
        initStringInfo(&text);
        JsonbToCString(&text, &document->root, VARSIZE(document));
        return std::string_view(text.data, static_cast<std::size_t>(text.len));
    });
}

}  // namespace analytics::ingest
