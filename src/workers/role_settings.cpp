#include "workers/role_settings.hpp"

#include <array>
#include <cstring>
#include <string_view>

#include "pg/datum.hpp"
#include "pg/errors.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_db_role_setting.h"
}

namespace analytics::workers {
namespace {

// "name=value" of one row of the catalog, in the current memory context. Inside protect().
void read_row(Relation settings, Oid database, Oid role, List** found) {
    std::array<ScanKeyData, 2> key;
    ScanKeyInit(&key[0], Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(database));
    ScanKeyInit(&key[1], Anum_pg_db_role_setting_setrole, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(role));
    SysScanDesc const scan = systable_beginscan(settings, DbRoleSettingDatidRolidIndexId, true, nullptr,
                                                static_cast<int>(key.size()), key.data());
    if (HeapTuple const row = systable_getnext(scan); HeapTupleIsValid(row)) {
        bool null = false;
        const Datum list = heap_getattr(row, Anum_pg_db_role_setting_setconfig, RelationGetDescr(settings), &null);
        if (!null) {
            Datum* elements = nullptr;
            int count = 0;
            deconstruct_array(DatumGetArrayTypePCopy(list), TEXTOID, -1, false, TYPALIGN_INT, &elements, nullptr,
                              &count);
            for (int i = 0; i < count; ++i) {
                *found = lappend(*found, TextDatumGetCString(elements[i]));
            }
        }
    }
    systable_endscan(scan);
}

// transaction_timeout ends the process, not the request.
bool is_left_out(std::string_view name, SearchPath path) {
    return name == "transaction_timeout" || name == "role" || name == "session_authorization" ||
           (name == "search_path" && path == SearchPath::ours);
}

}  // namespace

void apply_role_settings(const std::string& role, SearchPath path) {
    const char* const name = role.c_str();
    pg::protect([&] {
        const Oid oid = get_role_oid(name, true);
        if (!OidIsValid(oid)) {
            return;  // to take the role fails, and says so
        }
        List* found = NIL;
        Relation const settings = table_open(DbRoleSettingRelationId, AccessShareLock);
        read_row(settings, InvalidOid, oid, &found);
        read_row(settings, MyDatabaseId, oid, &found);  // later, so that they hold
        table_close(settings, AccessShareLock);
        ListCell* cell = nullptr;
        foreach (cell, found) {
            auto* const text = static_cast<char*>(lfirst(cell));
            char* const equals = std::strchr(text, '=');
            if (equals == nullptr) {
                continue;
            }
            *equals = '\0';
            if (!is_left_out(text, path)) {
                // below ERROR: what may not be set is passed over
                set_config_option(text, equals + 1, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, DEBUG1, false);
            }
        }
        list_free(found);
    });
}

}  // namespace analytics::workers
