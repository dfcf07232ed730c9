"""The holdout of docs/customer-value.md: CDNOW's sample, learned from 39 weeks, compared with the 39 weeks that follow.

Prints the page's tables and writes holdout.svg. The connection is in the environment (PGHOST, ...); the database needs the extension and
nothing else: eval "$(scripts/cluster.sh env docs)"; python3 docs/customer-value/holdout.py DATABASE
"""

import datetime
import lzma
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
START, END, LAST = (datetime.date(*day) for day in ((1997, 1, 1), (1997, 9, 30), (1998, 6, 30)))


def psql(sql, data=None):
    run = subprocess.run(["psql", "-XqAt", "-F", ",", "-v", "ON_ERROR_STOP=1", "-d", sys.argv[1], "-c", sql], input=data, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stderr)
    return [line.split(",") for line in run.stdout.splitlines()]


def load():
    lines = lzma.open(ROOT / "tests/data/cdnow/sample.csv.xz", "rt").read().splitlines()[1:]
    rows = []
    for number, line in enumerate(lines):
        _, customer, day, _, worth = line.split(",")
        rows.append(f"cdnow,e{number},1,purchase,{day} 12:00Z,{customer},o{number},cd,1,{worth},{worth},USD")
    psql("COPY analytics.event (store_id, event_id, line, event_type, occurred_at, customer_id, order_id, product_id, quantity, unit_price, amount, currency) "
         "FROM STDIN (FORMAT csv)", "\n".join(rows) + "\n")


def chart(actual, expected, weeks, calibration):
    width, height, left, right, top, bottom = 760, 380, 64, 150, 24, 48
    most = 5000
    x = lambda week: left + (width - left - right) * week / weeks
    y = lambda count: height - bottom - (height - top - bottom) * count / most
    path = lambda values: " ".join(f"{'M' if week == 0 else 'L'}{x(week):.1f} {y(value):.1f}" for week, value in enumerate(values))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="12" role="img" '
             'aria-label="Repeat purchases of CDNOW\'s sample, cumulative, and what BG/NBD expects of them after 39 weeks">',
             f'<rect width="{width}" height="{height}" fill="#fff"/>']
    for count in range(0, most + 1, 1000):
        parts.append(f'<path d="M{left} {y(count):.1f}H{width - right}" stroke="#e3e3e3"/><text x="{left - 8}" y="{y(count) + 4:.1f}" text-anchor="end" fill="#555">{count:,}</text>')
    for week in range(0, weeks + 1, 13):
        parts.append(f'<text x="{x(week):.1f}" y="{height - bottom + 18}" text-anchor="middle" fill="#555">{week}</text>')
    parts += [f'<text x="{(left + width - right) / 2}" y="{height - 10}" text-anchor="middle" fill="#555">weeks since 1 January 1997</text>',
              f'<path d="M{x(calibration):.1f} {top}V{height - bottom}" stroke="#999" stroke-dasharray="4 4"/>',
              f'<text x="{x(calibration) - 6:.1f}" y="{top + 10}" text-anchor="end" fill="#555">learned from</text><text x="{x(calibration) + 6:.1f}" y="{top + 10}" fill="#555">predicted</text>',
              f'<path d="{path(actual)}" fill="none" stroke="#1f5fa8" stroke-width="2"/>',
              f'<path d="{path(expected)}" fill="none" stroke="#c05a12" stroke-width="2" stroke-dasharray="6 3"/>',
              f'<text x="{x(weeks) + 8:.1f}" y="{y(actual[-1]) + 4:.1f}" fill="#1f5fa8">bought: {actual[-1]:,.0f}</text>',
              f'<text x="{x(weeks) + 8:.1f}" y="{y(expected[-1]) + 14:.1f}" fill="#c05a12">expected: {expected[-1]:,.0f}</text>', "</svg>"]
    (pathlib.Path(__file__).parent / "holdout.svg").write_text("\n".join(parts) + "\n")


load()
params = psql("SELECT metrics -> 'bgnbd' FROM analytics.fit_customer_value('cdnow', '1997-10-01 00:00Z', '273 days')", None)
psql("""CREATE TABLE public.holdout AS
    SELECT v.customer_id, v.frequency, v.t, v.expected_purchases AS model, v.frequency / v.t * 39 AS naive, coalesce(a.bought, 0) AS bought
      FROM analytics.customer_value v
      LEFT JOIN (SELECT e.customer_id, count(DISTINCT e.occurred_at::date) AS bought FROM analytics.event e WHERE e.occurred_at >= '1997-10-01Z' GROUP BY 1) a USING (customer_id)""")
print("frequency,customers,bought,model,naive,mae_model,mae_naive")
by = """SELECT {key}, count(*), round(avg(bought), 2), round(avg(model)::numeric, 2), round(avg(naive)::numeric, 2), round(avg(abs(model - bought))::numeric, 2),
            round(avg(abs(naive - bought))::numeric, 2) FROM public.holdout GROUP BY 1 ORDER BY 1"""
for row in psql(by.format(key="CASE WHEN frequency < 7 THEN frequency::text ELSE '7+' END")) + psql(by.format(key="'all'::text")):
    print(*row, sep=",")
print("sums", *psql("SELECT sum(bought), round(sum(model)::numeric, 1), round(sum(naive)::numeric, 1), round(sqrt(avg((model - bought) ^ 2))::numeric, 3), round(sqrt(avg((naive - bought) ^ 2))::numeric, 3) FROM public.holdout")[0])
# of each customer from the first purchase on; the model knows of none what comes after week 39
firsts = psql("SELECT (min(occurred_at)::date - date '1997-01-01'), customer_id FROM analytics.event GROUP BY 2")
weeks = 78
expected = [float(row[1]) for row in psql(f"""
    SELECT w, sum(analytics.bgnbd_expected(m.metrics -> 'bgnbd', 0, 0, 0, greatest(w * 7 - f.first, 0) / 7.0)) FROM generate_series(0, {weeks}) w,
           (SELECT min(occurred_at)::date - date '1997-01-01' AS first FROM analytics.event GROUP BY customer_id) f, analytics.model m GROUP BY 1 ORDER BY 1""")]
actual = [float(row[1]) for row in psql(f"""
    SELECT w, count(*) FILTER (WHERE d.nth > 1 AND d.day <= date '1997-01-01' + w * 7) FROM generate_series(0, {weeks}) w,
           (SELECT e.occurred_at::date AS day, row_number() OVER (PARTITION BY e.customer_id ORDER BY e.occurred_at::date) AS nth
              FROM (SELECT DISTINCT customer_id, occurred_at::date AS occurred_at FROM analytics.event) e) d GROUP BY 1 ORDER BY 1""")]
for week in (13, 26, 39, 52, 65, 78):
    print("week", week, round(actual[week]), round(expected[week]))
chart(actual, expected, weeks, 39)
