// What workers do inside a database they do as the extension's owner.
//
// A worker connects as the bootstrap superuser: the owner need not be able to log in, and who that is, is known only
// inside the database. But no statement runs as that superuser: functions and tables of the extension belong to its
// owner, who may replace them or hang triggers on them, so each step runs as the owner, in a security-restricted
// operation (as VACUUM runs index expressions): no SET ROLE back, no deferred trigger or cursor that would outlive the
// step. Settings that a step makes end with it.
//
// Errors pass as PostgreSQL raises them.
#pragma once

#include "workers/headers.hpp"

namespace analytics::workers {

// An extension of the name analytics in this database, locked against being dropped until the transaction ends.
struct Installation {
    Oid owner = InvalidOid;
    bool committed = false;  // by another transaction than this one

    bool found() const { return OidIsValid(owner); }
};
Installation find_installation();

// Settings of the database or of the superuser (ALTER DATABASE ... SET) may not break a worker: those that could are
// set by itself.
void set_own_settings(const char* application_name);

// Runs work() as this role, in the transaction that is open, and commits it as this role too, whatever is left to run.
// An error leaves the rest to AbortCurrentTransaction(), which also gives the user back. work() may own no destructors.
template <typename Work>
void commit_as(Oid role, Work&& work) {
    PushActiveSnapshot(GetTransactionSnapshot());
    Oid user = InvalidOid;
    int security = 0;
    GetUserIdAndSecContext(&user, &security);
    SetUserIdAndSecContext(role, security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    const int settings = NewGUCNestLevel();
    work();
    AtEOXact_GUC(false, settings);
    PopActiveSnapshot();
    CommitTransactionCommand();
    SetUserIdAndSecContext(user, security);
}

}  // namespace analytics::workers
