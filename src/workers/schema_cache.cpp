#include "workers/schema_cache.hpp"

#include <array>

#include "core/error.hpp"
#include "pg/shaped_statement.hpp"
#include "pg/spi.hpp"
#include "workers/headers.hpp"

extern "C" {
#include "utils/inval.h"
#include "utils/syscache.h"
}

namespace analytics::workers {
namespace {

// Set by invalidations, which other sessions' DDL sends. They say that something changed, not what: ANALYZE and new
// partitions send them too, so that the catalogs' own account decides whether all is read again.
bool suspicious = true;

void suspect_relation(Datum /*unused*/, Oid /*relation*/) { suspicious = true; }
void suspect_row(Datum /*unused*/, int /*cache*/, std::uint32_t /*hash*/) { suspicious = true; }

void watch_catalogs() {
    static bool watching = false;
    if (!watching) {
        CacheRegisterRelcacheCallback(suspect_relation, Datum{0});
        for (const int cache : {PROCOID, NAMESPACEOID, TYPEOID, CONSTROID, CASTSOURCETARGET}) {
            CacheRegisterSyscacheCallback(cache, suspect_row, Datum{0});
        }
        watching = true;
    }
}

// Of all rows that the cache is made from. A row that changed has another xmin.
constexpr std::array<Oid, 1> kNames = {TEXTARRAYOID};
pg::Statement account(
    "WITH served AS (SELECT n.oid, n.xmin FROM pg_catalog.pg_namespace n WHERE n.nspname = ANY ($1))"
    " SELECT pg_catalog.md5(pg_catalog.concat_ws(' ',"
    " (SELECT pg_catalog.string_agg(n.oid::text || n.xmin::text, ',' ORDER BY n.oid) FROM served n),"
    " (SELECT pg_catalog.sum(pg_catalog.hashint8(a.attrelid::int8 << 24 | a.attnum) # a.xmin::text::int8)"
    "    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
    "   WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND c.relnamespace IN (SELECT oid FROM served)),"
    " (SELECT pg_catalog.string_agg(c.oid::text || c.relname || c.relkind::text, ',' ORDER BY c.oid)"
    "    FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p')"
    "     AND c.relnamespace IN (SELECT oid FROM served)),"
    " (SELECT pg_catalog.sum(pg_catalog.hashint8(r.oid::int8) # r.xmin::text::int8) FROM pg_catalog.pg_rewrite r"
    "    JOIN pg_catalog.pg_class c ON c.oid = r.ev_class WHERE c.relnamespace IN (SELECT oid FROM served)),"
    " (SELECT pg_catalog.sum(pg_catalog.hashint8(p.oid::int8) # p.xmin::text::int8) FROM pg_catalog.pg_proc p"
    "   WHERE p.pronamespace IN (SELECT oid FROM served)"
    "      OR p.oid IN (SELECT k.castfunc FROM pg_catalog.pg_cast k WHERE k.oid >= 16384)"
    "      OR p.pronargs = 1 AND p.proargtypes[0] IN (SELECT c.reltype FROM pg_catalog.pg_class c"
    "          WHERE c.relnamespace IN (SELECT oid FROM served))),"
    " (SELECT pg_catalog.sum(pg_catalog.hashint8(k.oid::int8) # k.xmin::text::int8) FROM pg_catalog.pg_cast k"
    "   WHERE k.oid >= 16384),"
    " (SELECT pg_catalog.sum(pg_catalog.hashint8(t.oid::int8) # t.xmin::text::int8) FROM pg_catalog.pg_trigger t"
    "    JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid"
    "   WHERE c.relkind IN ('v', 'f') AND c.relnamespace IN (SELECT oid FROM served)),"
    " (SELECT pg_catalog.sum(pg_catalog.hashint8(k.oid::int8) # k.xmin::text::int8) FROM pg_catalog.pg_constraint k"
    "   WHERE k.contype IN ('p', 'u', 'f')),"
    " (SELECT pg_catalog.sum(pg_catalog.hashint8(e.oid::int8) # e.xmin::text::int8) FROM pg_catalog.pg_enum e),"
    " (SELECT pg_catalog.sum(pg_catalog.hashint8(t.oid::int8) # t.xmin::text::int8) FROM pg_catalog.pg_type t"
    "   WHERE t.typtype IN ('d', 'e', 'c') AND t.oid >= 16384),"
    " (SELECT pg_catalog.sum(pg_catalog.hashint8(d.objoid::int8 << 24 | d.objsubid) # d.xmin::text::int8) FROM "
    "pg_catalog.pg_description d"
    "   WHERE d.objoid >= 16384)))",
    kNames);

// Reads the schema anew if the catalogs' account is another one.
// With snapshots of its own: the transaction's is older than the invalidations that were just accepted.
void look(const std::vector<std::string>& served, rest::Schema& schema) {
    static std::string known;
    const pg::Connection connection;
    const Datum names = pg::protect(
        [&] { return pg::text_array(served.size(), [&](std::size_t i) { return std::string_view(served[i]); }); });
    const std::string now(account.execute({names})[0].text(1));
    if (now == known && schema.served == served) {
        return;
    }
    static const std::string query(rest::schema_query());
    static pg::Statement read(query.c_str(), kNames);
    const pg::Result rows = read.execute({names});
    auto found = rest::read_schema(rows[0].text(1));
    if (!found) {
        throw analytics::Error(Code::internal, "the schema cache's query yields no schema");
    }
    schema = std::move(*found);
    schema.served = served;
    known = now;
    pg::forget_shaped();
}

}  // namespace

const rest::Schema& current_schema(const std::vector<std::string>& served, bool with_comments) {
    static rest::Schema schema;
    pg::protect([] {
        watch_catalogs();
        AcceptInvalidationMessages();
    });
    if (!suspicious && !with_comments && schema.served == served) {
        return schema;
    }
    // before the look: what changes during it is looked at the next time; with a snapshot that stands, again
    suspicious = IsolationUsesXactSnapshot();
    try {
        look(served, schema);
    } catch (...) {
        suspicious = true;  // a cancel, for instance
        throw;
    }
    return schema;
}
}  // namespace analytics::workers
