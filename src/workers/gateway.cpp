#include "workers/gateway.hpp"

#include <algorithm>
#include <chrono>

#include "pg/compat.hpp"
#include "pg/guard.hpp"
#include "workers/http_launch.hpp"
#include "workers/http_settings.hpp"
#include "workers/service.hpp"

namespace analytics::workers {
namespace {

constexpr net::Time kExistencePause = 10 * net::kSecond;

struct {
    HttpTarget target;
    bool seated = false;
    WaitEventSet* events = nullptr;
} self;

net::Time now() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

// Leaves if another one has it. A standby has no seats: there it is taken after
// the promotion.
void take_seat() {
    if (self.seated || RecoveryInProgress()) {
        return;
    }
    StartTransactionCommand();
    self.seated = take_gateway_seat(self.target.database);
    CommitTransactionCommand();
    MemoryContextSwitchTo(TopMemoryContext);
    if (!self.seated) {
        proc_exit(0);
    }
}

// Errors pass as PostgreSQL raises them: no object lives here.
void become_the_gateway(Oid database) {
    self.target.database = database;
    memcpy(&self.target.role, MyBgworkerEntry->bgw_extra, sizeof self.target.role);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    SetConfigOption("application_name", kGatewayType, PGC_USERSET, PGC_S_SESSION);
    take_seat();
    MemoryContextSwitchTo(TopMemoryContext);
    pgstat_report_activity(STATE_RUNNING, "serving HTTP");
}

void watch(int descriptor) {
    self.events = pg::compat::make_wait_event_set(3);
    AddWaitEventToSet(self.events, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
    AddWaitEventToSet(self.events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
    AddWaitEventToSet(self.events, WL_SOCKET_READABLE, descriptor, nullptr, nullptr);
}

void wait_until(net::Time deadline) {
    const net::Time left = deadline - now();
    const long milliseconds = deadline == net::kNever ? -1 : std::max<long>(0, (left + 999) / 1000);
    pg::protect([milliseconds] {
        WaitEvent happened;
        WaitEventSetWait(self.events, milliseconds, &happened, 1, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    });
}

bool database_exists() {
    return pg::protect([] {
        StartTransactionCommand();
        const bool exists = get_database_name(self.target.database) != nullptr;
        CommitTransactionCommand();
        MemoryContextSwitchTo(TopMemoryContext);
        return exists;
    });
}

// Returns when it was told to stop and has.
Datum serve(FunctionCallInfo /*none*/) {
    Service service(self.target.database, self.target.role);
    pg::protect([&] { watch(service.descriptor()); });
    service.configure(http_settings(), now());
    bool draining = false;
    net::Time look = 0;
    for (;;) {
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            pg::protect([] { ProcessConfigFile(PGC_SIGHUP); });
            service.configure(http_settings(), now());
        }
        if (ShutdownRequestPending && !draining) {
            draining = true;
            service.begin_draining(now());
        }
        if (!self.seated) {
            pg::protect([] { take_seat(); });
        }
        service.work(now());
        if (draining && service.drained(now())) {
            return 0;
        }
        if (service.failing() && look <= now()) {
            look = now() + kExistencePause;
            if (!database_exists()) {
                return 0;
            }
        }
        wait_until(service.deadline());
    }
}

}  // namespace
}  // namespace analytics::workers

extern "C" {

ANALYTICS_EXPORT void analytics_gateway_main(Datum database);

void analytics_gateway_main(Datum database) {
    analytics::workers::become_the_gateway(DatumGetObjectId(database));
    analytics::pg::guarded(analytics::workers::serve, nullptr);
    proc_exit(0);
}
}
