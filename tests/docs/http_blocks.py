"""The commands over HTTP that pages show: runs a block `curl ...` and compares what comes back with what the page shows below it.

The page's address, 127.0.0.1:8000, stands for the server's; $KEY is the last ingest key that the page's SQL has made. What
differs from run to run (times, snapshots, lag) is masked, '...' stands for anything, and blanks are not compared.
A command with -N, which does not end by itself, is read until it has said what the page shows; meanwhile the page's order
1001 comes in once more, as 1002.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.request

PATIENCE = 60  # seconds that something may take to come true, whatever else the machine does
VOLATILE = (
    (r'"(as_of|occurred_at)": ?"[^"]*"', r'"\1":"TIME"'),
    (r'"database": ?"[a-z_]+"', '"database":"shop"'),
    (r'"lag_seconds": ?[0-9.]+', '"lag_seconds":0'),
    (r'"version": ?"[0-9.]+"', '"version":"0"'),
    (r'"pending_rows": ?[0-9]+', '"pending_rows":0'),
    (r"(?m)^: ping\n\n", ""),
    (r"(?m)^(id: [0-9:,]+\n\n?)+", "id: SNAPSHOT\n"),
)


def free_port():
    with socket.socket() as plain:
        plain.bind(("127.0.0.1", 0))
        return plain.getsockname()[1]


def read(block):
    """The command (with the lines that it goes on for), and what is shown."""
    lines = block.splitlines(keepends=True)
    end = next(n for n, line in enumerate(lines) if not line.rstrip().endswith("\\")) + 1
    return "".join(lines[:end]), "".join(lines[end:])


def fits(got, shown):
    for volatile, mask in VOLATILE:
        got, shown = re.sub(volatile, mask, got), re.sub(volatile, mask, shown)
    got, shown = ("".join(text.split()) for text in (got, shown))
    return re.fullmatch(".*".join(map(re.escape, shown.split("..."))), got, re.S) is not None


class Server:
    """The cluster's HTTP server, on a port that is free."""

    def __init__(self):
        self.port = free_port()
        self.key = ""
        self.order = None  # the command that sends the page's order, and its key
        self.clear()
        self.admin(f"ALTER SYSTEM SET analytics.http_port = {self.port}; SELECT pg_reload_conf();")

    def admin(self, script):
        subprocess.run(["psql", "-X", "-q", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-o", os.devnull], input=script, text=True, check=True)

    def clear(self):
        """Takes back what a page did to the whole server: its settings, its database, which is not to be served beside the next, its roles."""
        self.admin(r"""
            ALTER SYSTEM RESET ALL;
            SELECT pg_reload_conf();
            SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE datname ~ '^docs_' \gexec
            SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE oid >= 16384 \gexec
        """)

    def wait_for(self, database):
        """Until it serves the page's database, and whoever brings no token."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(OSError, ValueError):
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/health") as answer:
                    health = json.load(answer)
                if health["status"] == "ok" and health.get("database") == database:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"HTTP does not serve {database}")

    def start(self, command, key=None):
        command = command.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}").replace("curl ", f"curl -sS --max-time {PATIENCE} ", 1)
        return subprocess.Popen(["bash", "-c", "exec " + command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env={**os.environ, "KEY": key or self.key})

    def run(self, command, shown):
        """What came back."""
        if " -N " not in command:
            if "/api/ingest" in command and '"order_id":"1001"' in command:
                self.order = command, self.key
            return self.start(command).communicate()[0]
        listening = self.start(command)
        got = ""
        while line := listening.stdout.readline():
            if not got and self.order:  # it listens
                command, key = self.order
                threading.Thread(target=self.start(command.replace('"1001"', '"1002"'), key).communicate).start()
            got += line
            if fits(got, shown):
                break
        listening.terminate()
        listening.communicate()
        return got
