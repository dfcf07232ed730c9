#!/usr/bin/env python3
"""Computes the figures of the demo's store 'online-retail' from the file alone.

An independent second opinion: the mapping described in demo/README.md, in decimal arithmetic, without PostgreSQL and
without the SQL that loads the demo. Prints one `name<TAB>value` line per figure, whole-year figures first, then those
of each month (`2010-12.net_sales`), amounts with three decimals as the file has them. A test compares the database
with these lines. Standard library only.

    python3 demo/verify.py [online_retail.csv.xz]
"""

import csv
import lzma
import pathlib
import sys
from collections import defaultdict
from decimal import Decimal

SHIPPING = {"POST", "DOT", "C2"}
FEES = {"M", "m", "D", "S", "CRUK", "AMAZONFEE", "BANK CHARGES"}
MEASURES = ("orders", "units", "units_returned", "gross_sales", "returns", "net_sales", "shipping", "total_sales",
            "gift_card_sales")
COUNTS = {"orders", "units", "units_returned"}


def kind_of(stock_code):
    if stock_code in SHIPPING:
        return "shipping"
    if stock_code.startswith("gift_0001_"):
        return "gift_card"
    return "fee" if stock_code in FEES else "product"


def read_lines(path):
    with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def compute(lines):
    """Returns (figures by month, facts of the whole file)."""
    months = defaultdict(lambda: defaultdict(Decimal))
    month_of_invoice = {}  # 43 invoices span two minutes: the first line's holds
    customers = set()
    facts = defaultdict(Decimal)
    for line in lines:
        invoice, quantity = line["InvoiceNo"], int(line["Quantity"])
        value = quantity * Decimal(line["UnitPrice"])
        facts["file_sum"] += value
        if invoice.startswith("A"):
            facts["adjustments_not_loaded"] += value
            continue
        is_refund = invoice.startswith("C")
        if quantity < 0 and not is_refund:
            facts["stock_corrections_not_loaded"] += 1
            facts["stock_corrections_value"] += value
            continue
        if is_refund != (quantity < 0):
            raise ValueError(f"invoice {invoice}: a cancellation with positive quantity")

        is_new = invoice not in month_of_invoice
        month = months[month_of_invoice.setdefault(invoice, line["InvoiceDate"][:7])]
        facts["events"] += is_new
        month["orders"] += is_new and not is_refund
        if line["CustomerID"]:
            customers.add(line["CustomerID"])

        kind = kind_of(line["StockCode"])
        if kind == "shipping":
            month["shipping"] += value  # negative on refunds
        elif kind == "gift_card":
            if is_refund:
                raise ValueError(f"invoice {invoice}: a gift card was taken back; the file has no such line")
            month["gift_card_sales"] += value
        else:
            month["returns" if is_refund else "gross_sales"] += abs(value)
            if kind == "product":
                month["units_returned" if is_refund else "units"] += abs(quantity)
    for month in months.values():
        month["net_sales"] = month["gross_sales"] - month["returns"]
        month["total_sales"] = month["net_sales"] + month["shipping"]
    facts["customers"] = Decimal(len(customers))
    return months, facts


def main():
    default = pathlib.Path(__file__).resolve().parent / "online_retail.csv.xz"
    months, facts = compute(read_lines(sys.argv[1] if len(sys.argv) > 1 else default))
    whole = {measure: sum(month[measure] for month in months.values()) for measure in MEASURES}

    def show(name, value, is_count):
        print(f"{name}\t{value:.0f}" if is_count else f"{name}\t{value:.3f}")

    for measure in MEASURES:
        show(measure, whole[measure], measure in COUNTS)
    for fact in ("events", "customers", "stock_corrections_not_loaded"):
        show(fact, facts[fact], True)
    for fact in ("adjustments_not_loaded", "file_sum"):
        show(fact, facts[fact], False)
    for name in sorted(months):
        for measure in MEASURES:
            show(f"{name}.{measure}", months[name][measure], measure in COUNTS)

    explained = whole["total_sales"] + whole["gift_card_sales"] + facts["adjustments_not_loaded"]
    if explained != facts["file_sum"] or facts["stock_corrections_value"] != 0:
        sys.exit(f"the mapping explains {explained} of the file's {facts['file_sum']}")


if __name__ == "__main__":
    main()
