# Sourced by every script: where things are, who runs the server, and how messages look.
#
# build/          what the invoking user builds (CMake trees, assembled SQL, logs)
# build/state/    what the server's user owns: the private PostgreSQL tree (pg/), clusters/, scratch/.
#                 PostgreSQL refuses root, so for root that user is `postgres`, else whoever runs make.
#                 A link to /var/tmp when that user cannot reach the checkout.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
build=$root/build
state_link=$build/state
pg_major=15
pg_lib=/usr/lib/postgresql/$pg_major
pg_share=/usr/share/postgresql/$pg_major
jobs=${JOBS:-$(nproc)}

export LC_ALL=C.UTF-8
export PATH=/usr/bin:/bin:$PATH # the tools are Debian's, whatever else the caller has installed
# Nothing of the caller's connection settings may lead a test or the demo to another server.
unset PGHOST PGHOSTADDR PGPORT PGDATABASE PGUSER PGPASSWORD PGPASSFILE PGSERVICE PGSERVICEFILE PGOPTIONS \
    PGSSLMODE PGTZ PGDATESTYLE PGCLIENTENCODING PGDATA PGAPPNAME PGTARGETSESSIONATTRS PG_COLOR

say() { printf '==> %s\n' "$*" >&2; }
die() { # message [what to do]
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

is_root() { [ "$(id -u)" = 0 ]; }
if is_root; then server_user=postgres; else server_user=$(id -un); fi

# Runs a command as the server's user, outside directories that this user may be unable to read.
as_server() {
    if is_root; then
        (cd / && HOME=/tmp USER=postgres LOGNAME=postgres \
            exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@")
    else
        "$@"
    fi
}

path_hash() { printf '%s' "$root" | sha256sum | cut -c1-12; }

state_is_ours() { # a directory that belongs to the server's user, not someone's trap in /var/tmp
    [ -d "$1" ] && [ ! -L "$1" ] && [ "$(stat -c %U "$1")" = "$server_user" ]
}

# A moved checkout's servers still run on the files that moved with it (or in /var/tmp): ends them.
stop_moved_servers() {
    local pid_file pid
    for pid_file in "$state_link"/clusters/*/data/postmaster.pid; do
        pid=$(head -n 1 "$pid_file" 2>/dev/null) || continue
        [ "/proc/$pid/cwd" -ef "${pid_file%/*}" ] || continue
        kill -INT "$pid" && tail -f --pid="$pid" /dev/null
        rm -rf "$(cat "${pid_file%/data/*}/socket_path" 2>/dev/null)"
    done
}

# What was built at another path holds that path inside: after a move or a copy, start afresh.
prepare_build() {
    local built_at target
    built_at=$(cat "$build/checkout" 2>/dev/null) || built_at=
    [ "$built_at" != "$root" ] || return 0
    if [ -n "$built_at" ]; then
        say "build/ was made at $built_at: starting afresh"
        if [ ! -e "$built_at/build/checkout" ]; then # moved, not copied
            stop_moved_servers
            target=$(readlink "$state_link") && state_is_ours "$target" && rm -rf "$target"
        fi
        rm -rf "$build"
    fi
    mkdir -p "$build" 2>/dev/null && [ -w "$build" ] ||
        die "cannot write to $build" "Run make as the checkout's owner, or as root."
    printf '%s\n' "$root" >"$build/checkout"
}

# Sets $state, $tree and $pg_bin; makes the directory where there is none yet.
prepare_state() {
    prepare_build
    getent passwd "$server_user" >/dev/null ||
        die "user '$server_user' does not exist" "It comes with the package postgresql-common: run 'make packages'."
    local target=$state_link
    if ! as_server test -x "$build" -a -r "$root/Makefile"; then
        target=/var/tmp/analytics-$(path_hash)
    fi
    if [ ! -d "$target" ] && ! is_root; then
        mkdir "$target"
    elif [ ! -d "$target" ]; then
        mkdir -m 755 "$target" && chown postgres: "$target"
    fi
    state_is_ours "$target" || die "$target does not belong to $server_user" \
        "Run make as the user who made it, or remove it with 'make clean' (as that user or root)."
    if [ "$target" != "$state_link" ] && [ "$(readlink "$state_link" 2>/dev/null)" != "$target" ]; then
        ln -sfn "$target" "$state_link"
        say "user $server_user cannot reach $root: PostgreSQL's files go to $target"
    fi
    state=$target
    tree=$state/pg
    pg_bin=$tree/lib/postgresql/$pg_major/bin
}
