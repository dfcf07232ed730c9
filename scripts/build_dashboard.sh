#!/usr/bin/env bash
# Builds the dashboard: build_dashboard.sh DIRECTORY, which then has what is served. 'build_dashboard.sh' alone makes build/dashboard
# ready, where its tests run: a copy of the sources with the packages that they need, so that the checkout stays as it is.
. "$(dirname "$0")/common.sh"
. "$root/scripts/node.sh"
prepare_build
use_node
out=${1:+$(realpath -m "$1")}
work=$build/dashboard

mkdir -p "$work"
find "$work" -mindepth 1 -maxdepth 1 ! -name node_modules ! -name installed -exec rm -rf {} +
tar -C "$root/dashboard" --exclude=./node_modules --exclude=./dist --exclude=./test-results -cf - . | tar -C "$work" -xf -
cd "$work"
if ! cmp -s package-lock.json installed; then
    npm ci || die "a package of dashboard/package.json could not be installed" \
        "It needs the npm registry (or an npm configuration that finds one). Or build without the dashboard: make ANALYTICS_DASHBOARD=OFF"
    cp package-lock.json installed
fi
[ -z "$out" ] || npm run build -- --outDir "$out" --emptyOutDir
