"""Who else takes part: one that ends prepared transactions, one that holds a transaction open for the whole run, one
that commits all the time, one that compares the views all the while, one that crashes the server, and one that takes
the engine's state away."""

import heapq
import itertools
import random
import threading
import time
import traceback

import psycopg

from calls import ingest, refresh
from ledger import Fate, Transaction
from oracle import check_views
from sending import Sender, Shared
from session import Attempt, Lost, OneStatement, Session, World


class Party(threading.Thread):
    """A thread whose failure is the run's."""

    def __init__(self, world: World, name: str):
        super().__init__(name=name)
        self.world = world
        self.session = Session(world, name)

    def run(self):
        try:
            while True:
                try:
                    return self.work()
                except Lost:
                    continue  # a crash; the work goes on
        except Exception:
            self.world.report.expect("errors", False, f"{self.name} broke:\n{traceback.format_exc()}")
        finally:
            self.session.close()


class Finisher(Party):
    """Ends prepared transactions, from a connection of its own, each at its time. Crashes must not lose one."""

    def __init__(self, world: World):
        super().__init__(world, "finisher")
        self.due = []
        self.order = itertools.count()
        self.changed = threading.Condition()
        self.closing = False

    def add(self, transaction: Transaction, commit: bool, after: float):
        with self.changed:
            heapq.heappush(self.due, (time.monotonic() + after, next(self.order), transaction, commit))
            self.changed.notify()

    def close(self):
        """No more will come; all that are due or not are ended."""
        with self.changed:
            self.closing = True
            self.changed.notify()

    def work(self):
        while (item := self.next()) is not None:
            self.finish(*item)

    def next(self):
        with self.changed:
            while True:
                now = time.monotonic()
                if self.due and (self.closing or self.due[0][0] <= now):
                    return heapq.heappop(self.due)[2:]
                if self.closing:
                    return None
                self.changed.wait(self.due[0][0] - now if self.due else None)

    def finish(self, transaction: Transaction, commit: bool):
        gid, word = transaction.prepared_as, "COMMIT" if commit else "ROLLBACK"
        there = self.session.is_prepared(gid)
        self.world.report.expect("prepared", there, f"{gid} was acknowledged and is gone")
        while there:
            try:
                self.session.execute(f"{word} PREPARED '{gid}'")
                there = False
            except Lost:
                there = self.session.is_prepared(gid)
                self.world.count("commits resolved after a crash")
        committed = self.session.has_marker(transaction)
        self.world.report.equal("prepared", commit, committed, f"{gid} committed")
        self.world.ledger.end(transaction, Fate.COMMITTED if committed else Fate.ABORTED)


class Holder(Party):
    """Holds one transaction open, with new events in it, from crash to crash and to the end of the run."""

    def __init__(self, world: World, seed: int, shared: Shared):
        super().__init__(world, "holder")
        self.sender = Sender(world.ledger, random.Random(f"{seed} holder"), "holder", shared)

    def work(self):
        while not self.world.over:
            with_crash = self.world.cluster.epoch
            with Attempt(self.session, "holder: hold open") as t:
                ingest(t, self.sender.batch(changes=False), self.sender.rng)
                while not self.world.over and self.world.cluster.epoch == with_crash:
                    self.world.pace(0.2)
                ingest(t, self.sender.batch(changes=False), self.sender.rng)
                t.commit()


class Pulse(Party):
    """Small commits in quick succession, so that some fall between any two steps of a refresh."""

    def __init__(self, world: World, seed: int, shared: Shared):
        super().__init__(world, "pulse")
        self.sender = Sender(world.ledger, random.Random(f"{seed} pulse"), "pulse", shared)

    def work(self):
        while not self.world.over:
            with OneStatement(self.session, "pulse: send one") as t:
                ingest(t, [self.sender.new_event()], self.sender.rng)
            self.world.pace(0.005)


class Checker(Party):
    """Compares every view with its recomputation, over and over; once more right after each crash."""

    def work(self):
        seen = 0
        while not self.world.over or seen < self.world.cluster.epoch:
            try:
                epoch = self.world.cluster.epoch
                key = "views after crash" if epoch > seen else "views"
                check_views(self.session.open(), self.world.report, key)
                seen = epoch if self.session.epoch == epoch else seen
                self.world.count("rounds of comparing all views")
            except psycopg.Error as error:
                if not self.session.is_loss(error):
                    raise
                try:
                    self.session.lose(error)
                except Lost:
                    continue


class Crasher(Party):
    """Two crashes: kill -9 of a backend that has merged and not committed, and an immediate shutdown."""

    def __init__(self, world: World, moments: list[float]):
        super().__init__(world, "crasher")
        self.moments = moments

    def work(self):
        for number, moment in enumerate(self.moments):
            self.world.pace(moment - time.monotonic())
            if self.world.over:
                return
            [self.kill_refresh, self.shut_down][number % 2]()
            self.world.count("crashes")

    def kill_refresh(self):
        epoch = self.world.cluster.epoch
        while self.world.cluster.epoch == epoch:
            with Attempt(self.session, "crasher: refresh") as t:
                refresh(t, True)
                self.world.cluster.kill_backend(self.session.pid)
                t.execute("SELECT 1")

    def shut_down(self):
        self.world.cluster.crash()


class Restorer(Party):
    """Leaves the engine without its state, as after a restore: all is tail, and the next refresh builds anew.

    A transaction whose snapshot is from before the first refresh refreshes after it: null or a number, here too.
    """

    def __init__(self, world: World, moment: float):
        super().__init__(world, "restorer")
        self.moment = moment
        self.second = Session(world, "restorer, second")
        self.third = Session(world, "restorer, third")

    def work(self):
        self.world.pace(self.moment - time.monotonic())
        epoch = None
        while not self.world.over and self.world.cluster.epoch != epoch:
            epoch = self.world.cluster.epoch
            self.forget()  # once more if a crash came in between
        self.second.close()
        self.third.close()

    def forget(self):
        # one at a time, so that no refresh slips in: the state goes while this one holds the engine's lock
        with Attempt(self.session, "restorer: lock") as lock:
            lock.execute("LOCK TABLE analytics.engine_lock IN EXCLUSIVE MODE")
            with Attempt(self.second, "restorer: forget") as t:
                for (name,) in t.execute("SELECT name FROM analytics.rollup").fetchall():
                    t.execute(f"DELETE FROM analytics.rollup_{name}")
                t.execute("DELETE FROM analytics.rollup_state")
                t.commit()
            with Attempt(self.third, "restorer: old snapshot", isolation="REPEATABLE READ") as old:
                old.execute("SELECT count(*) FROM analytics.rollup_state")
                lock.commit()
                with Attempt(self.second, "restorer: refresh") as t:
                    refresh(t, True)
                    t.commit()
                refresh(old, True)
                old.commit()
                self.world.count("restores")
