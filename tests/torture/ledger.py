"""The ledger: what must stand in the database, kept outside of it, from what was sent and what was acknowledged.

Identity: an order for purchases that name one, else the event's id. Of its committed versions the highest stands,
unless a retraction took that one back; versions of equal rank count once, the first that committed. So the ledger is a
maximum for each identity and a set of retracted tokens, and the order in which transactions are entered says nothing.
Private identities are written by one writer, which can therefore predict every answer; shared ones by all.
"""

import itertools
import threading
from dataclasses import dataclass, field
from enum import Enum

from shop import Version


class Fate(Enum):
    OPEN = "open"
    PREPARED = "prepared"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass
class Frame:
    """What a transaction did between two savepoints."""

    sends: list[Version] = field(default_factory=list)
    accepted_races: list[Version] = field(default_factory=list)
    retractions: list[Version] = field(default_factory=list)
    rejected: int = 0


@dataclass(eq=False)
class Transaction:
    """One transaction of a writer. Its id stands in the marker table if and only if it committed."""

    number: int
    frames: list[Frame] = field(default_factory=lambda: [Frame()])
    fate: Fate = Fate.OPEN
    prepared_as: str | None = None
    touched: set[tuple] = field(default_factory=set)  # identities, rolled back savepoints included

    @property
    def top(self) -> Frame:
        return self.frames[-1]

    def savepoint(self) -> int:
        self.frames.append(Frame())
        return len(self.frames) - 1

    def roll_back_to(self, savepoint: int):
        del self.frames[savepoint:]
        self.frames.append(Frame())

    @property
    def sends(self) -> list[Version]:
        return [version for frame in self.frames for version in frame.sends]

    @property
    def retractions(self) -> list[Version]:
        return [version for frame in self.frames for version in frame.retractions]


@dataclass
class Forecast:
    """How many of a batch must be accepted, as far as it can be known before: at least, at most."""

    at_least: int = 0
    at_most: int = 0
    rejected: int = 0
    uncertain: list[Version] = field(default_factory=list)  # accepted if nothing higher was sent meanwhile


class Ledger:
    def __init__(self):
        self.lock = threading.RLock()
        self.standing: dict[tuple, Version] = {}
        self.retracted: set[str] = set()
        self.highest_sent: dict[tuple, int] = {}  # revision of shared identities
        self.shared_versions: dict[tuple, list[Version]] = {}
        self.senders: dict[str, set[int]] = {}  # transactions that sent a shared version, by its token
        self.races: dict[tuple, list[Version]] = {}  # committed and accepted versions of equal rank
        self.raced: set[tuple] = set()  # identities with a committed version of equal rank
        self.reserved: set[tuple] = set()  # private identities in a transaction whose fate is open
        self.transactions: list[Transaction] = []
        self.rejected = 0
        self.resendable: list[Version] = []
        self.numbers = itertools.count(1)

    def begin(self) -> Transaction:
        with self.lock:
            transaction = Transaction(next(self.numbers))
            self.transactions.append(transaction)
            return transaction

    def reserve(self, transaction: Transaction):
        """Its private identities are left alone until its fate is known."""
        with self.lock:
            self.reserved.update(transaction.touched)

    def next_revision(self, identity) -> int:
        """Of a shared identity: higher than all that anybody sent."""
        with self.lock:
            revision = self.highest_sent.get(identity, 0) + 1
            self.highest_sent[identity] = revision
            return revision

    def add_shared(self, version: Version) -> Version:
        with self.lock:
            self.shared_versions.setdefault(version.identity, []).append(version)
        return version

    def versions_of(self, identity) -> list[Version]:
        with self.lock:
            return list(self.shared_versions.get(identity, ()))

    def current(self, identity, transaction: Transaction | None = None) -> Version | None:
        """The version that stands or, taken back, stood last, in the eyes of a transaction."""
        with self.lock:
            best = self.standing.get(identity)
        for version in transaction.sends if transaction else ():
            if version.identity == identity and (best is None or version.rank > best.rank):
                best = version
        return best

    def stands(self, version: Version, transaction: Transaction | None = None) -> bool:
        taken_back = transaction is not None and any(version is other for other in transaction.retractions)
        return version.token not in self.retracted and not taken_back

    def forecast(self, batch: list[Version], transaction: Transaction) -> Forecast:
        """To be asked right before the call, whose versions others may meet from then on."""
        with self.lock:
            for version in batch:
                if version.shared:
                    self.senders.setdefault(version.token, set()).add(transaction.number)
        result = Forecast()
        ranks = {}
        for version in batch:
            if version.bad:
                result.rejected += 1
                continue
            if version.identity not in ranks:
                current = self.current(version.identity, transaction)
                ranks[version.identity] = current.rank if current else (0,)
            if version.rank <= ranks[version.identity]:
                continue
            ranks[version.identity] = version.rank
            result.at_most += 1
            if version.shared:
                result.uncertain.append(version)
            elif not version.race:
                result.at_least += 1
        return result

    def settle_forecast(self, forecast: Forecast):
        """After the call: a shared version that is still the highest, and that nobody else sent, was accepted."""
        with self.lock:
            forecast.at_least += sum(version.revision == self.highest_sent[version.identity]
                                     and len(self.senders[version.token]) == 1 for version in forecast.uncertain)

    def end(self, transaction: Transaction, fate: Fate):
        with self.lock:
            if transaction.fate in (Fate.COMMITTED, Fate.ABORTED):
                raise AssertionError(f"transaction {transaction.number} ends twice")
            transaction.fate = fate
            if fate is Fate.COMMITTED:
                for frame in transaction.frames:
                    self._enter(frame)
            if fate in (Fate.COMMITTED, Fate.ABORTED):
                self.reserved -= transaction.touched

    def _enter(self, frame: Frame):
        self.rejected += frame.rejected
        for version in frame.sends:
            if version.race:
                self.raced.add(version.identity)
                if not any(version is accepted for accepted in frame.accepted_races):
                    continue
                self.races.setdefault(version.identity, []).append(version)
            stands = self.standing.get(version.identity)
            if stands is None or version.rank > stands.rank:
                self.standing[version.identity] = version
            if version not in self.resendable[-500:]:
                self.resendable.append(version)
        self.retracted.update(version.token for version in frame.retractions)

    def survivors(self) -> list[Version]:
        """What must stand: one version of each identity, those taken back left out."""
        with self.lock:
            return [version for version in self.standing.values() if version.token not in self.retracted]
