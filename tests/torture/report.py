"""What was checked, how often, and what differed. A check that was never made has failed."""

import sys
import threading

SHOWN = 3  # differences of each check

CHECKS = {
    "every view equals its recomputation while all write": "views",
    "every view equals its recomputation right after a crash": "views after crash",
    "every view equals its recomputation at rest, all merged": "views at rest",
    "a transaction sees its own events in the views": "own writes",
    "others see events right after COMMIT, and none of a rollback": "committed writes",
    "ingest counts accepted, duplicate and rejected events exactly": "counts",
    "a direct write of a known event is refused": "direct duplicates",
    "retract takes back the lines that stood, once": "retractions",
    "refresh returns a number or null, whoever calls it": "refresh",
    "a transaction of one call never deadlocks": "deadlocks",
    "nothing else fails": "errors",
    "acknowledged commits survive, rollbacks leave nothing": "fates",
    "prepared transactions survive crashes": "prepared",
    "the log holds the versions that were committed, no other": "log",
    "each event stands once, in its last version, line by line": "survivors",
    "days equal the ledger's, customers and sessions included": "days",
    "hours, weeks and months add up to the ledger's totals": "totals",
    "products equal the ledger's": "products",
    "reconcile finds nothing": "reconcile",
    "nothing is left to merge": "tail",
}


class Report:
    def __init__(self):
        self.lock = threading.Lock()
        self.made = {key: 0 for key in CHECKS.values()}
        self.failed = {key: 0 for key in CHECKS.values()}
        self.details = {key: [] for key in CHECKS.values()}

    def expect(self, key: str, holds: bool, detail=None) -> bool:
        """detail: a text, or a function that makes it where it is wanted."""
        with self.lock:
            self.made[key] += 1
            if holds:
                return True
            self.failed[key] += 1
            shown = len(self.details[key]) < SHOWN
        if shown:
            text = detail() if callable(detail) else str(detail)
            with self.lock:
                self.details[key].append(text)
            print(f"FAILED {key}: {text}", file=sys.stderr, flush=True)
        return False

    def equal(self, key: str, expected, actual, what) -> bool:
        return self.expect(key, expected == actual, lambda: f"{what}: expected {expected}, got {actual}")

    @property
    def failures(self) -> int:
        return sum(self.failed.values())

    def finish(self, seed: int, without: frozenset[str] = frozenset()) -> bool:
        passed = failed = 0
        for name, key in CHECKS.items():
            if key in without:
                continue
            holds = self.made[key] > 0 and self.failed[key] == 0
            passed, failed = passed + holds, failed + (not holds)
            note = f"{self.made[key]} times" if self.made[key] else "never checked"
            if self.failed[key]:
                note = f"{self.failed[key]} of {self.made[key]} times wrong"
            print(f"{'ok    ' if holds else 'FAILED'} {name} ({note})")
            for detail in self.details[key]:
                print("       " + detail.replace("\n", "\n       "))
        if failed:
            print(f"seed {seed}: --seed {seed} repeats the events, not the interleaving")
        print(f"{passed} passed, {failed} failed", flush=True)
        return failed == 0
