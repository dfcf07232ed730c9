#!/usr/bin/env python3
"""Writes C++ that holds files as bytes: embed_files.py OUTPUT NAME=FILE ... (names as src/workers/http_files.hpp declares them)."""

import pathlib
import sys


def main():
    output, files = sys.argv[1], [argument.split("=", 1) for argument in sys.argv[2:]]
    text = '#include "workers/http_files.hpp"\n'
    for name, path in files:
        data = pathlib.Path(path).read_bytes()
        text += (f"namespace {{\nconstexpr unsigned char {name}Bytes[] = {{{','.join(map(str, data))}}};\n}}\n"
                 f"const std::string_view analytics::workers::{name}{{reinterpret_cast<const char*>({name}Bytes), sizeof {name}Bytes}};\n")
    pathlib.Path(output).write_text(text, encoding="ascii")


main()
