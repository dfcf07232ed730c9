"""Puts an update script together: from the pieces as they are now, and what the version updated from had.

What stands and may hold data (tables, indexes, triggers, rows) is made if that version did not have it; where it has changed,
the hand-written part sql/updates/FROM--TO.sql says how. All else is made anew: functions are replaced, and DO blocks, which
make functions, views and rollups, run again. So the pieces' DO blocks must be such that they can: see check().
"""

import re

# In DO blocks tables, indexes and triggers would be made twice, and views may be there, kept for what others built on them.
ONCE_ONLY = re.compile(r"\bCREATE\s+(?:VIEW|(?:UNIQUE\s+)?INDEX|(?:UNLOGGED\s+)?TABLE|TRIGGER)\b", re.IGNORECASE)
STANDS = re.compile(r"(?:CREATE (?:UNLOGGED TABLE|TABLE|TYPE|UNIQUE INDEX|INDEX|CONSTRAINT TRIGGER|TRIGGER|SEQUENCE|POLICY|SCHEMA)|ALTER|INSERT|SELECT)\b",
                    re.IGNORECASE)
TABLE = re.compile(r"CREATE (?:UNLOGGED )?TABLE (analytics\.\w+)", re.IGNORECASE)
ROWS = re.compile(r"INSERT INTO (analytics\.\w+)", re.IGNORECASE)
TYPE = re.compile(r"CREATE TYPE analytics\.(\w+)", re.IGNORECASE)
ROUTINE = re.compile(r"CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE|AGGREGATE) analytics\.(\w+)", re.IGNORECASE)


class Statements:
    """The statements of a script, and what they are once comments, blanks and OR REPLACE are taken away."""

    def __init__(self, text, token):
        self.list = []
        start, normal = 0, ""
        text = re.sub(r"^\\.*\n", "", text, flags=re.MULTILINE)
        end = 0
        for match in re.finditer(rf"(?:{token.pattern})|(?P<semicolon>;)", text, token.flags):
            normal += text[end:match.start()]
            end = match.end()
            if match["semicolon"]:
                self.add(text[start:end], normal)
                start, normal = end, ""
            elif match["create"]:
                normal += match["create"]
            elif not match[0].startswith(("--", "/*")):
                normal += match[0]
        if (normal + text[end:]).strip():
            raise ValueError(f"a statement does not end: {text[start:].strip()[:100]}")

    def add(self, statement, normal):
        self.list.append((re.sub(r"\A(?:\s|--[^\n]*\n)+", "", statement), " ".join(normal.split())))

    def normals(self):
        return {normal for _, normal in self.list}

    def named(self, pattern):
        return {match[1]: normal for _, normal in self.list if (match := pattern.match(normal))}


def check(path, text, token, fail):
    """What DO blocks do must be such that an update can do it again."""
    for _, normal in Statements(text, token).list:
        if normal.startswith("DO ") and (found := ONCE_ONLY.search(normal)):
            fail(f"a DO block in sql/{path} says {found[0]}",
                 "Updates run it again: write CREATE OR REPLACE VIEW; tables, indexes, triggers are statements of their own.")


def step(statement):
    if "$step$" in statement:
        raise ValueError("a statement holds the quote $step$")
    return f"SELECT analytics.update_step($step${statement.rstrip(';')}$step$::text);\n"


def needed_native(native, had, token, without_replace):
    """C functions that are new, or have changed. A superuser makes them: by CREATE, where nothing of that name may be there."""
    names = had.named(ROUTINE)
    known = lambda normal: (routine := ROUTINE.match(normal)) and routine[1] in names
    return "\n".join(statement if known(normal) else without_replace(statement)
                     for statement, normal in Statements(native, token).list if normal not in had.normals())


def update_script(pieces, native, old, own, frame, token, without_replace):
    """pieces: path and text in order, old: the script of the version updated from, own: the hand-written part, or empty.
    frame: the texts of sql/updates. Gives the script."""
    had = Statements(old, token)
    now = [(path, Statements(text, token)) for path, text in pieces]
    tables, types, filled = had.named(TABLE), had.named(TYPE), had.named(ROWS)
    had_normals = had.normals()
    plain = set(had.named(ROUTINE)) | set(Statements(native, token).named(ROUTINE))
    for part in frame.values():
        plain |= set(Statements(part, token).named(ROUTINE))
    changed_types = set()
    for _, statements in now:
        plain |= set(statements.named(ROUTINE))
        changed_types |= {name for name, normal in statements.named(TYPE).items() if types.get(name, normal) != normal}

    script = ['\\echo Use "ALTER EXTENSION analytics UPDATE" to load this file. \\quit\n', frame["header"],
              needed_native(native, had, token, without_replace), frame["own_functions"]]

    def is_there(normal):
        """Whether the old version made it already, if not in the same words: then the hand-written part changes it."""
        if (made := TABLE.match(normal)) and made[1] in tables or (made := ROWS.match(normal)) and made[1] in filled:
            return True
        if made := TYPE.match(normal):
            return made[1] in types and made[1] not in changed_types
        return bool(STANDS.match(normal)) and normal in had_normals

    def run(title, statements):
        script.append(f"-- {title}\n" + "".join(step(statement) for statement, _ in statements))

    run("before", Statements(frame["before"], token).list)
    array = lambda names: "'{" + ",".join(sorted(names)) + "}'::text[]"
    script.append(step(f"SELECT analytics.update_take_down({array(plain)}, {array(changed_types)})"))
    run("by hand", Statements(own, token).list)
    for path, statements in now:
        run(f"sql/{path}", [(statement, normal) for statement, normal in statements.list if not is_there(normal)])
        if path == "functions/rollup_objects.sql":
            run("storage", Statements(frame["storage"], token).list)
    run("after", Statements(frame["after"], token).list)
    script.append(frame["footer"])
    return "\n".join(script)
