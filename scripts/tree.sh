#!/usr/bin/env bash
# Makes or refreshes the private PostgreSQL installation, build/state/pg, and installs the built extension there.
# PostgreSQL finds its library and share directories relative to its programs, so copies of the programs beside
# links to the rest are an installation of its own, and nothing is written below /usr. Made anew when the
# system's PostgreSQL changed (an upgrade, another extension package).
. "$(dirname "$0")/common.sh"
prepare_state

[ -x "$pg_lib/bin/postgres" ] || die "PostgreSQL $pg_major is not installed" "Run 'make packages'."
fingerprint=$(find "$pg_lib" "$pg_share" -printf '%p %s %T@\n' | sort | sha256sum)
if [ "$(cat "$tree/fingerprint" 2>/dev/null)" != "$fingerprint" ]; then
    rm -rf "$tree.new"
    lib=$tree.new/lib/postgresql/$pg_major share=$tree.new/share/postgresql/$pg_major
    mkdir -p "$lib" "$share"
    cp -r "$pg_lib/bin" "$lib/bin"
    cp -rs "$pg_lib/lib" "$lib/lib"
    cp -rs "$pg_share/." "$share"
    # The system's own copy of this extension must not shine through.
    rm -f "$lib/lib/analytics.so" "$share/extension/analytics"[.-]*
    printf '%s\n' "$fingerprint" >"$tree.new/fingerprint"
    rm -rf "$tree"
    mv "$tree.new" "$tree"
fi
"$root/scripts/install.sh" "$tree/lib/postgresql/$pg_major/lib" "$tree/share/postgresql/$pg_major"
# what the tests of updates begin with, and an update that changes nothing
install -C -m 644 "$root"/sql/released/*.sql "$build"/sql/test/*.sql "$tree/share/postgresql/$pg_major/extension/"
