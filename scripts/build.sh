#!/usr/bin/env bash
# Builds one kind of tree under build/: release (the module and the SQL scripts), sanitize (unit tests) or fuzz
# (fuzzers, by clang); or other targets in it: build.sh KIND [TARGET...]. PG_CONFIG chooses the PostgreSQL to build for.
# 'build.sh generator' builds build/traffic_generator, which makes the demo's synthetic traffic.
. "$(dirname "$0")/common.sh"
prepare_build
exec 8>"$build/build.lock" # suites beside each other may build
flock 8

kind=${1:-release}
if [ "$kind" = generator ]; then
    for source in "$root"/demo/generator/*; do
        [ ! "$source" -nt "$build/traffic_generator" ] || {
            "${CXX:-g++}" -std=c++20 -O2 -o "$build/traffic_generator" "$root"/demo/generator/*.cpp
            break
        }
    done
    exit
fi
pg_config=${PG_CONFIG:-$pg_lib/bin/pg_config}
case $kind in
    release) targets=(analytics) options=("-DPG_CONFIG=$pg_config" "-DANALYTICS_DASHBOARD=${ANALYTICS_DASHBOARD:-ON}") ;;
    sanitize) targets=(unit_tests) options=(-DANALYTICS_SANITIZE=ON "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1") ;;
    fuzz)
        targets=($(cd "$root/tests/fuzz" && ls fuzz_*.cpp | sed 's/\.cpp$//'))
        options=(-DANALYTICS_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++)
        ;;
    *) die "unknown kind of build '$kind'" "Use release, sanitize or fuzz." ;;
esac
shift || true
whole=true
[ $# = 0 ] || { whole=false; targets=("$@"); }
command -v cmake >/dev/null || die "cmake is missing" "Run 'make packages'."

log=$build/cmake-$kind.log
cmake -S "$root" -B "$build/$kind" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo "${options[@]}" >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    die "cmake could not set up build/$kind" "The whole log: $log. A package may be missing: run 'make packages'."
}
cmake --build "$build/$kind" -j "$jobs" --target "${targets[@]}"
[ "$kind" != release ] || ! $whole || python3 "$root/scripts/build_sql.py"
