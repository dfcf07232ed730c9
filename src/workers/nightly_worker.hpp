// The nightly worker: what schedule() has pg_cron run at night (retention, segments, models), in a database that has a
// refresh worker, which starts it at the time of analytics.models_at. A process of its own, since models may take
// minutes and events are to be merged meanwhile.
//
// Its steps are SQL, told by analytics.nightly_steps() and each a transaction of its own, with the rights and settings
// of owner.hpp. A step that fails is logged, and the next one is run. It leaves when all are done, and is not started
// again before the next night: a fit that crashes the server is not tried a second time.
#pragma once

#include "workers/headers.hpp"

namespace analytics::workers {

// For the refresh worker, at each of its turns: starts the nightly worker of its database if its time has come since
// the turn before. No worker slot is free: said once, and tried again at the next turn.
void start_nightly_worker_when_due();

}  // namespace analytics::workers
