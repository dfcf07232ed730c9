#!/usr/bin/env bash
# A private PostgreSQL cluster: cluster.sh create|start|stop|destroy|psql|env|status NAME [psql arguments]
#
#   create   initdb, unless it exists       start    create if need be; restart if what is installed has changed
#   env      prints exports for a shell     psql     connects as the cluster's superuser
#
# Lives in build/state/clusters/NAME: data/, log, port, socket, password. Settings: scripts/clusters/NAME.conf.
# The Unix socket stands in a directory that only the server's user (and root) may enter, so it needs no password;
# TCP on 127.0.0.1 needs the one in the file `password`. The port follows from the checkout's path and the cluster's
# name, so that checkouts run side by side; a port that is taken is passed over.
. "$(dirname "$0")/common.sh"

[ $# -ge 2 ] || die "usage: cluster.sh create|start|stop|destroy|psql|env|status NAME"
action=$1 name=$2
shift 2
prepare_state
dir=$state/clusters/$name
data=$dir/data
settings=$root/scripts/clusters/$name.conf
[ -e "$settings" ] || die "there is no cluster '$name'" "Those with a file scripts/clusters/NAME.conf can be made."

# The path of a Unix socket has at most 107 bytes, '/.s.PGSQL.12345' takes 15 of them.
socket_dir() {
    if [ ${#dir} -le 80 ]; then echo "$dir/socket"; else cat "$dir/socket_path" 2>/dev/null || true; fi
}
make_socket_dir() {
    if [ ${#dir} -le 80 ]; then
        as_server mkdir -p -m 700 "$dir/socket"
    elif [ ! -e "$dir/socket_path" ] || ! state_is_ours "$(cat "$dir/socket_path")"; then
        as_server mktemp -d /tmp/analytics.XXXXXX | as_server tee "$dir/socket_path" >/dev/null
    fi
}

port() { cat "$dir/port"; }
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
first_port() { echo $((20000 + 0x$(printf '%s' "$root $name" | sha256sum | cut -c1-6) % 10000)); }

is_running() { # answers on its socket, be it only 'starting up'
    [ -e "$dir/port" ] && [ -S "$(socket_dir)/.s.PGSQL.$(port)" ] || return 1
    local status=0
    "$pg_bin/pg_isready" -q -h "$(socket_dir)" -p "$(port)" || status=$?
    [ $status -le 1 ]
}

# What the running server has loaded must be what is installed.
installed() { cat "$tree/fingerprint" "$tree/lib/postgresql/$pg_major/lib/analytics.so" "$settings" | sha256sum; }

create() {
    [ ! -e "$data/PG_VERSION" ] || return 0
    [ -x "$pg_bin/initdb" ] || die "the private PostgreSQL tree is missing" "Run 'make tree'."
    say "making the cluster '$name' in $dir"
    as_server rm -rf "$data"
    as_server mkdir -p "$dir"
    as_server sh -c 'umask 077; od -An -N16 -tx1 /dev/urandom | tr -d " \n" >"$1"' sh "$dir/password"
    as_server "$pg_bin/initdb" -D "$data" -U postgres -E UTF8 --locale=C.UTF-8 \
        --auth-local=trust --auth-host=scram-sha-256 --pwfile="$dir/password" >"$build/initdb-$name.log" 2>&1 ||
        { cat "$build/initdb-$name.log" >&2; die "initdb failed" "See above; $dir must be on a disk with room."; }
    printf '%s\n' "include = 'cluster.conf'" "include = 'place.conf'" |
        as_server tee -a "$data/postgresql.conf" >/dev/null
    first_port | as_server tee "$dir/port" >/dev/null
}

launch() { # 0: runs; 1: the port was taken meanwhile; otherwise it dies
    as_server tee "$data/cluster.conf" <"$settings" >/dev/null
    printf "listen_addresses = '127.0.0.1'\nport = %s\nunix_socket_directories = '%s'\n" "$(port)" "$(socket_dir)" |
        as_server tee "$data/place.conf" >/dev/null
    [ ! -e "$dir/log" ] || as_server mv "$dir/log" "$dir/log.old"
    if as_server "$pg_bin/pg_ctl" start -s -w -t 120 -D "$data" -l "$dir/log" </dev/null >/dev/null 2>&1; then
        installed | as_server tee "$dir/installed" >/dev/null
        return 0
    fi
    grep -q 'Address already in use' "$dir/log" && return 1
    tail -n 20 "$dir/log" >&2
    die "the cluster '$name' does not start" "Its log: $dir/log. To make it anew: scripts/cluster.sh destroy $name"
}

start() {
    create
    if is_running; then
        [ "$(cat "$dir/installed" 2>/dev/null)" != "$(installed)" ] || return 0
        say "restarting the cluster '$name': what is installed has changed"
        stop
    fi
    make_socket_dir
    local tries=100
    while ! port_is_free "$(port)" || ! launch; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || die "no free port near $(port)" "Stop something that listens there."
        echo $((20000 + ($(port) + 1 - 20000) % 10000)) | as_server tee "$dir/port" >/dev/null
    done
}

stop() {
    [ -e "$data/postmaster.pid" ] || return 0
    as_server "$pg_bin/pg_ctl" stop -s -w -t 120 -m fast -D "$data" >/dev/null 2>&1 || ! is_running ||
        die "the cluster '$name' does not stop" "Its log: $dir/log"
}

connection() { # exports for a shell
    [ -e "$dir/port" ] || die "the cluster '$name' does not exist" "Start it first."
    printf 'export PGHOST=%q PGPORT=%q PGUSER=postgres PGDATABASE=postgres\n' "$(socket_dir)" "$(port)"
    printf 'export PATH=%q:$PATH\n' "$pg_bin"
}

case $action in
    create | start | stop) "$action" ;;
    destroy)
        stop
        [ ! -e "$dir/socket_path" ] || as_server rm -rf "$(cat "$dir/socket_path")"
        as_server rm -rf "$dir"
        ;;
    env) connection ;;
    psql)
        eval "$(connection)"
        exec psql "$@"
        ;;
    status) if is_running; then echo "running on port $(port)"; else echo stopped; fi ;;
    *) die "unknown action '$action'" "One of create, start, stop, destroy, psql, env, status." ;;
esac
