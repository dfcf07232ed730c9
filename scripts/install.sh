#!/usr/bin/env bash
# Installs the built extension into PostgreSQL's directories: install.sh PKGLIBDIR SHAREDIR.
# Replaces files instead of writing into them: a running server has the old library mapped.
. "$(dirname "$0")/common.sh"

pkglibdir=$1 extension=$2/extension
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$root/analytics.control")
for file in "$build/release/analytics.so" "$build/sql/analytics--$version.sql"; do
    [ -e "$file" ] || die "$file has not been built" "Run 'make' first."
done
shopt -s nullglob
released=("$root"/sql/released/analytics--*--*.sql)  # updates between earlier versions
install -d "$pkglibdir" "$extension" &&
    install -C -m 755 "$build/release/analytics.so" "$pkglibdir/" &&
    install -C -m 644 "$root/analytics.control" "$build"/sql/analytics--*.sql "${released[@]}" "$extension/" ||
    die "cannot install into $pkglibdir and $extension" "As root: 'sudo make install', or set DESTDIR."
