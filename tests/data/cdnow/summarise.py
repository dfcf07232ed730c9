"""Writes customers.csv of sample.csv.xz: what each customer did by 1997-09-30, the end of the papers' calibration period.

x: days with purchases after the first, t_x: days from the first to the last, t: days from the first to the end, zbar: mean
worth of the x days, and `after`: days with purchases in the 39 weeks that follow.
"""

import csv
import datetime
import lzma
import pathlib
from collections import defaultdict
from decimal import Decimal

HERE = pathlib.Path(__file__).parent
END = datetime.date(1997, 9, 30)

days = defaultdict(lambda: defaultdict(Decimal))
with lzma.open(HERE / "sample.csv.xz", "rt") as file:
    for row in csv.DictReader(file):
        days[row["sample_id"]][datetime.datetime.strptime(row["date"], "%Y%m%d").date()] += Decimal(row["dollar_value"])
with open(HERE / "customers.csv", "w") as file:
    print("x,t_x,t,zbar,after", file=file)
    for customer in sorted(days):
        seen = sorted(day for day in days[customer] if day <= END)
        worth = sum(days[customer][day] for day in seen[1:]) / (len(seen) - 1) if len(seen) > 1 else Decimal(0)
        print(len(seen) - 1, (seen[-1] - seen[0]).days, (END - seen[0]).days, f"{worth:.10f}".rstrip("0").rstrip("."),
              len(days[customer]) - len(seen), sep=",", file=file)
