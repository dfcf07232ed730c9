#!/usr/bin/env bash
# Tries the image without an engine: carries the Dockerfile out in a bare Debian below build/docker, starts it as its own user in
# a network of its own, and asks it; checks the compose files. As root. Ends with 'N passed, N failed'. Some minutes; -k keeps
# what was built, and tries it alone.
. "$(dirname "$0")/../scripts/common.sh"

is_root || die "the steps of an image need root" "Run it with sudo."
"$root/scripts/packages.sh" "$root/docker/packages.txt"
prepare_build
work=$build/docker base=$build/docker/base
mkdir -p "$work"
cd "$root"

if [ "${1:-}" != -k ] || [ ! -e "$work/image.json" ]; then
    if [ ! -e "$base.done" ]; then
        rm -rf "$base"
        debootstrap --variant=minbase bookworm "$base"
        touch "$base.done"
    fi
    rm -rf "$work"/{context,build,image,image.json}
    python3 docker/steps.py "$base" "$work" <docker/Dockerfile
fi

passed=0 failed=0
check() { # what, command...
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
        printf 'ok - %s\n' "$what"
    else
        failed=$((failed + 1))
        printf 'not ok - %s\n%s\n' "$what" "$output"
    fi
}

# Debian's docker-compose knows the specification before `name`, which is left out for it.
compose() { # options of docker-compose
    sed '/^name:/d' docker/compose.yml >"$work/compose.yml"
    docker-compose --project-directory docker -f "$work/compose.yml" "$@" config
}
check "compose.yml is what the specification asks for" compose
check "and with PostgREST" compose --profile postgrest
check "and with the password from a file" env PASSWORD_FILE=./password docker-compose --project-directory docker \
    -f "$work/compose.yml" -f docker/compose.secret.yml config

log=$work/check.log
unshare --mount --pid --net --ipc --fork --kill-child --mount-proc docker/check_image.sh "$work/image" "$work/image.json" </dev/null 2>&1 | tee "$log"
passed=$((passed + $(grep -c '^ok - ' "$log" || true)))
failed=$((failed + $(grep -c '^not ok - ' "$log" || true)))
grep -q '^end$' "$log" || failed=$((failed + 1))
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
