"""Reads what the traffic generator wrote and checks it against what --help and the contract promise.

    check_events.py NDJSON CSV     the same traffic in both formats, whole days, opened on its first day

Prints a line per check that fails and exits with 1 if any did. Standard library only.
"""

import csv
import json
import sys
from collections import Counter, defaultdict
from datetime import datetime
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

EVENT_TYPES = {"page_view", "view_item_list", "view_item", "search", "add_to_cart", "remove_from_cart", "view_cart",
               "begin_checkout", "add_shipping_info", "add_payment_info", "purchase", "refund", "sign_up", "login"}
CENT = Decimal("0.01")
VAT = {"DE": 19, "FR": 20, "NL": 21, "AT": 20, "IT": 22, "ES": 21, "BE": 21, "GB": 20, "PL": 23, "SE": 25}

failures = 0


def check(passed, what):
    global failures
    if not passed:
        failures += 1
        print(f"FAILED: {what}")


def shares(total, weights):
    """Largest remainder, earlier first among equals: INTERFACE's rule for an order's discount."""
    exact = [total * weight / sum(weights) for weight in weights]
    result = [value.quantize(CENT, ROUND_FLOOR) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (result[i] - exact[i], i))
    for i in by_remainder[:int((total - sum(result)) / CENT)]:
        result[i] += CENT
    return result


def value_of(item):
    return item["price"] * item["quantity"]


def check_labels(events):
    check(all(e["store"].startswith("synthetic") for e in events), "every event names a store called synthetic")
    check(all(e["properties"]["synthetic"] is True for e in events), "every event says synthetic")
    items = [(e["currency"], item) for e in events for item in e.get("items", [])]
    check(all(i["name"].startswith("Synthetic ") for _, i in items), "every product is called Synthetic ...")
    check({e["event"] for e in events} == EVENT_TYPES, "every type of event occurs, and no other")
    check(len({e["event_id"] for e in events}) == len(events), "event ids are unique")
    times = [e["timestamp"] for e in events]
    check(times == sorted(times), "events are in order of time")
    products = defaultdict(set)
    for currency, item in items:
        products[currency, item["product_id"]].add((item["name"], item["category"], item["brand"], item["price"]))
    check(all(len(known) == 1 for known in products.values()), "a product has one name, category, brand and price")


def check_sessions(events):
    sessions = defaultdict(list)
    for e in events:
        if e["event"] == "refund":
            check("session_id" not in e, "a refund belongs to no session")
        else:
            sessions[e["session_id"]].append(e)
    for session in sessions.values():
        check(session[0]["event"] == "page_view", "a session begins with a page view")
        check(len({e["anonymous_id"] for e in session}) == 1, "a session has one visitor")
        known = ["customer_id" in e for e in session]
        check(known == sorted(known), "who is known once stays known")
        cart = {}
        for e in session:
            for item in e.get("items", []):
                if e["event"] == "add_to_cart":
                    cart[item["product_id"]] = item["quantity"]
                elif e["event"] == "remove_from_cart":
                    check(cart.pop(item["product_id"]) == item["quantity"], "what is removed was in the cart")
            if e["event"] in ("view_cart", "begin_checkout", "purchase"):
                listed = {i["product_id"]: i["quantity"] for i in e["items"]}
                check(listed == cart and len(e["items"]) == len(cart), f"{e['event']} lists the cart")
        if session[-1]["event"] == "purchase":
            steps = [e["event"] for e in session]
            wanted = ["begin_checkout", "add_shipping_info", "add_payment_info", "purchase"]
            check([s for s in steps if s in wanted] == wanted, "a purchase has its checkout before it")

    customer_of = defaultdict(set)
    anonymous_first = 0
    for e in events:
        if "customer_id" in e:
            customer_of[e["anonymous_id"]].add(e["customer_id"])
    check(all(len(customers) == 1 for customers in customer_of.values()), "a visitor becomes one customer")
    for anonymous_id in {e["anonymous_id"] for e in events if "customer_id" not in e}:
        anonymous_first += anonymous_id in customer_of
    check(anonymous_first > 100, "visitors are anonymous first and customers later")
    signed_up = [e["anonymous_id"] for e in events if e["event"] == "sign_up"]
    check(len(set(signed_up)) == len(signed_up), "nobody signs up twice")
    first_known, sign_up = {}, {}
    for e in events:
        if "customer_id" in e:
            first_known.setdefault(e["anonymous_id"], e["timestamp"])
        if e["event"] == "sign_up":
            sign_up[e["anonymous_id"]] = e["timestamp"]
    check(all(first_known[a] == at for a, at in sign_up.items()), "who signs up was not known before")
    return sessions


def check_money(events):
    purchases = {}
    for e in events:
        if e["event"] == "purchase":
            values = [value_of(i) for i in e["items"]]
            discount = e.get("discount", Decimal(0))
            lines = {}
            for item, value, share in zip(e["items"], values, shares(discount, values)):
                tax = ((value - share) * VAT[e["country"]] / 100).quantize(CENT, ROUND_HALF_UP)
                check(item["tax"] == tax, "a line's tax is the country's rate of its net")
                lines[item["product_id"]] = (item["quantity"], item["price"], share, tax)
            free_from = {"EUR": 50, "GBP": 43, "PLN": 215, "SEK": 560}[e["currency"]]
            check((sum(values) - discount >= free_from) == ("shipping" not in e), "large orders ship free")
            check(e["order_id"] not in purchases, "an order is bought once")
            purchases[e["order_id"]] = (e["timestamp"], lines, e.get("customer_id"))
        elif e["event"] == "refund":
            at, lines, customer = purchases[e["order_id"]]  # earlier in the file, else KeyError
            days = (datetime.fromisoformat(e["timestamp"][:10]) - datetime.fromisoformat(at[:10])).days
            check(3 <= days <= 20, "a refund comes 3 to 20 days after its order")
            check(e.get("customer_id") == customer, "a refund has the customer of its order")
            for i in e["items"]:
                line = (i["quantity"], i["price"], i.get("discount", Decimal(0)), i["tax"])
                check(lines.get(i["product_id"]) == line, "a refunded line is the line that was bought")
    check(any(e["event"] == "refund" for e in events), "there are refunds")
    return purchases


def check_shape(events, sessions):
    """Sanity of the distributions; the bounds are wide: the traffic is random, if always the same."""
    by_hour, by_weekday = Counter(), Counter()
    for session in sessions.values():
        at = datetime.fromisoformat(session[0]["timestamp"].replace("Z", "+00:00"))
        by_hour[at.hour] += 1
        by_weekday[at.weekday()] += 1
    check(by_hour[20] > 10 * by_hour[3] > 0, "evenings are busy, nights are not")
    check(by_weekday[6] > by_weekday[2], "Sundays are busier than Wednesdays")
    share = {step: sum(any(e["event"] == step for e in s) for s in sessions.values()) / len(sessions)
             for step in ("view_item", "add_to_cart", "begin_checkout", "purchase")}
    check(1 > share["view_item"] > share["add_to_cart"] > share["begin_checkout"] > share["purchase"] > 0.02,
          f"the funnel narrows: {share}")
    check(share["purchase"] < 0.08, f"conversion is that of a shop: {share['purchase']:.3f}")
    views = Counter(i["product_id"] for e in events if e["event"] == "view_item" for i in e["items"])
    ranked = [count for _, count in views.most_common()]
    check(0.02 < ranked[0] / sum(ranked) < 0.15, "one product is the favourite, but not all there is")
    check(2 < ranked[0] / ranked[9] < 8, "the favourite leads the tenth about as Zipf's law has it (12 / 3 = 4)")
    for field, least in (("channel", 4), ("country", 8), ("device", 3), ("campaign", 4)):
        check(len({e[field] for e in events if field in e}) >= least, f"{field} varies")
    orders = Counter(e.get("customer_id") for e in events if e["event"] == "purchase")
    check(orders[None] > 0, "guests buy")
    check(sum(count > 1 for customer, count in orders.items() if customer) > 20, "customers come back")


def check_csv(path, events, purchases):
    """CSV holds the same events: a row per line, an order's discount shared out."""
    rows = defaultdict(list)
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows[row["event_id"]].append(row)
    check(list(rows) == [e["event_id"] for e in events], "CSV holds the same events in the same order")
    number = lambda text: Decimal(text or 0)
    for e in events:
        lines = rows[e["event_id"]]
        items = e.get("items", [None])
        check([r["line"] for r in lines] == [str(i + 1) for i in range(len(items))], "lines are numbered from 1")
        check(sum(number(r["shipping"]) for r in lines) == e.get("shipping", 0), "shipping stands on line 1")
        check(all(r["shipping"] == "" for r in lines[1:]), "and on line 1 alone")
        for row, item in zip(lines, items):
            for column, name in (("store_id", "store"), ("event_type", "event"), ("occurred_at", "timestamp"),
                                 ("customer_id",) * 2, ("anonymous_id",) * 2, ("session_id",) * 2, ("order_id",) * 2,
                                 ("currency",) * 2, ("channel",) * 2, ("country",) * 2, ("device",) * 2,
                                 ("campaign",) * 2):
                check(row[column] == e.get(name, ""), f"CSV's {column} is NDJSON's {name}")
            properties = json.loads(row["properties"])
            check(properties | e["properties"] == properties, "every row has the event's properties")
            if item is None:
                check(row["product_id"] == row["quantity"] == row["amount"] == "", "no item, no figures")
                continue
            check(row["product_id"] == item["product_id"] and int(row["quantity"]) == item["quantity"], "CSV's item")
            check(number(row["unit_price"]) == item["price"] and number(row["amount"]) == value_of(item), "its price")
            check(all(properties[key] == item[key] for key in ("name", "category", "brand")), "its description")
            if "order_id" in e:
                _, _, share, tax = purchases[e["order_id"]][1][item["product_id"]]
                check(number(row["discount"]) == share and number(row["tax"]) == tax, "its discount and tax")
            else:
                check(row["discount"] == row["tax"] == "", "only orders have discount and tax")
            check(row["discount"] == "" or number(row["discount"]) > 0, "no discount is no figure")


def main():
    ndjson, csv_file = sys.argv[1:]
    with open(ndjson, encoding="ascii") as file:
        events = [json.loads(line, parse_float=Decimal) for line in file]
    check_labels(events)
    sessions = check_sessions(events)
    purchases = check_money(events)
    check_shape(events, sessions)
    check_csv(csv_file, events, purchases)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
