#include "workers/request_role.hpp"

#include <string>
#include <string_view>

#include "core/http/errors.hpp"
#include "core/http/router.hpp"
#include "pg/errors.hpp"
#include "pg/shaped_statement.hpp"
#include "pg/spi.hpp"
#include "workers/http_settings.hpp"
#include "workers/owner.hpp"
#include "workers/role_settings.hpp"

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
        if (last && !http::equal_ignoring_case(field->first, "Cookie")) {
            json += json.size() > 1 ? "," : "";
            http::append_json(json, http::lower_case(field->first));
            json += ':';
            http::append_json(json, field->second);
        }
    }
    return json + '}';
}

// {"name":"value",...}
std::string cookies_json(const http::Fields& fields) {
    std::string json = "{";
    for (std::string_view rest = fields.find("Cookie").value_or(""); !rest.empty();) {
        const auto end = rest.find(';');
        const std::string_view cookie = http::trim(rest.substr(0, end));
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        if (const auto equals = cookie.find('='); equals != std::string_view::npos) {
            json += json.size() > 1 ? "," : "";
            http::append_json(json, cookie.substr(0, equals));
            json += ':';
            http::append_json(json, cookie.substr(equals + 1));
        }
    }
    return json + '}';
}

// In PostgREST's dialect as PostgREST has it, which knows nothing of /api.
std::string path_of(const http::Query& query) {
    const auto route = static_cast<http::Route>(query.route);
    const bool dialect =
        route == http::Route::relation || route == http::Route::function || route == http::Route::openapi;
    return http::as_utf8(dialect ? std::string_view(query.request.path).substr(std::string_view("/api").size())
                                 : query.request.path);
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

Disguise Disguise::requester(const http::Query& query, const std::string& search_path) {
    Disguise disguise;
    disguise.requester_ = true;
    const std::string headers = headers_json(query.request.fields);
    const std::string cookies = cookies_json(query.request.fields);
    const std::string path = path_of(query);
    const char* const values[] = {query.role.c_str(), query.claims.c_str(), query.request.method.c_str(),
                                  path.c_str(),       headers.c_str(),      cookies.c_str()};
    pg::protect([&] {
        GetUserIdAndSecContext(&disguise.user_, &disguise.security_);
        disguise.settings_ = NewGUCNestLevel();
        if (!search_path.empty()) {
            set_for_transaction("search_path", search_path.c_str());
        }
    });
    apply_role_settings(query.role, search_path.empty() ? SearchPath::ours : SearchPath::of_role);
    pg::protect([&] {
        set_for_transaction("role", values[0]);
        set_for_transaction("request.jwt.claims", values[1]);
        set_for_transaction("request.method", values[2]);
        set_for_transaction("request.path", values[3]);
        set_for_transaction("request.headers", values[4]);
        set_for_transaction("request.cookies", values[5]);
        SetUserIdAndSecContext(GetUserId(), disguise.security_ | SECURITY_LOCAL_USERID_CHANGE);
    });
    return disguise;
}

void Disguise::run_pre_request() const {
    if (!has_pre_request()) {
        return;
    }
    pg::protect([&] { SetUserIdAndSecContext(GetUserId(), security_); });
    {
        const pg::Connection connection;
        pg::run_shaped(pre_request_call(), {});
    }
    pg::protect([&] { SetUserIdAndSecContext(GetUserId(), security_ | SECURITY_LOCAL_USERID_CHANGE); });
}

void Disguise::fire_deferred() {
    pg::protect([] { AfterTriggerFireDeferred(); });
}

void Disguise::take_off() {
    pg::protect([&] {
        if (requester_) {
            // what a commit would run, while nothing can undo the role; as CommitTransaction() does
            do {
                AfterTriggerFireDeferred();
            } while (PreCommit_Portals(false));
            Async_UnlistenAll();        // at the commit; a rollback forgets a LISTEN by itself
            ResetTempTableNamespace();  // temporary tables, which a rollback removes too
            SetUserIdAndSecContext(GetUserId(), security_);
        }
        AtEOXact_GUC(false, settings_);
        SetUserIdAndSecContext(user_, security_);
    });
}

void clean_session() {
    pg::protect([] {
        HOLD_CANCEL_INTERRUPTS();  // a cancel may still be on its way: it was meant for the request
        PortalHashTableDeleteAll();
        DropAllPreparedStatements();
        LockReleaseAll(USER_LOCKMETHOD, true);
        ResetSequenceCaches();
        RESUME_CANCEL_INTERRUPTS();
    });
}

}  // namespace analytics::workers
