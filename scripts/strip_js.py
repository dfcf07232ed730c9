#!/usr/bin/env python3
"""Takes comments, blank lines and indentation out of a script: strip_js.py SOURCE TARGET.

Only lines that are nothing but a `//` comment go, so that no string or expression can be mistaken for one.
"""

import pathlib
import sys

source, target = map(pathlib.Path, sys.argv[1:])
lines = (line.strip() for line in source.read_text(encoding="utf-8").splitlines())
target.parent.mkdir(parents=True, exist_ok=True)
target.write_text("".join(f"{line}\n" for line in lines if line and not line.startswith("//")), encoding="utf-8")
