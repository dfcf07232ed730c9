"""Three stores and what happens in them: versions of events, each as it is sent and as it must be stored.

A version never changes. Its token travels in the event's properties, so that every line in the log can be led back to
the very version that somebody sent, whatever identity, revision or transaction it came with.
"""

import itertools
import json
import random
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cached_property

from money import ZERO, settle

KATHMANDU_LIKE = timezone(timedelta(hours=5, minutes=45))
PRODUCTS = 30  # a store
CATEGORIES = ["mugs", "lamps", "books", "toys", "tea"]
CUSTOMERS = 240
SESSIONS = 500
COUNTRIES = ["DE", "GB", "US", None]
CHANNELS = ["web", "app", "marketplace", None]


@dataclass(frozen=True)
class Store:
    store_id: str
    zone: str  # at first
    currency: str
    week_start: str  # at first
    other_currency: str


STORES = [
    Store("main", "UTC", "USD", "monday", "EUR"),
    Store("ktm", "Asia/Kathmandu", "NPR", "sunday", "JPY"),
    Store("nyc", "America/New_York", "USD", "saturday", "CAD"),
]
STORE = {store.store_id: store for store in STORES}
MINOR_DIGITS = {"USD": 2, "EUR": 2, "NPR": 2, "JPY": 0, "CAD": 2}


@dataclass(frozen=True)
class Line:
    product_id: str | None
    quantity: int | None
    unit_price: Decimal | None
    amount: Decimal | None
    discount: Decimal
    tax: Decimal
    shipping: Decimal
    kind: str


@dataclass(eq=False)
class Version:
    """One version of one event: what is sent and what must stand if this version does."""

    token: str
    store_id: str
    event_type: str
    event_id: str
    order_id: str | None
    revision: int
    updated_at: datetime | None
    occurred_at: datetime
    customer_id: str | None
    session_id: str | None
    currency: str
    channel: str | None
    country: str | None
    excluded: str | None
    tax_included: bool
    lines: tuple[Line, ...]
    properties: tuple[dict, ...]  # of each line, as stored
    payload: dict
    shared: bool = False  # several writers send revisions of it
    race: bool = False  # several writers send versions of equal rank
    bad: bool = False  # must be rejected
    full_refund: bool = False  # lines are the server's; they are compared in sum

    @cached_property
    def identity(self) -> tuple[str, str, str]:
        if self.event_type == "purchase" and self.order_id is not None:
            return (self.store_id, "o", self.order_id)
        return (self.store_id, "e", self.event_id)

    @cached_property
    def rank(self) -> tuple:
        """Of two versions the higher one stands; no updated_at comes before any."""
        return (self.revision, self.updated_at is not None, self.updated_at or self.occurred_at.min)

    @property
    def can_be_direct(self) -> bool:
        return self.rank[:2] == (1, False) and not self.bad and not self.full_refund


class Number:
    """A decimal that goes into JSON as a number, digit for digit."""

    def __init__(self, value: Decimal):
        self.value = value


def to_json(value) -> str:
    text = json.dumps(value, default=lambda number: f"@@{number.value}@@")
    return re.sub(r'"@@([0-9.]+)@@"', r"\1", text)


@dataclass
class Catalogue:
    """What items say of a product. Three kinds, so that the present category can be known from outside:

    P00..P14 are named by every item, with a category that depends on the day: the latest day's holds.
    P15..P21 are named by the shop's own upserts alone.
    P22..P29 are named by both; their items are always older than any upsert, so that the shop's word holds.
    """

    start: datetime

    def news(self, product_id: str, occurred_at: datetime) -> dict:
        number = int(product_id[1:])
        if 15 <= number < 22:
            return {}
        era = int(occurred_at.timestamp()) // (20 * 86400)
        return {"name": f"{product_id} of {era}", "category": CATEGORIES[(number * 7 + era) % len(CATEGORIES)],
                "brand": f"brand {(number + era) % 4}"}


@dataclass
class Generator:
    """Makes versions. One for each writer, with a random generator of its own."""

    rng: random.Random
    name: str
    catalogue: Catalogue
    numbers: itertools.count = field(default_factory=lambda: itertools.count(1))

    def fresh(self, prefix: str) -> str:
        return f"{prefix}-{self.name}-{next(self.numbers)}"

    def moment(self, store: Store) -> datetime:
        """5 % late by up to two years, most within days; always some minutes before the run."""
        kind = self.rng.random()
        days = 730 if kind < 0.05 else 60 if kind < 0.25 else 3
        moment = self.catalogue.start - timedelta(minutes=2, seconds=self.rng.random() * days * 86400)
        return moment.replace(microsecond=self.rng.randrange(1000) * 1000)

    def timestamp(self, moment: datetime):
        form = self.rng.randrange(4)
        if form == 0:
            return int(moment.timestamp() * 1000 + 0.5)
        if form == 1:
            return moment.astimezone(KATHMANDU_LIKE).isoformat(timespec="milliseconds")
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def header(self, event_type: str, store: Store, **given) -> dict:
        rng = self.rng
        header = {
            "token": self.fresh("v"), "store_id": store.store_id, "event_type": event_type,
            "event_id": self.fresh("e"), "order_id": None, "revision": 1, "updated_at": None,
            "occurred_at": self.moment(store),
            "customer_id": f"c{rng.randrange(CUSTOMERS)}" if rng.random() < 0.85 else None,
            "session_id": f"s{rng.randrange(SESSIONS)}" if rng.random() < 0.8 else None,
            "currency": store.currency if rng.random() < 0.9 else store.other_currency,
            "channel": rng.choice(CHANNELS), "country": rng.choice(COUNTRIES),
            "excluded": "test" if rng.random() < 0.03 else None, "tax_included": False,
        }
        header.update(given)
        return header

    def money(self, low: int, high: int, currency: str) -> Decimal:
        return Decimal(self.rng.randrange(low, high)).scaleb(-MINOR_DIGITS[currency])

    def payload(self, header: dict, items: list[dict] | None, extra: dict) -> dict:
        payload = {"event": header["event_type"], "store": header["store_id"],
                   "timestamp": self.timestamp(header["occurred_at"]), "properties": {"v": header["token"]}}
        for key in ("customer_id", "session_id", "order_id", "channel", "country"):
            if header[key] is not None:
                payload[key] = header[key]
        if header["event_id"] != f"purchase:{header['order_id']}" or self.rng.random() < 0.5:
            payload["event_id"] = header["event_id"]
        if header["revision"] != 1 or self.rng.random() < 0.3:
            payload["revision"] = header["revision"]
        if header["updated_at"] is not None:
            payload["updated_at"] = header["updated_at"].isoformat()
        if header["currency"] != STORE[header["store_id"]].currency or self.rng.random() < 0.3:
            payload["currency"] = header["currency"]
        if header["excluded"]:
            payload["test"] = True
        if header["tax_included"]:
            payload["tax_included"] = True
        payload.update({key: self.number(value) for key, value in extra.items()})
        if items is not None:
            payload["items"] = [{key: self.number(value) for key, value in item.items()} for item in items]
        return payload

    def number(self, value):
        """Money as a JSON number or as a string: both are taken."""
        if isinstance(value, Decimal):
            return str(value) if self.rng.random() < 0.3 else Number(value)
        return value

    def version(self, header: dict, items: list[dict] | None, extra: dict, lines: list[Line], **flags) -> Version:
        if items is None:
            properties = [{"v": header["token"]}] * len(lines)
        else:
            properties = [{"v": header["token"]} | {k: item[k] for k in ("name", "category", "brand") if k in item}
                          for item in items]
        return Version(**header, lines=tuple(lines), properties=tuple(properties),
                       payload=self.payload(header, items, extra), **flags)

    def purchase(self, store: Store, shared: bool = False, race: bool = False, **given) -> Version:
        rng = self.rng
        header = self.header("purchase", store, **given)
        if "order_id" not in given:
            header["order_id"] = self.fresh("o") if rng.random() < 0.9 else None
            if header["order_id"] and rng.random() < 0.3:
                header["event_id"] = f"purchase:{header['order_id']}"
        currency, digits = header["currency"], MINOR_DIGITS[header["currency"]]
        way = rng.choice(["own", "own", "own", "order_discount", "order_tax", "tax_included"])
        items, extra = [], {}
        for _ in range(rng.randint(1, 4)):
            kind = "product"
            if way in ("own", "tax_included"):
                kind = rng.choices(["product", "gift_card", "fee"], [88, 6, 6])[0]
            item = {"price": self.money(100, 20000, currency), "quantity": rng.randint(1, 3), "kind": kind}
            if kind == "product":
                item["product_id"] = f"P{rng.randrange(PRODUCTS):02d}"
                item |= self.catalogue.news(item["product_id"], header["occurred_at"])
            elif kind == "fee":
                item["product_id"] = "FEE"
            value = item["price"] * item["quantity"]
            if way in ("own", "tax_included"):
                if rng.random() < 0.3:
                    item["discount"] = (value * rng.randrange(1, 60) / 100).quantize(Decimal(1).scaleb(-digits))
                if rng.random() < 0.6:
                    rest = value - item.get("discount", ZERO)
                    item["tax"] = (rest * rng.randrange(1, 20) / 100).quantize(Decimal(1).scaleb(-digits))
            items.append(item)
        value = sum(item["price"] * item["quantity"] for item in items)
        if way == "order_discount":
            extra["discount"] = (value * rng.randrange(1, 50) / 100).quantize(Decimal(1).scaleb(-digits))
        elif way == "order_tax":
            extra["tax"] = (value * rng.randrange(1, 25) / 100).quantize(Decimal(1).scaleb(-digits))
        elif way == "tax_included":
            header["tax_included"] = True
        shipping = self.money(100, 2000, currency) if rng.random() < 0.5 else None
        settled = settle(items, extra | {"tax_included": header["tax_included"]}, digits)
        if shipping is not None:
            extra["shipping"] = shipping
        lines = [Line(item.get("product_id"), item["quantity"], item["price"], line["amount"], line["discount"],
                      line["tax"], (shipping or ZERO) if i == 0 else ZERO, item["kind"])
                 for i, (item, line) in enumerate(zip(items, settled))]
        return self.version(header, items, extra, lines, shared=shared, race=race)

    def browse(self, store: Store, shared: bool = False, **given) -> Version:
        rng = self.rng
        event_type = rng.choice(["view_item", "view_item", "add_to_cart", "page_view", "begin_checkout"])
        header = self.header(event_type, store, **given)
        if event_type in ("page_view", "begin_checkout"):
            line = Line(None, None, None, None, ZERO, ZERO, ZERO, "product")
            return self.version(header, None, {}, [line], shared=shared)
        item = {"product_id": f"P{rng.randrange(PRODUCTS):02d}"}
        item |= self.catalogue.news(item["product_id"], header["occurred_at"])
        quantity, price = 1, None
        if rng.random() < 0.5:
            quantity = item["quantity"] = rng.randint(1, 2)
            price = item["price"] = self.money(100, 20000, header["currency"])
        line = Line(item["product_id"], quantity, price, None if price is None else price * quantity, ZERO, ZERO, ZERO,
                    "product")
        return self.version(header, [item], {}, [line], shared=shared)

    def refund_of_amount(self, store: Store, **given) -> Version:
        header = self.header("refund", store, **given)
        amount = self.money(100, 3000, header["currency"])
        extra = {"amount": amount}
        tax = shipping = ZERO
        if self.rng.random() < 0.4:
            tax = extra["tax"] = self.money(1, 300, header["currency"])
        if self.rng.random() < 0.4:
            shipping = extra["shipping"] = self.money(1, 300, header["currency"])
        line = Line(None, None, None, amount, ZERO, tax, shipping, "product")
        return self.version(header, None, extra, [line])

    def refund_of_items(self, order: Version, left: dict) -> Version | None:
        """Some units of one product of an order, at no more than what it has left of it."""
        choices = [(product, rest) for (product, kind), rest in left.items()
                   if kind == "product" and rest["units"] > 0 and rest["net"] >= rest["units"] > 0]
        if not choices:
            return None
        product, rest = self.rng.choice(choices)
        quantity = self.rng.randint(1, rest["units"])
        digits = MINOR_DIGITS[order.currency]
        price = (rest["net"] / rest["units"]).quantize(Decimal(1).scaleb(-digits), "ROUND_DOWN")
        header = self.header("refund", STORE[order.store_id], order_id=order.order_id, currency=order.currency,
                             excluded=order.excluded)
        item = {"product_id": product, "quantity": quantity, "price": price}
        item |= self.catalogue.news(product, header["occurred_at"])
        line = Line(product, quantity, price, price * quantity, ZERO, ZERO, ZERO, "product")
        sent = dict(header)
        for name in ("customer_id", "channel", "country"):  # what the event does not say comes from the order
            header[name] = header[name] or getattr(order, name)
        version = self.version(header, [item], {}, [line])
        version.payload = self.payload(sent, [item], {})
        return version

    def refund_in_full(self, order: Version, left: dict, shipping: Decimal) -> Version:
        """Whatever the order has left; what the event does not say comes from the order."""
        header = self.header("refund", STORE[order.store_id], order_id=order.order_id, customer_id=None, channel=None,
                             country=None, currency=order.currency, excluded=None)
        payload_header = dict(header)
        header |= {"customer_id": order.customer_id, "channel": order.channel, "country": order.country,
                   "excluded": order.excluded, "tax_included": order.tax_included}
        lines = [Line(product, rest["units"] or None, None, rest["net"], ZERO, rest["tax"], ZERO, kind)
                 for (product, kind), rest in left.items() if rest["units"] > 0 or rest["net"] or rest["tax"]]
        lines = lines or [Line(None, None, None, ZERO, ZERO, ZERO, ZERO, "product")]
        lines[0] = Line(*(getattr(lines[0], name) for name in Line.__match_args__[:6]), shipping, lines[0].kind)
        version = self.version(header, None, {"full": True}, lines, full_refund=True)
        version.payload = self.payload(payload_header, None, {"full": True})
        return version

    def bad(self, store: Store) -> Version:
        """An event that must be rejected, alone of its batch."""
        version = self.browse(store)
        version.bad = True
        flaw = self.rng.choice([{"timestamp": "yesterday"}, {"event": "Not A Name"}, {"country": "XX"},
                                {"currency": "ZZZ"}, {"items": [{"product_id": "P01", "quantity": -1}]}])
        version.payload |= flaw
        return version

    def another(self, version: Version, **given) -> Version:
        """A new version of an event's identity: all else may have changed."""
        kept = {"event_id": version.event_id, "order_id": version.order_id, "channel": version.channel}
        if version.channel is None or not version.channel.startswith("probe"):
            del kept["channel"]
        make = self.purchase if version.event_type == "purchase" else self.browse
        if version.event_type == "refund":
            make, kept = self.refund_of_amount, {"event_id": version.event_id}
        flags = {} if version.event_type == "refund" else {"shared": version.shared}
        if version.event_type == "purchase":
            flags["race"] = version.race
        return make(STORE[version.store_id], **(kept | given), **flags)
