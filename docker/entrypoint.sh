#!/bin/bash
# Starts the server, on its first start after making the cluster, the database with the extension, and the roles of HTTP.
#
#   POSTGRES_PASSWORD, or POSTGRES_PASSWORD_FILE   the superuser postgres's over TCP; wanted on the first start
#   POSTGRES_DB                                    the database (analytics)
#   ANALYTICS_AUTHENTICATOR_PASSWORD, or _FILE     lets analytics_authenticator in over TCP, for PostgREST
#   ANALYTICS_ANON_ROLE                            a role that reads the reports, for requests that bring no token (none)
#
# Arguments go to postgres. The cluster is made beside its place and moved there when it is whole: a first start that was cut
# off begins again.
set -euo pipefail

die() { # message, hint
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

secret() { # NAME: prints the variable, or what the file named by NAME_FILE holds
    local file=${1}_FILE
    if [ -n "${!1:-}" ]; then
        printf '%s' "${!1}"
    elif [ -n "${!file:-}" ]; then
        [ -r "${!file}" ] || die "$file names ${!file}, which user $(id -un) cannot read" "Mount it there, readable for uid $(id -u)."
        printf '%s' "$(<"${!file}")"
    fi
}

create() {
    local new=$PGDATA.new database=${POSTGRES_DB:-analytics} anon=${ANALYTICS_ANON_ROLE:-} password authenticator
    password=$(secret POSTGRES_PASSWORD)
    authenticator=$(secret ANALYTICS_AUTHENTICATOR_PASSWORD)
    [ -n "$password" ] || die "there is no cluster yet, and no password for it" "Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE."
    rm -rf "$new"
    initdb --pgdata="$new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=scram-sha-256 \
        --pwfile=<(printf '%s\n' "$password") >/dev/null
    printf "include = '/etc/analytics/postgresql.conf'\n" >>"$new/postgresql.conf"
    printf "analytics.http_database = '%s'\n" "${database//\'/\'\'}" >>"$new/postgresql.conf"
    [ -z "$anon" ] || printf "analytics.http_anon_role = '%s'\n" "${anon//\'/\'\'}" >>"$new/postgresql.conf"
    printf 'host all all all scram-sha-256\n' >>"$new/pg_hba.conf"

    pg_ctl --pgdata="$new" --silent --wait --timeout=120 --options="-c listen_addresses='' -c analytics.http_port=0" start
    local psql=(psql -X -q -v ON_ERROR_STOP=1 -v "database=$database" -v "anon=$anon" -v "password=$authenticator" -o /dev/null)
    [ "$database" = postgres ] || "${psql[@]}" -d postgres <<<'CREATE DATABASE :"database"'
    # As PostgREST does it: who logs in may nothing, and becomes the role of the request.
    "${psql[@]}" -d "$database" <<'SQL'
SET client_min_messages = warning;
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE EXTENSION analytics CASCADE;
CREATE ROLE analytics_authenticator LOGIN NOINHERIT;
SELECT :'password' <> '' AS has_password, :'anon' <> '' AS has_anon \gset
\if :has_password
    ALTER ROLE analytics_authenticator PASSWORD :'password';
\endif
\if :has_anon
    CREATE ROLE :"anon" NOLOGIN;
    SELECT analytics.grant_access(:'anon', 'reader');
    GRANT :"anon" TO analytics_authenticator;
\endif
SQL
    pg_ctl --pgdata="$new" --silent --wait --mode=fast stop
    mv "$new" "$PGDATA"
}

[ "$(id -u)" != 0 ] || die "postgres does not run as root" "Leave the container's user as it is, or name another one than root."
[ -w "${PGDATA%/*}" ] || die "user $(id -un) cannot write to ${PGDATA%/*}" "Give the volume to uid $(id -u)."
[ -e "$PGDATA" ] || create
unset POSTGRES_PASSWORD ANALYTICS_AUTHENTICATOR_PASSWORD # not for the server's environment
exec postgres -D "$PGDATA" "$@"
