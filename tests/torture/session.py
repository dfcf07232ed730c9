"""A connection that may be lost to a crash, and transactions whose fate is then asked for.

Whatever happens, the ledger learns how each transaction ended: by the server's acknowledgement, or, where the
connection broke while COMMIT was on its way, by the marker row that the transaction wrote. Whether that row is there
is decided once the server has recovered, so there is nothing to wait for.
"""

import threading
import time
from collections import defaultdict, deque

import psycopg

from cluster import Cluster
from ledger import Fate, Ledger, Transaction
from report import Report

HANG = "90s"  # nothing here waits that long unless it waits for ever


class Lost(Exception):
    """The connection broke. The transaction on it is over, or about to be resolved."""


class Given(Exception):
    """The server ended the transaction, as it may: a deadlock or serialization failure that is documented."""


class Activity:
    """What each backend of the test was doing when, so that a deadlock's parties can be named."""

    def __init__(self):
        self.lock = threading.Lock()
        self.calls = defaultdict(lambda: deque(maxlen=8))

    def begin(self, pid: int, name: str, single: bool):
        with self.lock:
            self.calls[pid].append([time.monotonic(), None, name, single])

    def end(self, pid: int):
        with self.lock:
            if self.calls[pid]:
                self.calls[pid][-1][1] = time.monotonic()

    def since(self, pid: int, moment: float) -> list[tuple[str, bool]]:
        with self.lock:
            return [(name, single) for _, end, name, single in self.calls[pid] if end is None or end >= moment]


class World:
    """What all parts of a run share."""

    def __init__(self, cluster: Cluster, ledger: Ledger, report: Report, seconds: float):
        self.cluster = cluster
        self.ledger = ledger
        self.report = report
        self.activity = Activity()
        self.deadline = time.monotonic() + seconds
        self.stopping = threading.Event()
        self.counts = defaultdict(int)  # what was done, for the last lines
        self.counts_lock = threading.Lock()

    def count(self, what: str, n: int = 1):
        with self.counts_lock:
            self.counts[what] += n

    @property
    def over(self) -> bool:
        return self.stopping.is_set() or time.monotonic() >= self.deadline

    def pace(self, seconds: float):
        """Lets time pass, as between two requests; ends with the run."""
        self.stopping.wait(max(0.0, min(seconds, self.deadline - time.monotonic())))


class Session:
    def __init__(self, world: World, name: str):
        self.world = world
        self.name = name
        self.epoch = -1
        self.connection: psycopg.Connection | None = None

    def open(self) -> psycopg.Connection:
        """Connects, over a crash if one is on."""
        while self.connection is None or self.connection.closed:
            epoch = self.world.cluster.epoch
            try:
                self.connection = self.world.cluster.connect(self.name)
                self.connection.execute(f"SET lock_timeout = '{HANG}'; SET statement_timeout = '{HANG}'")
                self.epoch = epoch
            except psycopg.OperationalError as error:
                if self.world.cluster.epoch == 0:
                    raise
                self.close()
                if time.monotonic() > self.world.deadline + 120:
                    raise RuntimeError("the server does not come back") from error
                time.sleep(0.02)  # recovering
        return self.connection

    def close(self):
        if self.connection is not None and not self.connection.closed:
            self.connection.close()
        self.connection = None

    @property
    def pid(self) -> int:
        return self.connection.info.backend_pid

    def execute(self, query: str, parameters=None) -> psycopg.Cursor:
        """Errors come as they are; a broken connection as Lost."""
        try:
            return self.open().execute(query, parameters)
        except psycopg.Error as error:
            if self.is_loss(error):
                self.lose(error)
            raise

    def copy(self, statement, rows: list[list]):
        try:
            with self.open().cursor() as cursor, cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            if self.is_loss(error):
                self.lose(error)
            raise

    def is_loss(self, error: psycopg.Error) -> bool:
        return self.connection is None or self.connection.closed or (error.sqlstate or "").startswith("57P")

    def lose(self, error: psycopg.Error):
        crashed = self.world.cluster.epoch > self.epoch
        self.world.report.expect("errors", crashed, lambda: f"{self.name} lost its connection without a crash: {error}")
        self.close()
        raise Lost(str(error)) from error

    def has_marker(self, transaction: Transaction) -> bool:
        while True:
            try:
                return self.execute("SELECT EXISTS (SELECT FROM torture.marker WHERE number = %s)",
                                    [transaction.number]).fetchone()[0]
            except Lost:
                continue

    def is_prepared(self, gid: str) -> bool:
        while True:
            try:
                return self.execute("SELECT EXISTS (SELECT FROM pg_prepared_xacts WHERE gid = %s)", [gid]).fetchone()[0]
            except Lost:
                continue

    def explain_deadlock(self, error: psycopg.Error, began: float) -> tuple[bool, str]:
        """Whether a transaction of several calls had part in it, and what all were doing."""
        detail = error.diag.message_detail or ""
        parties = []
        several = False
        for line in detail.splitlines():
            words = line.split()
            if line.startswith("Process") and words[1].isdigit():
                doing = self.world.activity.since(int(words[1]), began)
                several |= any(not single for _, single in doing)
                parties.append(f"{line} ({', '.join(name for name, _ in doing) or 'not of the test'})")
        return several, "\n".join(parties) or detail


class Attempt:
    """One transaction of a session: with Attempt(session, ...) as t: ...; then commit, rollback or prepare.

    Leaving the block without having ended it rolls back. Serialization failures end it as Given where the isolation
    level can have them, deadlocks where several calls are in play.
    """

    def __init__(self, session: Session, name: str, single: bool = False, isolation: str = "READ COMMITTED",
                 marker_first: bool = True):
        self.session = session
        self.world = session.world
        self.name = name
        self.single = single
        self.isolation = isolation
        self.marker_first = marker_first
        self.transaction: Transaction | None = None
        self.ended = False

    def __enter__(self) -> "Attempt":
        self.session.open()
        self.transaction = self.world.ledger.begin()
        self.began = time.monotonic()
        self.backend = self.session.pid
        self.world.activity.begin(self.backend, self.name, self.single)
        try:
            self.execute(f"BEGIN ISOLATION LEVEL {self.isolation}")
            if self.marker_first:
                self.mark()
        except BaseException:
            self.abort()
            raise
        return self

    def __exit__(self, kind, error, trace):
        try:
            if not self.ended:
                self.abort()
        finally:
            self.world.activity.end(self.backend)
        return kind in (Given, Lost)

    def mark(self):
        self.execute("INSERT INTO torture.marker VALUES (%s)", [self.transaction.number])

    def execute(self, query: str, parameters=None, expected: str | None = None) -> psycopg.Cursor:
        """Raises Lost, Given, or the error whose SQLSTATE is expected; any other is a failure of the run."""
        try:
            return self.session.execute(query, parameters)
        except psycopg.Error as error:
            if error.sqlstate == expected:
                raise
            self.judge(error, query)

    def savepoint(self, name: str) -> int:
        self.execute(f"SAVEPOINT {name}")
        return self.transaction.savepoint()

    def roll_back_to(self, name: str, place: int):
        self.execute(f"ROLLBACK TO {name}")
        self.transaction.roll_back_to(place)

    def copy(self, statement, rows: list[list]):
        try:
            self.session.copy(statement, rows)
        except psycopg.Error as error:
            self.judge(error, "COPY")

    def judge(self, error: psycopg.Error, query):
        query = str(query)
        if error.sqlstate == "40P01":
            several, parties = self.session.explain_deadlock(error, self.began)
            self.world.count("deadlocks of several calls")
            self.world.report.expect("deadlocks", several, f"{self.name}: {parties}")
        elif error.sqlstate == "40001" and self.isolation != "READ COMMITTED" and "refresh" not in query:
            self.world.count("serialization failures")
        else:
            self.world.report.expect("refresh" if "analytics.refresh" in query else "errors", False,
                                     f"{self.name}: {query[:200]}: {error.sqlstate} {error}"
                                     f" {error.diag.message_detail or ''} {error.diag.context or ''}")
        raise Given(error.sqlstate) from error

    def abort(self):
        """Ends it without a trace."""
        self.ended = True
        if self.session.connection is not None and not self.session.connection.closed:
            try:
                self.session.execute("ROLLBACK")
            except Lost:
                pass
        self.world.ledger.end(self.transaction, Fate.ABORTED)

    def rollback(self):
        self.abort()
        self.world.count("rollbacks")

    def commit(self):
        if not self.marker_first:
            self.mark()
        try:
            self.execute("COMMIT")
        except Lost:
            self.ask()
            raise
        self.committed()

    def ask(self):
        """The connection broke while the server was committing: what came of it is asked after its recovery."""
        self.ended = True
        committed = self.session.has_marker(self.transaction)
        self.world.count("commits resolved after a crash")
        self.world.ledger.end(self.transaction, Fate.COMMITTED if committed else Fate.ABORTED)

    def committed(self):
        self.ended = True
        self.world.ledger.end(self.transaction, Fate.COMMITTED)
        self.world.count("commits")
        for key in ("deadlocks", "errors"):
            self.world.report.expect(key, True)

    def prepare(self):
        """PREPARE TRANSACTION; whether it came to that is then known for sure."""
        if not self.marker_first:
            self.mark()
        gid = f"torture-{self.transaction.number}"
        self.world.ledger.reserve(self.transaction)
        self.transaction.prepared_as = gid
        lost = False
        try:
            self.execute(f"PREPARE TRANSACTION '{gid}'")
        except Lost:
            lost = True
        self.ended = True
        if lost and not self.session.is_prepared(gid):
            self.world.ledger.end(self.transaction, Fate.ABORTED)
            raise Lost("before PREPARE TRANSACTION")
        self.transaction.fate = Fate.PREPARED
        self.world.count("prepared")


class OneStatement(Attempt):
    """A transaction of one statement, committed by itself."""

    def __init__(self, session: Session, name: str):
        super().__init__(session, name, single=True)
        self.done = False

    def __enter__(self) -> "OneStatement":
        self.session.open()
        self.transaction = self.world.ledger.begin()
        self.began = time.monotonic()
        self.backend = self.session.pid
        self.world.activity.begin(self.backend, self.name, self.single)
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.committed()
        return super().__exit__(kind, error, trace)

    def execute(self, query: str, parameters=None, expected: str | None = None) -> psycopg.Cursor:
        if self.done:  # something is asked about it
            return self.session.execute(query, parameters)
        marked = f"WITH marked AS (INSERT INTO torture.marker VALUES ({self.transaction.number})) {query}"
        try:
            answer = super().execute(marked, parameters, expected)
        except Lost:
            self.ask()
            raise
        self.done = True
        return answer
