// The settings of the HTTP server. All follow a reload of the configuration.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "workers/headers.hpp"

namespace analytics::workers {

void define_http_settings();

// As C strings, which a reload may free.
const char* http_database();
const char* http_authenticator();
const char* http_anon_role();
int http_port();  // 0: off

// What the gateway and the executors go by: a copy of the rest.
struct HttpSettings {
    std::string address;
    std::uint16_t port = 0;
    int executors = 0;
    std::size_t connections = 0;
    std::size_t max_body = 0;
    std::int64_t statement_timeout_ms = 0;
    std::string anon_role;
    std::string jwt_secret;
    std::string jwt_aud;
    std::string jwt_role_claim;
    std::string cors_origins;
    bool dashboard = false;    // whether its pages are served
    bool open_ingest = false;  // asked for, and the address is this machine's alone
};
HttpSettings http_settings();

// What executors go by in PostgREST's dialect.
struct DialectSettings {
    std::vector<std::string> schemas;  // the default one first
    std::uint64_t max_rows = 0;        // 0: no limit
    bool aggregates = false;
    bool tx_override = false;
    bool plan = false;
};
DialectSettings dialect_settings();

std::size_t http_max_body();
int http_statement_timeout();  // milliseconds

// analytics.http_pre_request: whether there is one, and the statement that calls it.
bool has_pre_request();
std::string pre_request_call();

}  // namespace analytics::workers
