// Whose rights an executor uses.
//
// A request's SQL runs as the request's role: SET LOCAL ROLE, then a security context in which no function can undo
// that (RESET ROLE, SET ROLE, SET SESSION AUTHORIZATION and set_config('role') fail with 42501). The way back is by
// hand, and only after everything that the request left for the commit (deferred triggers, cursors WITH HOLD) has run.
//
// The extension's own work (keys, ingestion, live, health) runs as the extension's owner in a security-restricted
// operation, as the refresh worker's steps do.
//
// In a transaction. Not to be called inside pg::protect(): it does that itself.
#pragma once

#include "core/http/wire.hpp"
#include "workers/headers.hpp"

#include <string>

namespace analytics::workers {

class Disguise {
public:
    // The extension's owner. Raises 55000 where the database has no extension.
    static Disguise owner();
    // The request's role, with its settings, and request.* set for its functions. `search_path`: of the request, unless
    // the role has one; empty: ours stays, whatever the role has.
    static Disguise requester(const http::Query& query, const std::string& search_path = {});

    // Runs analytics.http_pre_request, if there is one, as the requester: it alone may take another role, which is the
    // requester's from then on.
    void run_pre_request() const;

    // Runs what is deferred to the commit, as the requester: what is rolled back all the same.
    static void fire_deferred();

    // Before the commit, which it also leaves without temporary tables and listening. After an error the rollback does
    // both.
    void take_off();

private:
    Oid user_ = InvalidOid;
    int security_ = 0;
    int settings_ = 0;
    bool requester_ = false;
};

// What outlives a transaction in a session, committed or not: prepared statements, cursors, advisory locks.
// Outside of a transaction, after each that ran as a requester, whatever became of it; none of this needs one.
void clean_session();

}  // namespace analytics::workers
