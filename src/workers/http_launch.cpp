#include "workers/http_launch.hpp"

#include <csignal>
#include <cstdio>

#include "workers/gateway.hpp"
#include "workers/http_settings.hpp"
#include "workers/processes.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "utils/fmgroids.h"
}

// Nothing in this file owns a destructor: errors may pass as PostgreSQL raises them.

namespace analytics::workers {

Oid find_authenticator() {
    // Not from the cache: whoever commits CREATE ROLE wakes the launcher before it tells caches of the role. And not by
    // an index, which a process without a database cannot open again once it was invalidated.
    NameData name;
    namestrcpy(&name, http_authenticator());
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_authid_rolname, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&name));
    Relation const roles = table_open(AuthIdRelationId, AccessShareLock);
    SysScanDesc const scan = systable_beginscan(roles, InvalidOid, false, nullptr, 1, &key);
    HeapTuple const row = systable_getnext(scan);
    Oid role = InvalidOid;
    if (HeapTupleIsValid(row)) {
        const auto form = reinterpret_cast<Form_pg_authid>(GETSTRUCT(row));
        role = form->rolcanlogin ? form->oid : InvalidOid;
    }
    systable_endscan(scan);
    table_close(roles, AccessShareLock);
    return role;
}

BackgroundWorkerHandle* register_gateway(const HttpTarget& target, int restart) {
    BackgroundWorker worker{};
    strlcpy(worker.bgw_name, kGatewayType, sizeof worker.bgw_name);
    strlcpy(worker.bgw_type, kGatewayType, sizeof worker.bgw_type);
    strlcpy(worker.bgw_library_name, "analytics", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "analytics_gateway_main", sizeof worker.bgw_function_name);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_ConsistentState;
    worker.bgw_restart_time = restart;
    worker.bgw_main_arg = ObjectIdGetDatum(target.database);
    memcpy(worker.bgw_extra, &target.role, sizeof target.role);
    worker.bgw_notify_pid = MyProcPid;
    BackgroundWorkerHandle* handle = nullptr;
    return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : nullptr;
}

bool stop_gateway(Oid database) {
    const TimestampTz start = GetCurrentTimestamp();
    const pid_t gateway = gateway_of(database);
    if (gateway == 0) {
        return true;
    }
    kill(gateway, SIGTERM);
    while (gateway_of(database) == gateway) {
        if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(), kStopSeconds * 1000)) {
            return false;
        }
        nap(10);
    }
    return true;
}

}  // namespace analytics::workers
