#!/usr/bin/env python3
"""Writes C++ that holds the files of src/workers/http_files.hpp as bytes: embed_files.py OUTPUT TRACKER [DASHBOARD].

TRACKER is the browser's script, DASHBOARD the directory that Vite has built. Compressed here, once, and named by their contents.
"""

import gzip
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml", ".json": "application/json", ".woff2": "font/woff2", ".png": "image/png", ".txt": "text/plain; charset=utf-8"}


def array(name, data):
    return f"constexpr char {name}[] = {{{','.join(str(byte - 256 if byte > 127 else byte) for byte in data)}}};\n" if data else ""


def view(name, data):
    return f"{{{name}, sizeof {name}}}" if data else "{}"


def embed(name, path, file):
    """The arrays of a file, and its ServedFile."""
    if file.suffix not in TYPES:
        sys.exit(f"error: {file} is of no type that scripts/embed_files.py knows\nhint: Add its Content-Type to TYPES there.")
    plain = file.read_bytes()
    packed = gzip.compress(plain, 9, mtime=0)
    if len(packed) > 0.9 * len(plain):
        packed = b""
    tag = hashlib.sha256(plain).hexdigest()[:24]
    return (array(f"{name}Plain", plain) + array(f"{name}Packed", packed),
            f'{{"{path}", "{TYPES[file.suffix]}", "W/\\"{tag}\\"", {view(f"{name}Plain", plain)}, {view(f"{name}Packed", packed)}}}')


def main():
    output, tracker, *dashboard = map(pathlib.Path, sys.argv[1:])
    arrays, script = embed("kScript", "/analytics.js", tracker)
    files = []
    for directory in dashboard:
        found = sorted(file for file in directory.rglob("*") if file.is_file())
        found.sort(key=lambda file: file != directory / "index.html")
        for number, file in enumerate(found):
            path = "/" if number == 0 else f"/{file.relative_to(directory).as_posix()}"
            more, served = embed(f"kDashboard{number}", path, file)
            arrays += more
            files.append(served)
    listed = f"constexpr ServedFile kDashboard[] = {{{', '.join(files)}}};\n" if files else ""
    output.write_text('#include "workers/http_files.hpp"\n'
                      f"namespace analytics::workers {{\nnamespace {{\n{arrays}{listed}}}\n"
                      f"constinit const ServedFile kTrackerScript{script};\n"
                      f"const std::span<const ServedFile> kDashboardFiles{'{kDashboard}' if files else '{}'};\n}}\n", encoding="ascii")


main()
