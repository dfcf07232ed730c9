# Sourced by the suites: what several of them do.
. "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

result() { # passed failed: the suite's last words
    printf '%d passed, %d failed\n' "$1" "$2"
    [ "$2" = 0 ] && [ "$1" -gt 0 ]
    exit
}

need_files() { # pattern: a suite without tests is a failure, not a success
    compgen -G "$1" >/dev/null || die "no tests found: ${1#"$root/"}" "Add some, or take the suite out of scripts/check.sh."
}

use_tree() { # the private installation with the extension as it is now; where several suites run, it was made before them
    [ -z "${ANALYTICS_BUILT:-}" ] || { prepare_state; return; }
    "$root/scripts/build.sh" release
    "$root/scripts/tree.sh"
    prepare_state
}

use_cluster() { # NAME: starts it and points this script's clients to it
    use_tree
    "$root/scripts/cluster.sh" start "$1"
    eval "$("$root/scripts/cluster.sh" env "$1")"
}

use_venv() { # $venv/bin: what tests need from PyPI
    local requirements=$root/tests/requirements.txt
    venv=$build/venv
    cmp -s "$requirements" "$venv/requirements.txt" && return 0
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --disable-pip-version-check -r "$requirements" ||
        die "a package of tests/requirements.txt could not be installed" "The first run needs PyPI (or a pip configuration that finds them)."
    cp "$requirements" "$venv/requirements.txt"
}

use_modules() { # DIRECTORY NAME: $modules/node_modules, in build/NAME, has what DIRECTORY/package-lock.json names
    modules=$build/$2
    cmp -s "$1/package-lock.json" "$modules/installed" && return 0
    rm -rf "$modules"
    mkdir -p "$modules"
    cp "$1"/{package.json,package-lock.json,.npmrc} "$modules/"
    (cd "$modules" && npm ci --omit=dev) ||
        die "a package of ${1#"$root/"}/package.json could not be installed" "The first run needs the npm registry (or an npm configuration that finds them)."
    cp "$1/package-lock.json" "$modules/installed"
}

# Every file is on the schedule and every line of the schedule has its file: nothing is forgotten silently.
check_schedule() { # schedule directory extension
    local scheduled present
    [ -e "$1" ] || die "${1#"$root/"} does not exist" "List the tests there, as in 'test: first second'."
    scheduled=$(sed -n 's/^test: *//p' "$1" | tr -s ' ' '\n' | sort)
    present=$(find "$2" -maxdepth 1 -name "*.$3" -printf '%f\n' | sed "s/\.$3\$//" | sort)
    [ "$scheduled" = "$present" ] || die "${1#"$root/"} and the files in ${2#"$root/"} differ (first <, second >)" \
        "$(diff <(echo "$scheduled") <(echo "$present") | grep '^[<>]')"
}

# Runs pg_regress or its isolation sister on the cluster `test`, and counts.
run_schedule() { # program outputdir options...
    local program=$pg_lib/lib/pgxs/src/test/$1 output=$2 status=0
    shift 2
    "$program" --bindir="$pg_bin" --outputdir="$output" "$@" 2>&1 | tee "$output/run.log" || status=$?
    [ ! -s "$output/regression.diffs" ] || cat "$output/regression.diffs"
    local passed failed
    passed=$(grep -cE '\.\.\. ok +[0-9]+ ms' "$output/run.log" || true)
    failed=$(grep -cE '\.\.\. FAILED' "$output/run.log" || true)
    [ $status = 0 ] || [ "$failed" -gt 0 ] || failed=1
    result "$passed" "$failed"
}

# For suites that run as the server's user: the checkout, or a fresh copy of its tests where that user cannot read it.
readable_checkout() {
    if as_server test -x "$build" -a -r "$root/Makefile"; then
        echo "$root"
        return
    fi
    local copy=$state/checkout part
    rm -rf "$copy"
    mkdir -p "$copy/build"
    for part in tests demo bench sql expected scripts analytics.control Makefile build/sql; do
        [ ! -e "$root/$part" ] || cp -r "$root/$part" "$copy/$part"
    done
    chmod -R a+rX "$copy"
    echo "$copy"
}

# An empty directory that belongs to the server's user.
fresh_scratch() { # NAME
    local scratch=$state/scratch/$1
    as_server rm -rf "$scratch"
    as_server mkdir -p "$scratch"
    echo "$scratch"
}
