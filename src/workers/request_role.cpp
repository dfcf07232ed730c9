#include "workers/request_role.hpp"

#include <string>
#include <string_view>

#include "core/http/errors.hpp"
#include "pg/errors.hpp"
#include "workers/refresh_worker.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "commands/async.h"
#include "commands/prepare.h"
#include "commands/sequence.h"
#include "utils/portal.h"
}

namespace analytics::workers {
namespace {

// {"name":"value",...}, names in lower case; the last of a name counts, as in PostgREST.
std::string headers_json(const http::Fields& fields) {
    std::string json = "{";
    for (auto field = fields.all().begin(); field != fields.all().end(); ++field) {
        bool last = true;
        for (auto later = field + 1; later != fields.all().end(); ++later) {
            last = last && !http::equal_ignoring_case(later->first, field->first);
        }
        if (last) {
            json += json.size() > 1 ? "," : "";
            http::append_json(json, http::lower_case(field->first));
            json += ':';
            http::append_json(json, field->second);
        }
    }
    return json + '}';
}

void set_for_transaction(const char* name, const char* value) {
    set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

}  // namespace

Disguise Disguise::owner() {
    Disguise disguise;
    pg::protect([&] {
        const Installation installation = find_installation();
        if (!installation.found()) {
            ereport(ERROR, (errcode(ERRCODE_CANNOT_CONNECT_NOW), errmsg("the database has no extension analytics"),
                            errhint("CREATE EXTENSION analytics there, or set analytics.http_database.")));
        }
        GetUserIdAndSecContext(&disguise.user_, &disguise.security_);
        SetUserIdAndSecContext(installation.owner,
                               disguise.security_ | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
        disguise.settings_ = NewGUCNestLevel();
    });
    return disguise;
}

Disguise Disguise::requester(const http::Query& query) {
    Disguise disguise;
    disguise.requester_ = true;
    const std::string headers = headers_json(query.request.fields);
    const std::string path = http::as_utf8(query.request.path);
    const char* const values[] = {query.role.c_str(), query.claims.c_str(), query.request.method.c_str(), path.c_str(),
                                  headers.c_str()};
    pg::protect([&] {
        GetUserIdAndSecContext(&disguise.user_, &disguise.security_);
        disguise.settings_ = NewGUCNestLevel();
        set_for_transaction("role", values[0]);
        set_for_transaction("request.jwt.claims", values[1]);
        set_for_transaction("request.method", values[2]);
        set_for_transaction("request.path", values[3]);
        set_for_transaction("request.headers", values[4]);
        SetUserIdAndSecContext(GetUserId(), disguise.security_ | SECURITY_LOCAL_USERID_CHANGE);
    });
    return disguise;
}

void Disguise::take_off() {
    pg::protect([&] {
        if (requester_) {
            // what a commit would run, while nothing can undo the role; as CommitTransaction() does
            do {
                AfterTriggerFireDeferred();
            } while (PreCommit_Portals(false));
            SetUserIdAndSecContext(GetUserId(), security_);
        }
        AtEOXact_GUC(false, settings_);
        SetUserIdAndSecContext(user_, security_);
    });
}

void clean_session() {
    pg::protect([] {
        HOLD_CANCEL_INTERRUPTS();  // a cancel may still be on its way: it was meant for the request
        StartTransactionCommand();
        PortalHashTableDeleteAll();
        DropAllPreparedStatements();
        Async_UnlistenAll();
        LockReleaseAll(USER_LOCKMETHOD, true);
        ResetTempTableNamespace();
        ResetSequenceCaches();
        CommitTransactionCommand();
        RESUME_CANCEL_INTERRUPTS();
    });
}

}  // namespace analytics::workers
