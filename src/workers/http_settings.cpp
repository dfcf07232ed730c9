#include <arpa/inet.h>

#include <array>
#include <string_view>

#include "core/auth/jwt.hpp"
#include "core/error.hpp"
#include "core/http/cors.hpp"
#include "pg/errors.hpp"
#include "workers/http_settings.hpp"

namespace analytics::workers {
namespace {

enum IngestAuth { key, open };

constexpr std::array<config_enum_entry, 3> kIngestAuth = {
    {{"key", key, false}, {"open", open, false}, {nullptr, 0, false}}};

struct {
    char* database = nullptr;
    int port = 0;
    char* address = nullptr;
    int executors = 0;
    int max_connections = 0;
    char* schemas = nullptr;
    char* pre_request = nullptr;
    char* anon_role = nullptr;
    char* authenticator = nullptr;
    char* jwt_secret = nullptr;
    char* jwt_aud = nullptr;
    char* jwt_role_claim = nullptr;
    int max_body = 0;
    int statement_timeout = 0;
    int max_rows = 0;
    char* cors_origins = nullptr;
    bool dashboard = true;
    int ingest_auth = key;
    bool aggregates = false;
    bool tx_override = false;
    bool plan = false;
} settings;

bool check_address(char** value, void** /*extra*/, GucSource /*source*/) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    if (inet_pton(AF_INET, *value, bytes.data()) == 1 || inet_pton(AF_INET6, *value, bytes.data()) == 1) {
        return true;
    }
    GUC_check_errdetail("It is no address in numbers.");
    GUC_check_errhint(
        "Use 127.0.0.1 for this machine alone, 0.0.0.0 or :: for all interfaces, or one of its addresses.");
    return false;
}

bool check_names(char** value, void** /*extra*/, GucSource /*source*/) {
    char* const copy = pstrdup(*value);
    List* names = NIL;
    const bool valid = SplitIdentifierString(copy, ',', &names);
    list_free(names);
    pfree(copy);
    if (!valid) {
        GUC_check_errdetail("List syntax is invalid.");
        GUC_check_errhint("Separate names with commas.");
    }
    return valid;
}

// "schema.function", or nothing. Without a schema the role's search_path would choose the function.
bool check_function(char** value, void** /*extra*/, GucSource /*source*/) {
    char* const copy = pstrdup(*value);
    List* names = NIL;
    const bool valid = SplitIdentifierString(copy, '.', &names) && (list_length(names) == 0 || list_length(names) == 2);
    list_free(names);
    pfree(copy);
    if (!valid) {
        GUC_check_errdetail("It is no function's name with its schema.");
        GUC_check_errhint("Write schema.function, without arguments.");
    }
    return valid;
}

bool check_origins(char** value, void** /*extra*/, GucSource /*source*/) {
    bool valid = false;
    try {
        valid = http::is_list_of_origins(*value);
    } catch (...) {  // out of memory
    }
    if (!valid) {
        GUC_check_errdetail("An element is no origin.");
        GUC_check_errhint(
            "Separate origins such as https://shop.example with commas, without paths; * stands for all.");
    }
    return valid;
}

// With a message of our own: PostgreSQL's would show the secret. A file is read when the gateway reads its settings.
bool check_secret(char** value, void** /*extra*/, GucSource /*source*/) {
    const std::string_view secret = *value;
    if (secret.empty() || (secret.starts_with('@') && secret.size() > 1)) {
        return true;
    }
    try {
        auth::read_keys(*value);
        return true;
    } catch (const Error& error) {
        GUC_check_errdetail("%s.", error.what());
        GUC_check_errhint("%s", error.hint().c_str());
    } catch (...) {  // out of memory
    }
    GUC_check_errmsg("invalid value for parameter \"analytics.http_jwt_secret\"");
    return false;
}

bool check_role_claim(char** value, void** /*extra*/, GucSource /*source*/) {
    try {
        auth::RolePath::parse(*value);
        return true;
    } catch (const Error& error) {
        GUC_check_errdetail("%s", error.detail().c_str());
        GUC_check_errhint("%s", error.hint().c_str());
    } catch (...) {  // out of memory
    }
    return false;
}

bool is_loopback(std::string_view address) { return address == "::1" || address.starts_with("127."); }

void define_string(const char* name, const char* help, const char* more, char** variable, const char* value,
                   GucStringCheckHook check = nullptr, int flags = 0) {
    DefineCustomStringVariable(name, help, more, variable, value, PGC_SIGHUP, flags, check, nullptr, nullptr);
}

void define_int(const char* name, const char* help, const char* more, int* variable, int value, int least, int most,
                int flags = 0) {
    DefineCustomIntVariable(name, help, more, variable, value, least, most, PGC_SIGHUP, flags, nullptr, nullptr,
                            nullptr);
}

void define_who() {
    define_string("analytics.http_database", "Database that HTTP serves.",
                  "Empty: the first of analytics.databases, else the only one that has the extension.",
                  &settings.database, "");
    define_string(
        "analytics.http_authenticator", "Role that HTTP's executors log in as.",
        "A role with LOGIN and NOINHERIT that was granted the roles of requests. Without it HTTP is not served.",
        &settings.authenticator, "analytics_authenticator");
    define_string("analytics.http_anon_role", "Role of requests that bring no token.",
                  "It must have been granted to analytics.http_authenticator. Empty: such requests are answered 401.",
                  &settings.anon_role, "");
    DefineCustomEnumVariable("analytics.http_ingest_auth", "Whether POST /api/ingest wants a key.",
                             "key: always. open: no, and events may name any store; only while "
                             "analytics.http_address is this machine's alone.",
                             &settings.ingest_auth, key, kIngestAuth.data(), PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    define_string("analytics.http_cors_origins", "Origins whose pages may use the HTTP server from a browser.",
                  "Origins such as https://shop.example, separated by commas; * stands for all. Empty: none.",
                  &settings.cors_origins, "", check_origins);
}

void define_tokens() {
    define_string("analytics.http_jwt_secret", "What the tokens of requests are signed with.",
                  "A secret of 32 bytes at least, a JWK, a JWKS, or @ and the name of a file that holds one, which is "
                  "read at each reload. Empty: requests with a token are answered 500.",
                  &settings.jwt_secret, "", check_secret, GUC_SUPERUSER_ONLY);
    define_string("analytics.http_jwt_aud", "Audience that tokens are for.",
                  "Tokens that name others are refused. Empty: it is not looked at.", &settings.jwt_aud, "");
    define_string("analytics.http_jwt_role_claim", "Where a token names its role.",
                  "A path such as .role, .app.roles[0] or .roles[?(@ ^== \"shop_\")].", &settings.jwt_role_claim,
                  ".role", check_role_claim);
}

void define_where_and_how_much() {
    define_int("analytics.http_port", "TCP port of the HTTP server.", "0: there is none.", &settings.port, 8000, 0,
               65535);
    define_string("analytics.http_address", "Address that the HTTP server listens on.",
                  "In numbers. Beyond this machine put a proxy with TLS in front of it.", &settings.address,
                  "127.0.0.1", check_address);
    DefineCustomBoolVariable("analytics.http_dashboard", "Whether the HTTP server shows the dashboard.",
                             "Its pages are for everybody who reaches the server and hold no figures: these are "
                             "read through the API, with the rights of whoever signs in.",
                             &settings.dashboard, true, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    define_int("analytics.http_executors", "Processes that run the SQL of requests.",
               "Each takes a background worker slot (max_worker_processes) and a connection's memory.",
               &settings.executors, 4, 1, 64);
    define_int("analytics.http_max_connections", "Connections that the HTTP server serves at the same time.",
               "More are answered 503.", &settings.max_connections, 1000, 1, 30000);
    define_int("analytics.http_max_body", "Largest body of a request.",
               "Before and after it is unpacked; larger ones are answered 413. Without a unit: kilobytes.",
               &settings.max_body, 16 * 1024, 1, 512 * 1024, GUC_UNIT_KB);
    define_int("analytics.http_statement_timeout", "How long a request may take in the database.",
               "Then it is answered 504, an ingest that waits for a lock 503. Without a unit: milliseconds.",
               &settings.statement_timeout, 30000, 1, 3600000, GUC_UNIT_MS);
}

// Those of PostgREST's dialect. They are settled, what reads them is not there yet.
void define_dialect() {
    define_string("analytics.http_schemas", "Schemas whose relations and functions are routes below /api.",
                  "Names separated by commas; the first is the default one.", &settings.schemas, "analytics_api",
                  check_names, GUC_LIST_INPUT);
    define_string("analytics.http_pre_request", "Function that runs before each request's own SQL, as its role.",
                  "A schema and a name; it takes no arguments, may raise an error that refuses the request, set "
                  "response.headers, or take another role. Empty: none.",
                  &settings.pre_request, "", check_function);
    define_int("analytics.http_max_rows", "Most rows of an answer, and of each list inside of it.", "0: no limit.",
               &settings.max_rows, 0, 0, INT_MAX);
    DefineCustomBoolVariable("analytics.http_aggregates", "Whether queries may aggregate.",
                             "select=amount.sum(). What is aggregated is read as a whole: mind what that costs.",
                             &settings.aggregates, false, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("analytics.http_tx_override", "Whether a request may ask for its own rollback.",
                             "Prefer: tx=rollback.", &settings.tx_override, false, PGC_SIGHUP, 0, nullptr, nullptr,
                             nullptr);
    DefineCustomBoolVariable("analytics.http_plan", "Whether a request may ask for its execution plan.",
                             "Accept: application/vnd.pgrst.plan. It tells what is inside the database.",
                             &settings.plan, false, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
}

}  // namespace

void define_http_settings() {
    define_who();
    define_tokens();
    define_where_and_how_much();
    define_dialect();
}

const char* http_database() { return settings.database; }
const char* http_authenticator() { return settings.authenticator; }
const char* http_anon_role() { return settings.anon_role; }
int http_port() { return settings.port; }
std::size_t http_max_body() { return static_cast<std::size_t>(settings.max_body) * 1024; }
int http_statement_timeout() { return settings.statement_timeout; }
bool has_pre_request() { return *settings.pre_request != '\0'; }

std::string pre_request_call() {
    return pg::protect([] {
        List* names = NIL;
        SplitIdentifierString(pstrdup(settings.pre_request), '.', &names);
        return psprintf("SELECT %s()", quote_qualified_identifier(static_cast<const char*>(linitial(names)),
                                                                  static_cast<const char*>(lsecond(names))));
    });
}

DialectSettings dialect_settings() {
    List* names = NIL;
    pg::protect([&] { SplitIdentifierString(pstrdup(settings.schemas), ',', &names); });
    std::vector<std::string> schemas;
    for (int i = 0; i < list_length(names); ++i) {
        schemas.emplace_back(static_cast<const char*>(list_nth(names, i)));
    }
    if (schemas.empty()) {
        schemas.emplace_back("analytics_api");
    }
    return {schemas, static_cast<std::uint64_t>(settings.max_rows), settings.aggregates, settings.tx_override,
            settings.plan};
}

HttpSettings http_settings() {
    return {settings.address,
            static_cast<std::uint16_t>(settings.port),
            settings.executors,
            static_cast<std::size_t>(settings.max_connections),
            http_max_body(),
            settings.statement_timeout,
            settings.anon_role,
            settings.jwt_secret,
            settings.jwt_aud,
            settings.jwt_role_claim,
            settings.cors_origins,
            settings.dashboard,
            settings.ingest_auth == open && is_loopback(settings.address)};
}

}  // namespace analytics::workers
