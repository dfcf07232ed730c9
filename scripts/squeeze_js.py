#!/usr/bin/env python3
"""Squeezes a script that is one function and leans on nothing: squeeze_js.py SOURCE TARGET.

Takes out comments and blanks and shortens the names of constants, variables and parameters, each name to the same
short one wherever it stands, but not as a member's name (after a dot, before a colon). So no local name may be that of
a global which the script uses. It stops where it could not be sure: at a template literal, and at a local name in a
member's short form ({NAME}). Line breaks stay, so that semicolons need no thought. tests/tracker runs what comes out.
"""

import itertools
import pathlib
import re
import sys

LETTERS = "etnarosiclupdmghvfbywkxjqzETNAROSICLUPDMGHVFBYWKXJQZ"  # the frequent ones first: compresses better

TOKEN = re.compile(r"""
      (?P<skip> //[^\n]* | [ \t]+ )
    | (?P<line> \s*\n\s* )
    | (?P<text> '(?:[^'\\\n]|\\.)*' | "(?:[^"\\\n]|\\.)*" )
    | (?P<regex> (?<![\w)\]]) (?<![\w)\]]\ ) / (?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+ /[a-z]* )
    | (?P<word> [A-Za-z_$][\w$]* | [\d.]+(?:e\d+)?(?<!\.) )
    | (?P<mark> \.\.\. | \+\+ | -- | [^`] )
""", re.VERBOSE)


def fail(message, line):
    sys.exit(f"error: line {line}: {message}\nhint: scripts/squeeze_js.py says what it takes; write it another way.")


def read_tokens(source):
    """(kind, text, line) of all that is not a comment or a blank."""
    at, line = 0, 1
    while at < len(source):
        match = TOKEN.match(source, at)
        if not match:
            fail("a template literal", line)
        if match.lastgroup != "skip":
            yield match.lastgroup, match.group(), line
        line += match.group().count("\n")
        at = match.end()


def short_names(taken):
    for size in itertools.count(1):
        for letters in itertools.product(LETTERS, repeat=size):
            name = "".join(letters)
            if name not in taken:
                yield name


def squeeze(source):
    tokens = list(read_tokens(source))
    words = [text for kind, text, _ in tokens if kind == "word"]
    declared = set(re.findall(r"\b(?:const|let) (\w+)|\bcatch \((\w+)\)", source))
    declared = {name for pair in declared for name in pair}
    for parameters in re.findall(r"\(([\w, .]*)\) =>", source):
        declared.update(re.findall(r"\w+", parameters))
    declared = sorted(declared & set(words), key=lambda name: (-words.count(name), name))
    short = dict(zip(declared, short_names(set(words))))

    plain = [token for token in tokens if token[0] != "line"]
    neighbours = iter(zip([("", "")] + [token[:2] for token in plain], [token[1] for token in plain[1:]] + [""]))
    out, brackets = [], []
    for kind, text, line in tokens:
        if kind == "line":
            out.append("\n")
            continue
        (before_kind, before), after = next(neighbours)
        if kind == "mark" and text in "([{":
            brackets.append(text)
        elif kind == "mark" and text in ")]}":
            brackets.pop()
        if kind == "word" and text in short and before != ".":
            in_braces = brackets[-1:] == ["{"] and before in ("{", ",")
            if in_braces and after in (",", "}"):
                fail(f"{{{text}}} is a member's short form of a name that is to be shortened", line)
            if not (in_braces and after == ":"):
                text = short[text]
        touching = kind == before_kind == "word" or kind == "mark" and before[-1:] == text[0] in "+-"
        if touching and out[-1] != "\n":
            out.append(" ")
        out.append(text)
    return re.sub(r"(?<=[;{,(?:])\n+|\n+(?=\n)", "", "".join(out)).strip() + "\n"


if __name__ == "__main__":
    origin, target = map(pathlib.Path, sys.argv[1:])
    squeezed = squeeze(origin.read_text(encoding="utf-8"))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(squeezed, encoding="utf-8")
