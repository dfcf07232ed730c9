#include "workers/owner.hpp"

// Nothing in this file owns a destructor: errors may pass as PostgreSQL raises them.

namespace analytics::workers {
namespace {

// Each could be set for the database or for all, and would break a step or let it fail.
constexpr struct {
    const char* name;
    const char* value;
} kOwnSettings[] = {
    {"search_path", "pg_catalog, pg_temp"},
    {"default_transaction_isolation", "read committed"},  // each statement must see what was committed before it
    {"default_transaction_read_only", "off"},
    {"default_transaction_deferrable", "off"},
    {"session_replication_role", "origin"},
    {"lock_timeout", "0"},
    {"statement_timeout", "0"},
#if PG_VERSION_NUM >= 170000
    {"transaction_timeout", "0"},
#endif
};

}  // namespace

void set_own_settings(const char* application_name) {
    SetConfigOption("application_name", application_name, PGC_SUSET, PGC_S_SESSION);
    for (const auto& setting : kOwnSettings) {
        SetConfigOption(setting.name, setting.value, PGC_SUSET, PGC_S_SESSION);
    }
}

Installation find_installation() {
    const Oid extension = get_extension_oid("analytics", true);
    if (!OidIsValid(extension)) {
        return {};
    }
    LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
    Relation const extensions = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
    SysScanDesc const scan = systable_beginscan(extensions, ExtensionOidIndexId, true, nullptr, 1, &key);
    Installation installation;
    if (HeapTuple const row = systable_getnext(scan); HeapTupleIsValid(row)) {
        installation.owner = reinterpret_cast<Form_pg_extension>(GETSTRUCT(row))->extowner;
        installation.committed = !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row->t_data));
    }
    systable_endscan(scan);
    table_close(extensions, AccessShareLock);
    return installation;
}

}  // namespace analytics::workers
