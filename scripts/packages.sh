#!/usr/bin/env bash
# Installs what is missing of the packages listed in the given files (default: packages.txt beside this script).
# Asks apt only when something is missing, and refreshes apt's lists only when they do not know a package.
# Debian makes and starts a cluster 'main' when the server package arrives: not wanted here, so that is
# switched off while this installation runs; systems that have the server already are left as they are.
. "$(dirname "$0")/common.sh"

here=$root/scripts
[ $# -gt 0 ] || set -- "$here/packages.txt"

# What is installed, and what that provides: other builds of nodejs, for one, bring npm along.
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' | sed -n 's/^installed //p' |
    tr ',' '\n' | awk 'NF {print $1}')
missing=()
for name in $(sed 's/#.*//' "$@" | awk '{print $1}'); do
    grep -qxF "$name" <<<"$installed" || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || die "packages are missing: ${missing[*]}" \
    "This script knows Debian 12. Elsewhere install their counterparts by hand."
sudo=()
if ! is_root; then
    command -v sudo >/dev/null || die "packages are missing, and there is no sudo to install them with" \
        "As root: apt-get install ${missing[*]}"
    sudo=(sudo)
fi
apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get -q -y -o Dpkg::Use-Pty=0 "$@"; }
is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

no_cluster=/etc/postgresql-common/createcluster.d/zz-analytics-checkout.conf
restore() {
    "${sudo[@]}" rm -f "$no_cluster"
    "${sudo[@]}" rmdir --ignore-fail-on-non-empty "${no_cluster%/*}"
}

install() {
    if [[ " $* " == *" postgresql-$pg_major "* ]]; then
        apt install --no-install-recommends postgresql-common || return
        trap restore EXIT
        trap 'exit 130' INT TERM
        "${sudo[@]}" mkdir -p "${no_cluster%/*}"
        printf 'create_main_cluster = false\n' | "${sudo[@]}" tee "$no_cluster" >/dev/null
    fi
    apt install --no-install-recommends "$@"
}

say "installing packages: ${missing[*]}"
for name in "${missing[@]}"; do
    if ! apt-cache show "$name" >/dev/null 2>&1; then
        apt update
        break
    fi
done
# Lists that are too old name files that are gone from the mirror: refresh once, then try again.
install "${missing[@]}" || { apt update && install "${missing[@]}"; } ||
    die "apt could not install: ${missing[*]}" "See its messages above; Debian 12 (bookworm) has all of them."
