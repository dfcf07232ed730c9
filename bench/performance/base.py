"""The events that measurements start from: order lines of a synthetic shop's past year, made by demo/generator.

One run of the generator fills bench.line: its order and refund lines, and a sample of all its traffic. The base is those
order lines again and again, each time as other orders of other customers on another day of the month, so that a base of any
size has the shop's countries, channels and hours. Rows are written straight into the monthly partitions, as a restore
does: the owner's direct write passes the trigger that claims keys by, and nothing measured on the base needs its keys.
"""

import datetime
import subprocess

PRODUCTS = 20000
CUSTOMERS = 100000
STORE = "synthetic-traffic"
COLUMNS = ("store_id, event_id, line, event_type, occurred_at, customer_id, anonymous_id, session_id, order_id, product_id, "
           "quantity, unit_price, amount, discount, tax, shipping, currency, channel, country, device, campaign, properties")
# Sales are about one line in a hundred of the traffic: this gives 100,000 of them.
SESSIONS_PER_DAY = 2800
FRESH = 9500  # lines of each mix that new rows are made of; the rest is the year they come late from
TRAFFIC_SAMPLE = 900


class Traffic:
    """Runs the generator."""

    def __init__(self, generator):
        self.generator = generator
        self.today = datetime.datetime.now(datetime.timezone.utc).date()

    def start(self, days, sessions_per_day, form):
        """The generator's process: the events of `days` days up to yesterday."""
        return subprocess.Popen(
            [self.generator, "--format", form, "--store", STORE, "--days", str(days), "--end",
             str(self.today - datetime.timedelta(days=1)), "--seed", "1", "--products", str(PRODUCTS), "--customers",
             str(CUSTOMERS), "--sessions-per-day", str(sessions_per_day)], stdout=subprocess.PIPE, bufsize=1 << 20)


def finish(process):
    process.stdout.close()
    if process.wait() != 0:
        raise RuntimeError(f"the traffic generator failed with status {process.returncode}")


def make_lines(connection, traffic):
    """Fills bench.line(mix, n, ...) in order of time: mix `orders` has sales alone, `traffic` is as visits come."""
    connection.execute("CREATE SCHEMA bench")
    connection.execute("CREATE TABLE bench.line (LIKE analytics.event INCLUDING DEFAULTS, mix text NOT NULL, n integer NOT NULL)")
    connection.execute("ALTER TABLE bench.line DROP COLUMN stamp, DROP COLUMN ingest_xid")
    process = traffic.start(365, SESSIONS_PER_DAY, "csv")
    process.stdout.readline()
    sales = sampled = 0
    with connection.cursor() as cursor, cursor.copy(f"COPY bench.line (mix, n, {COLUMNS}) FROM STDIN (FORMAT csv)") as copy:
        for number, line in enumerate(process.stdout):
            if b",purchase," in line or b",refund," in line:
                sales += 1
                copy.write(b"orders,%d,%s" % (sales, line))
            if number < FRESH or number % TRAFFIC_SAMPLE == 0:
                sampled += 1
                copy.write(b"traffic,%d,%s" % (sampled, line))
    finish(process)
    connection.execute("CREATE INDEX ON bench.line (mix, n); ANALYZE bench.line")
    # what it sells in is what it reports in: money without a rate would be left out of all that is converted
    connection.execute("SELECT analytics.set_setting('currency', (SELECT mode() WITHIN GROUP (ORDER BY currency) FROM bench.line WHERE mix = 'orders'), %s)", (STORE,))


class Base:
    """The base in one database; it only grows."""

    def __init__(self, connection, today):
        self.connection = connection
        self.first_day = today - datetime.timedelta(days=365)
        self.today = today
        self.copies = 0
        self.lines = 0

    def months(self):
        """(first day, day after the last) of the parts of the past year that have a partition each."""
        first = self.first_day
        while first < self.today:
            following = min((first.replace(day=1) + datetime.timedelta(days=32)).replace(day=1), self.today)
            yield first, following
            first = following

    def grow(self, lines, progress):
        """Adds lines until there are about that many."""
        pool = self.connection.execute("SELECT count(*) FROM bench.line WHERE mix = 'orders'").fetchone()[0]
        copies = round(lines / pool)
        if copies <= self.copies:
            raise ValueError(f"a base of {self.lines:,} lines does not grow to {lines:,}")
        moved = {
            "event_id": "event_id || '-' || c",
            "session_id": "session_id || '-' || c",
            "order_id": "order_id || '-' || c",
            "customer_id": f"'syn-c-' || (hashtextextended(customer_id, c) & {(1 << 17) - 1})",
        }
        for first, end in self.months():
            days = (end - first).days
            moved["occurred_at"] = (f"timestamptz '{first} 00:00+00' + make_interval(days => "
                                    f"(occurred_at::date - date '{first}' + c) % {days}) + (occurred_at - occurred_at::date::timestamptz)")
            values = ", ".join(moved.get(column, column) for column in COLUMNS.split(", "))
            cursor = self.connection.execute(f"""
                INSERT INTO analytics.event_m{first:%Y_%m} ({COLUMNS})
                SELECT {values}
                  FROM (SELECT * FROM bench.line WHERE mix = 'orders' AND occurred_at >= timestamptz '{first} 00:00+00'
                           AND occurred_at < timestamptz '{end} 00:00+00' ORDER BY n) p,
                       generate_series({self.copies + 1}, {copies}) c""")
            self.lines += cursor.rowcount
            progress(f"{self.lines:,} of about {lines:,} lines loaded")
        self.copies = copies
        self.connection.execute("VACUUM ANALYZE")
