#!/usr/bin/env bash
# Stops this checkout's clusters and removes build/ with the server's files, wherever they are.
. "$(dirname "$0")/common.sh"

[ -e "$build" ] || exit 0
prepare_build # what belongs to another checkout (a copied build/) is not ours to remove
if [ -d "$state_link/clusters" ]; then
    for cluster in "$state_link"/clusters/*/; do
        [ -d "$cluster" ] || continue
        "$root/scripts/cluster.sh" destroy "$(basename "$cluster")"
    done
fi
target=$(readlink -f "$state_link" || true)
if [ -n "$target" ] && [ -d "$target" ]; then
    state_is_ours "$target" || is_root || die "$target belongs to $(stat -c %U "$target")" "Run 'make clean' as that user or root."
    rm -rf "$target"
fi
rm -rf "$build"
