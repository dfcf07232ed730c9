"""The table: what was measured, beside what, the ratio, and whether it reaches its target (DESIGN section 9)."""

import os
import statistics
from dataclasses import dataclass
from typing import Callable

from database import Measurement, ratios, value_of

SETTINGS = ("shared_buffers", "max_wal_size", "checkpoint_timeout", "work_mem", "fsync", "synchronous_commit",
            "full_page_writes", "wal_compression", "autovacuum", "jit", "max_parallel_workers_per_gather")


@dataclass
class Row:
    work: str
    against: str
    circumstances: str
    ours: Measurement
    theirs: Measurement
    inverse: bool  # the ratio is theirs / ours: more is better
    target: str
    reached: Callable[[float, float], bool] | None  # of the ratio's and our time's medians

    def ratio(self, kind):
        ours, theirs = getattr(self.ours, kind), getattr(self.theirs, kind)
        if not ours or not theirs:
            return []
        return ratios(theirs, ours) if self.inverse else ratios(ours, theirs)

    def cells(self):
        waited, cpu = self.ratio("waited"), self.ratio("cpu")
        verdict = "" if self.reached is None else (
            "yes" if self.reached(statistics.median(waited), statistics.median(self.ours.waited)) else "no")
        return [self.work, self.against, self.circumstances, spread(waited, "{:.2f}"),
                f"{statistics.median(cpu):.2f}" if cpu else "", spread(self.ours.waited, "{:.1f}"),
                spread(self.theirs.waited, "{:.1f}"), self.target, verdict]


def spread(values, form):
    """Median, smallest and largest."""
    if min(values) >= 100:
        form = "{:.0f}"
    return f"{form.format(statistics.median(values))} ({form.format(min(values))} to {form.format(max(values))})"


def table(head, rows):
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def first_of(path, key):
    with open(path, encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return "unknown"


def machine(connection):
    memory = int(first_of("/proc/meminfo", "MemTotal").split()[0]) / (1 << 20)
    version = value_of(connection, "SHOW server_version")
    extension = value_of(connection, "SELECT default_version FROM pg_available_extensions WHERE name = 'analytics'")
    settings = ", ".join(f"{name} {value_of(connection, 'SHOW ' + name)}" for name in SETTINGS)
    return (f"{first_of('/proc/cpuinfo', 'model name')}, {os.cpu_count()} logical processors, {memory:.0f} GiB of memory; "
            f"PostgreSQL {version}, analytics {extension}. {settings}.")


def load_average():
    with open("/proc/loadavg", encoding="ascii") as file:
        return file.read().split()[0]


def markdown(rows, facts, reports, about):
    """The report; `facts` are (what, value) pairs without a counterpart, `reports` a head and rows, or empty, `about` is a
    paragraph."""
    head = ["work", "against", "circumstances", "ratio", "ratio of processor time", "ours, ms", "theirs, ms", "target", "reached"]
    tables = [table(head, [row.cells() for row in rows])] if rows else []
    tables += [table(["besides", "value"], facts)] if facts else []
    tables += [table(*reports)] if reports else []
    return "\n".join([f"{about}\n", *tables])
