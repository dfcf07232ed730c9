#include "workers/utility_hook.hpp"

#include "workers/board.hpp"
#include "workers/headers.hpp"
#include "workers/processes.hpp"

// Nothing in this file owns a destructor: errors may pass as PostgreSQL raises them.

namespace analytics::workers {
namespace {

ProcessUtility_hook_type next_hook = nullptr;

// What this transaction does that others are told at its commit.
struct {
    bool extension_made;
    bool extension_dropped;
    bool databases_changed;
} news;

const DefElem* find_option(List* options, const char* name) {
    ListCell* cell = nullptr;
    foreach (cell, options) {
        const auto* const option = static_cast<const DefElem*>(lfirst(cell));
        if (strcmp(option->defname, name) == 0) {
            return option;
        }
    }
    return nullptr;
}

// Locks the database of this name and returns its oid. Invalid: there is none, or it is somebody else's.
Oid lock_own_database(const char* name, LOCKMODE mode) {
    for (;;) {
        const Oid database = get_database_oid(name, true);
        if (!OidIsValid(database) || !owns_database(database)) {
            return InvalidOid;
        }
        LockSharedObject(DatabaseRelationId, database, 0, mode);
        if (get_database_oid(name, true) == database) {
            return database;
        }
        UnlockSharedObject(DatabaseRelationId, database, 0, mode);  // renamed or dropped while we waited
    }
}

void free_of_workers(const char* database_name, LOCKMODE mode) {
    if (RecoveryInProgress()) {
        return;  // no workers, no such locks
    }
    if (const Oid database = lock_own_database(database_name, mode); OidIsValid(database)) {
        stop_workers(database);  // if one does not leave, the statement itself says that the database is in use
    }
}

void before_statement(Node* statement) {
    switch (nodeTag(statement)) {
        case T_DropdbStmt:
            free_of_workers(reinterpret_cast<DropdbStmt*>(statement)->dbname, AccessExclusiveLock);
            break;
        case T_CreatedbStmt: {
            const DefElem* const option = find_option(reinterpret_cast<CreatedbStmt*>(statement)->options, "template");
            const bool named = option != nullptr && option->arg != nullptr;
            free_of_workers(named ? defGetString(const_cast<DefElem*>(option)) : "template1", ShareLock);
            break;
        }
        case T_RenameStmt:
            if (const auto* const rename = reinterpret_cast<RenameStmt*>(statement);
                rename->renameType == OBJECT_DATABASE) {
                free_of_workers(rename->subname, AccessExclusiveLock);
            }
            break;
        case T_AlterDatabaseStmt:
            if (const auto* const alter = reinterpret_cast<AlterDatabaseStmt*>(statement);
                find_option(alter->options, "tablespace") != nullptr) {
                free_of_workers(alter->dbname, AccessExclusiveLock);
            }
            break;
        default:
            break;
    }
}

// What a statement changes that others are told of.
enum class Subject { nothing, new_extension, dropped_extension, databases };

Subject subject_of(Node* statement) {
    switch (nodeTag(statement)) {
        case T_CreateExtensionStmt:
            return Subject::new_extension;
        case T_DropStmt:
            return reinterpret_cast<DropStmt*>(statement)->removeType == OBJECT_EXTENSION ? Subject::dropped_extension
                                                                                          : Subject::nothing;
        case T_RenameStmt:
            return reinterpret_cast<RenameStmt*>(statement)->renameType == OBJECT_DATABASE ? Subject::databases
                                                                                           : Subject::nothing;
        case T_CreatedbStmt:
        case T_DropdbStmt:
        case T_AlterDatabaseStmt:
        case T_CreateRoleStmt:  // maybe the one that HTTP's executors log in as
        case T_AlterRoleStmt:
            return Subject::databases;
        default:
            return Subject::nothing;
    }
}

void note(Subject subject) {
    switch (subject) {
        case Subject::nothing:
            break;
        case Subject::new_extension:  // it may have brought ours along
            news.extension_made = news.extension_made || OidIsValid(get_extension_oid("analytics", true));
            break;
        case Subject::dropped_extension:
            news.extension_dropped = true;
            break;
        case Subject::databases:
            news.databases_changed = true;
            break;
    }
}

void process_utility(PlannedStmt* planned, const char* query, bool read_only_tree, ProcessUtilityContext context,
                     ParamListInfo parameters, QueryEnvironment* environment, DestReceiver* receiver,
                     QueryCompletion* completion) {
    const Subject subject = subject_of(planned->utilityStmt);  // now: a statement that commits may free itself
    before_statement(planned->utilityStmt);
    (next_hook != nullptr ? next_hook : standard_ProcessUtility)(planned, query, read_only_tree, context, parameters,
                                                                 environment, receiver, completion);
    note(subject);
}

void tell_news(XactEvent event, void* /*unused*/) {
    if (event == XACT_EVENT_COMMIT) {
        if (news.extension_made) {
            board::request_look(MyDatabaseId);
        } else if (news.databases_changed) {
            board::wake_launcher();
        }
        if (news.extension_dropped) {
            wake_workers(MyDatabaseId);
        }
    }
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE) {
        news = {};
    }
}

}  // namespace

void install_utility_hook() {
    next_hook = ProcessUtility_hook;
    ProcessUtility_hook = process_utility;
    RegisterXactCallback(tell_news, nullptr);
}

}  // namespace analytics::workers
