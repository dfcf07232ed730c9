"""What a writer sends: new events, changes of its own, everybody's shared ones, and what was sent before."""

import random
from collections import deque

from ledger import Ledger
from shop import STORES, Catalogue, Generator, Version

SHARED_ORDERS = 24
SHARED_EVENTS = 12


class Shared:
    """Events that every writer revises, and races: versions of equal rank that two writers send at once."""

    def __init__(self, catalogue: Catalogue, seed: int):
        self.catalogue = catalogue
        self.races: deque[Version] = deque()
        generator = Generator(random.Random(f"{seed} shared"), "shared", catalogue)
        orders = [generator.purchase(STORES[i % 3], shared=True, order_id=f"shared-order-{i}", revision=0)
                  for i in range(SHARED_ORDERS)]
        events = [generator.browse(STORES[i % 3], shared=True, revision=0) for i in range(SHARED_EVENTS)]
        self.patterns = orders + events  # never sent themselves


class Sender:
    def __init__(self, ledger: Ledger, rng: random.Random, name: str, shared: Shared):
        self.ledger = ledger
        self.rng = rng
        self.name = name
        self.shared = shared
        self.generator = Generator(rng, name, shared.catalogue)
        self.mine: list[Version] = []  # a version of each private identity
        self.refunds: dict[tuple, list[Version]] = {}  # of orders that change no more
        self.final: set[tuple] = set()  # orders refunded in full, and refunds

    def new_event(self) -> Version:
        kind = self.rng.choices(["purchase", "browse", "refund_of_amount", "bad"], [55, 33, 9, 3])[0]
        return getattr(self.generator, kind)(self.rng.choice(STORES))

    def own_event(self) -> Version | None:
        """What stands, or stood last, of an identity of one's own whose fate is known and that may change."""
        for _ in range(10):
            if not self.mine:
                return None
            version = self.ledger.current(self.rng.choice(self.mine).identity)
            if version and not {version.identity} & (self.ledger.reserved | self.refunds.keys() | self.final):
                return version
        return None

    def own_order(self) -> Version | None:
        """An order of one's own that stands and has not been refunded in full."""
        for _ in range(10):
            if not self.mine:
                return None
            version = self.ledger.current(self.rng.choice(self.mine).identity)
            if version and version.identity[1] == "o" and self.ledger.stands(version) \
                    and version.identity not in self.ledger.reserved and version.identity not in self.final:
                return version
        return None

    def changed_event(self) -> Version | None:
        """A higher revision, a lower one, a second sender of the order, a later updated_at, or the same again."""
        version = self.own_event()
        if version is None or self.rng.random() < 0.2:
            return version
        given = {"revision": max(1, version.revision + self.rng.choice([1, 1, 1, 2, 0, -1]))}
        if version.identity[1] == "o":
            if self.rng.random() < 0.4:
                given["event_id"] = self.generator.fresh("other-sender")
            if self.rng.random() < 0.3:
                given["updated_at"] = self.generator.moment(STORES[0])
        return self.generator.another(version, **given)

    def shared_event(self) -> Version:
        """Mostly a revision above all others, sometimes an older one, late."""
        pattern = self.rng.choice(self.shared.patterns)
        versions = self.ledger.versions_of(pattern.identity)
        if versions and self.rng.random() < 0.25:
            return self.rng.choice(versions[-4:])
        event_id = pattern.event_id
        if pattern.identity[1] == "o" and self.rng.random() < 0.5:
            event_id += "-again"
        revision = self.ledger.next_revision(pattern.identity)
        return self.ledger.add_shared(self.generator.another(pattern, revision=revision, event_id=event_id))

    def known_event(self) -> Version | None:
        """What anybody sent and committed: a retry."""
        version = self.rng.choice(self.ledger.resendable[-2000:]) if self.ledger.resendable else None
        return None if version is None or version.identity in self.ledger.reserved else version

    def batch(self, changes: bool = True) -> list[Version]:
        """Events of all sorts in any order, one of them twice now and then; without changes new ones alone."""
        events = []
        for _ in range(self.rng.choice([1, 1, 2, 3, 5, 8, 13])):
            kind = self.rng.random() if changes else 1
            event = (self.changed_event() if kind < 0.2 else self.shared_event() if kind < 0.4
                     else self.known_event() if kind < 0.5 else None)
            events.append(event or self.new_event())
        if self.rng.random() < 0.2:
            events.append(self.rng.choice(events))
        self.rng.shuffle(events)
        return events

    def keep(self, batch: list[Version]):
        """These are one's own from now on."""
        self.mine += [version for version in batch if not version.bad and not version.shared and not version.race
                      and version.token.startswith(f"v-{self.name}-")]
