"""A writer: one of eight clients that send, correct, retract and refresh, each in its own order."""

import random
import threading
import traceback

import psycopg

from calls import direct, figures, ingest, left_of, refresh, retract, standing_refunds
from parties import Finisher
from sending import Sender, Shared
from session import Attempt, Given, Lost, Session, World
from shop import STORES, Version

# How often each action is taken, of 100 or so.
ACTIONS = {
    "send": 30, "send_and_roll_back": 7, "send_with_savepoints": 10, "send_in_two_phases": 7, "hold_open": 1,
    "write_directly": 8, "write_known_directly": 3, "refund": 6, "take_back": 8, "take_back_shared": 4, "race": 8,
    "refresh_between": 6, "refresh_alone": 4, "refresh_in_old_snapshot": 3, "refresh_after_old_snapshot": 2,
    "rebuild": 0.7, "change_setting": 0.5, "speak_as_shop": 3, "probe": 9,
}


class Writer(threading.Thread):
    def __init__(self, world: World, number: int, seed: int, shared: Shared, finisher: Finisher):
        super().__init__(name=f"writer {number}")
        self.world = world
        self.ledger = world.ledger
        self.number = number
        self.rng = random.Random(f"{seed} {number}")
        self.sender = Sender(world.ledger, self.rng, f"w{number}", shared)
        self.generator = self.sender.generator
        self.finisher = finisher
        self.session = Session(world, self.name)
        self.second = Session(world, f"{self.name}, second")
        self.probes: dict[tuple, Version] = {}

    def run(self):
        names, weights = list(ACTIONS), list(ACTIONS.values())
        try:
            while not self.world.over:
                action = self.rng.choices(names, weights)[0]
                try:
                    getattr(self, action)()
                    self.world.count(action.replace("_", " "))
                except (Lost, Given):
                    pass
                self.world.pace(self.rng.random() * 0.02)
        except Exception:
            self.world.report.expect("errors", False, f"{self.name} broke:\n{traceback.format_exc()}")
        finally:
            self.session.close()
            self.second.close()

    def attempt(self, name: str, single: bool = False, isolation: str = "READ COMMITTED",
                session: Session | None = None) -> Attempt:
        return Attempt(session or self.session, f"{self.name}: {name}", single, isolation, self.rng.random() < 0.5)

    def end(self, t: Attempt, batch: list[Version], commits: float):
        """Commits with this probability, else rolls back."""
        if self.rng.random() < commits:
            t.commit()
            self.sender.keep(batch)
        else:
            t.rollback()

    def send(self):
        with self.attempt("send", single=True) as t:
            batch = self.sender.batch()
            ingest(t, batch, self.rng)
            self.end(t, batch, commits=1)

    def send_and_roll_back(self):
        with self.attempt("send and roll back", single=True) as t:
            ingest(t, self.sender.batch(), self.rng)
            t.rollback()

    def send_with_savepoints(self):
        with self.attempt("send with savepoints") as t:
            kept = self.sender.batch()
            ingest(t, kept, self.rng)
            for _ in range(self.rng.randint(1, 2)):
                batch = self.sender.batch()
                kept = kept + batch
                outer = t.savepoint("here")
                ingest(t, batch, self.rng)
                if self.rng.random() < 0.3:
                    inner = t.savepoint("inside")
                    ingest(t, self.sender.batch(changes=False), self.rng)
                    if self.rng.random() < 0.2:
                        refresh(t, False)
                    t.roll_back_to("inside", inner)
                if self.rng.random() < 0.6:
                    t.roll_back_to("here", outer)
                    ingest(t, batch, self.rng)  # once more: now it counts
                if self.rng.random() < 0.5:
                    t.execute("RELEASE here")
            self.end(t, kept, commits=0.9)

    def send_in_two_phases(self):
        between = self.rng.random() < 0.2
        with self.attempt("send in two phases", single=not between) as t:
            batch = self.sender.batch()
            ingest(t, batch, self.rng)
            if between:
                refresh(t, True)
                ingest(t, self.sender.batch(changes=False), self.rng)
            t.prepare()
            self.sender.keep(batch)
            # whoever refreshed holds up all other refreshes until it ends
            self.finisher.add(t.transaction, commit=self.rng.random() < 0.7,
                              after=self.rng.random() * (0.2 if between else 1.5))

    def hold_open(self):
        """New events alone, so that nobody waits for them; everything else goes on meanwhile."""
        with self.attempt("hold open") as t:
            batch, more = self.sender.batch(changes=False), self.sender.batch(changes=False)
            ingest(t, batch, self.rng)
            self.world.pace(1 + self.rng.random() * 3)
            ingest(t, more, self.rng)
            self.end(t, batch + more, commits=0.7)

    def direct_batch(self) -> list[Version]:
        """New events that may be written straight into the log, each once."""
        batch = [event for event in self.sender.batch(changes=False) if event.can_be_direct]
        return list({event.identity: event for event in batch}.values())

    def write_directly(self):
        batch = self.direct_batch()
        if not batch:
            return
        with self.attempt("write directly", single=True) as t:
            direct(t, batch, self.rng)
            self.end(t, batch, commits=0.8)

    def write_known_directly(self):
        """One known event spoils a direct statement, and nothing of it stays; ingest then takes the others."""
        known = self.sender.own_event()
        if known is None:
            return
        with self.attempt("write known directly") as t:
            batch = self.direct_batch()
            place = t.savepoint("here")
            try:
                direct(t, batch + [known], self.rng, expected="23505")
                self.world.report.expect("direct duplicates", False, f"{known.identity} was written a second time")
            except psycopg.errors.UniqueViolation as error:
                self.world.report.expect("direct duplicates", "known already" in str(error), str(error))
            t.roll_back_to("here", place)
            ingest(t, batch + [known], self.rng)
            self.end(t, batch, commits=1)

    def refund(self):
        """A part of an order of one's own, or whatever it has left, or one after the other."""
        order = self.sender.own_order()
        if order is None:
            return
        refunds = self.sender.refunds.setdefault(order.identity, [])
        with self.attempt("refund", single=True) as t:
            batch = []
            left, shipping = left_of(order, standing_refunds(self.ledger, refunds))
            if self.rng.random() < 0.6:
                part = self.generator.refund_of_items(order, left)
                batch += [part] if part else []
            if not batch or self.rng.random() < 0.4:
                left, shipping = left_of(order, standing_refunds(self.ledger, refunds) + batch)
                batch.append(self.generator.refund_in_full(order, left, shipping))
            self.sender.final.update(version.identity for version in batch)
            if batch[-1].full_refund:
                self.sender.final.add(order.identity)
            refunds += batch
            ingest(t, batch, self.rng)
            self.end(t, batch, commits=0.85)

    def take_back(self):
        version = self.sender.own_event()
        if version is None:
            return
        with self.attempt("take back") as t:
            retract(t, version, version.event_id)
            if self.rng.random() < 0.3:
                retract(t, version, version.event_id)  # a second time: nothing is left
            if self.rng.random() < 0.3:
                ingest(t, [version], self.rng)  # stays a duplicate
            self.end(t, [], commits=0.75)

    def take_back_shared(self):
        pattern = self.rng.choice(self.sender.shared.patterns)
        with self.attempt("take back shared", single=True) as t:
            retract(t, pattern, pattern.event_id)
            self.end(t, [], commits=0.7)

    def race(self):
        """The same order, or the same event, at the same moment on two connections: one of them counts."""
        races = self.sender.shared.races
        try:
            version = races.popleft()
        except IndexError:
            version = self.generator.purchase(self.rng.choice(STORES), race=True, order_id=self.generator.fresh("race"))
            second = version
            if self.rng.random() < 0.6:
                second = self.generator.another(version, event_id=self.generator.fresh("second-sender"))
            races.append(second)
        with self.attempt("race", single=True) as t:
            ingest(t, [version], self.rng)
            self.world.pace(self.rng.random() * 0.03)
            self.end(t, [], commits=0.8)

    def refresh_between(self):
        """What the own transaction writes before and after its own refresh is all merged later, once."""
        isolation = self.rng.choice(["READ COMMITTED", "READ COMMITTED", "REPEATABLE READ"])
        with self.attempt("refresh between", isolation=isolation) as t:
            batch, more = self.sender.batch(), self.sender.batch()
            ingest(t, batch, self.rng)
            refresh(t, self.rng.random() < 0.4)
            ingest(t, more, self.rng)
            if self.rng.random() < 0.3:
                refresh(t, self.rng.random() < 0.4)
            self.end(t, batch + more, commits=0.8)

    def refresh_alone(self):
        with self.attempt("refresh alone", single=True) as t:
            refresh(t, self.rng.random() < 0.2)
            self.end(t, [], commits=0.9)

    def refresh_in_old_snapshot(self):
        """Null or a number, whatever others merged since the snapshot."""
        with self.attempt("refresh in old snapshot", isolation="REPEATABLE READ") as t:
            t.execute("SELECT count(*) FROM analytics.rollup_state")
            self.world.pace(self.rng.random() * 0.15)
            refresh(t, self.rng.random() < 0.5)
            self.end(t, [], commits=1)

    def refresh_after_old_snapshot(self):
        """The same where another refresh came in between for sure."""
        with self.attempt("refresh after old snapshot", isolation="REPEATABLE READ") as t:
            t.execute("SELECT count(*) FROM analytics.rollup_state")
            batch = self.sender.batch(changes=False)
            with self.attempt("send", single=True, session=self.second) as other:
                ingest(other, batch, self.rng)
                self.end(other, batch, commits=1)
            with self.attempt("refresh alone", single=True, session=self.second) as other:
                refresh(other, True)
                self.end(other, [], commits=1)
            refresh(t, self.rng.random() < 0.3)
            self.end(t, [], commits=1)

    def rebuild(self):
        name = self.rng.choice(["sales_daily"] * 3 + ["sales_hourly", "sales_weekly", "sales_monthly", "product_daily"])
        with self.attempt("rebuild", single=True) as t:
            t.execute("SELECT * FROM analytics.rebuild(%s, %s)", [name, self.rng.choice([1, 1, 3])])
            self.end(t, [], commits=0.9)

    def change_setting(self):
        """Days and weeks of a store move, with all figures, in one transaction."""
        store = self.rng.choice(STORES).store_id
        key, column, values = self.rng.choice([
            ("timezone", "zone", ["UTC", "Asia/Kathmandu", "America/New_York", "Pacific/Auckland"]),
            ("week_start", "week_start", ["monday", "sunday", "saturday"])])
        value = self.rng.choice(values)
        with self.attempt("change setting") as t:
            t.execute("SELECT analytics.set_setting(%s, %s, %s)", [key, value, store])
            t.execute(f"UPDATE torture.zone SET {column} = %s WHERE store_id = %s", [value, store])
            self.end(t, [], commits=0.8)

    def speak_as_shop(self):
        """The shop's own upserts of products, some held for a while: nobody's figures wait for them."""
        store = self.rng.choice(STORES).store_id
        products = sorted(f"P{number:02d}" for number in self.rng.sample(range(15, 30), self.rng.randint(1, 3)))
        with self.attempt("speak as shop") as t:
            for product in products:
                category = self.rng.choice(["mugs", "books", "shoes"])
                word = [store, product, f"{product} by {self.number}", category, "own"]
                for table in ("analytics.product", "torture.shop_product"):
                    t.execute(f"INSERT INTO {table} (store_id, product_id, name, category, brand)"
                              " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (store_id, product_id) DO UPDATE"
                              " SET name = excluded.name, category = excluded.category, brand = excluded.brand", word)
            self.world.pace(self.rng.choice([0, 0, 0.4]))
            if self.rng.random() < 0.2:
                refresh(t, False)
            self.end(t, [], commits=0.8)

    def probe(self):
        """Figures of a channel that this writer alone sells through: known to the cent before and after COMMIT."""
        channel = f"probe-{self.number}"
        event = None
        if self.probes and self.rng.random() < 0.4:
            event = self.ledger.current(self.rng.choice(list(self.probes)))
        with self.attempt("probe") as t:
            if event is None:
                event = self.generator.purchase(self.rng.choice(STORES), channel=channel, excluded=None)
                self.probes[event.identity] = event
                ingest(t, [event], self.rng)
            elif self.rng.random() < 0.6:
                event = self.generator.another(event, revision=event.revision + 1, excluded=None)
                ingest(t, [event], self.rng)
            else:
                retract(t, event, event.event_id)
            self.look(t, "own writes", event.store_id, channel, t.transaction)
            self.end(t, [], commits=0.75)
        with self.attempt("look", single=True, session=self.second) as t:
            self.look(t, "committed writes", event.store_id, channel, None)
            self.end(t, [], commits=0)

    def look(self, t: Attempt, key: str, store_id: str, channel: str, transaction):
        """A view's figures of a channel against the ledger's."""
        versions = [self.ledger.current(identity, transaction) for identity in self.probes]
        expected = figures([version for version in versions if version and version.store_id == store_id
                            and self.ledger.stands(version, transaction)])
        view = self.rng.choice(["sales_hourly", "sales_daily", "sales_weekly", "sales_monthly"])
        seen = t.execute(f"SELECT coalesce(sum(events), 0), coalesce(sum(orders), 0), coalesce(sum(gross_sales), 0),"
                         f" coalesce(sum(total_sales), 0) FROM analytics.{view} WHERE store_id = %s AND channel = %s",
                         [store_id, channel]).fetchone()
        self.world.report.equal(key, expected, seen, f"{view}: events, orders, gross_sales, total_sales of {channel}")
