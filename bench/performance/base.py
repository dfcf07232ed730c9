"""The events that measurements start from: a synthetic shop's traffic over the past year, by demo/generator.

Rows are copied straight into the monthly partitions, as a restore does: the owner's direct write passes the trigger that
claims keys by, and no measurement on these rows needs their keys.
"""

import datetime
import subprocess

PRODUCTS = 20000
CUSTOMERS = 100000
LINES_PER_SESSION = 8.5
STORE = "synthetic-traffic"
COLUMNS = ("store_id, event_id, line, event_type, occurred_at, customer_id, anonymous_id, session_id, order_id, product_id, "
           "quantity, unit_price, amount, discount, tax, shipping, currency, channel, country, device, campaign, properties")
BLOCK = 1 << 20


class Traffic:
    """Runs the generator."""

    def __init__(self, generator):
        self.generator = generator
        self.today = datetime.datetime.now(datetime.timezone.utc).date()
        self.opened = self.today - datetime.timedelta(days=365)

    def run(self, days, end, sessions_per_day, seed, form="csv"):
        """The generator's process; its standard output is the events of `days` days up to `end`."""
        return subprocess.Popen(
            [self.generator, "--format", form, "--store", STORE, "--days", str(days), "--end", str(end), "--opened",
             str(self.opened), "--seed", str(seed), "--growth", "0", "--products", str(PRODUCTS), "--customers",
             str(CUSTOMERS), "--sessions-per-day", str(max(1, round(sessions_per_day)))],
            stdout=subprocess.PIPE, bufsize=BLOCK)

    def months(self):
        """(first day, last day) of each month of the past year, today left out."""
        first = self.opened
        while first < self.today:
            following = (first.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
            yield first, min(following, self.today) - datetime.timedelta(days=1)
            first = following

    def load(self, connection, lines, seed, progress):
        """Adds about that many lines, spread evenly over the past year; returns how many. Each seed only once."""
        added = 0
        for first, last in self.months():
            days = (last - first).days + 1
            process = self.run(days, last, lines / 365 / LINES_PER_SESSION, seed)
            process.stdout.readline()
            with connection.cursor() as cursor:
                with cursor.copy(f"COPY analytics.event_m{first:%Y_%m} ({COLUMNS}) FROM STDIN (FORMAT csv)") as copy:
                    while block := process.stdout.readlines(BLOCK):
                        # sessions and orders are numbered alike under each seed
                        text = b"".join(block)
                        copy.write(text.replace(b"syn-s-", b"syn-s%d-" % seed).replace(b"syn-o-", b"syn-o%d-" % seed))
                added += cursor.rowcount
            if process.wait() != 0:
                raise RuntimeError("the traffic generator failed")
            progress(f"{added:,} of about {lines:,} lines")
        return added
