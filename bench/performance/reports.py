"""Each report as a merchant or an analyst asks for it, all merged and with 10,000 rows that are not."""

import datetime
import statistics

import base
from database import Measurement, run, value_of

REPETITIONS = 7


def queries(connection, today):
    """What is asked: name to SQL."""
    store = base.STORE
    since = today - datetime.timedelta(days=30)
    quarter = today - datetime.timedelta(days=90)
    customer = value_of(connection, "SELECT customer_id FROM analytics.rollup_customer ORDER BY orders DESC LIMIT 1")
    product = value_of(connection, "SELECT product_id FROM analytics.rollup_product_daily WHERE orders > 0 ORDER BY bucket DESC LIMIT 1")

    def chart(arguments):
        return f"SELECT analytics.visualize({arguments}, store => '{store}')"

    days = f"\"from\" => '{since}', \"to\" => '{today}'"
    return {
        "sales_daily by channel, 90 days":
            f"SELECT bucket, channel, sum(net_sales), sum(orders) FROM analytics.sales_daily WHERE store_id = '{store}'"
            f" AND bucket >= '{quarter}' GROUP BY 1, 2",
        "product_daily, top 20 of 30 days":
            f"SELECT product_id, sum(net_sales) FROM analytics.product_daily WHERE store_id = '{store}'"
            f" AND bucket >= '{since}' GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
        "category_daily, 30 days": f"SELECT * FROM analytics.category_daily WHERE store_id = '{store}' AND bucket >= '{since}'",
        "customer, one": f"SELECT * FROM analytics.customer WHERE store_id = '{store}' AND customer_id = '{customer}'",
        "customer, top 100": "SELECT * FROM analytics.customer ORDER BY net_sales DESC LIMIT 100",
        "cohort_retention": "SELECT * FROM analytics.cohort_retention",
        "session_daily, 90 days": f"SELECT * FROM analytics.session_daily WHERE store_id = '{store}' AND bucket >= '{quarter}'",
        "funnel_daily, 90 days": f"SELECT * FROM analytics.funnel_daily WHERE store_id = '{store}' AND bucket >= '{quarter}'",
        "product_affinity of one product, top 20":
            f"SELECT * FROM analytics.product_affinity WHERE store_id = '{store}' AND product_a = '{product}' ORDER BY lift DESC LIMIT 20",
        "visualize overview": chart(days),
        "visualize net_sales": chart(f"'net_sales', {days}"),
        "visualize net_sales by channel, compared": chart(f"'net_sales', by => 'channel', compare => 'previous_period', {days}"),
        "visualize net_sales by product": chart(f"'net_sales', by => 'product', {days}"),
        "visualize customers by country": chart(f"'customers', by => 'country', {days}"),
    }


def measure(connection, today, progress):
    """Median milliseconds of each report."""
    found = {}
    for name, query in queries(connection, today).items():
        measurement = Measurement()
        for _ in range(REPETITIONS + 1):
            measurement.take(connection, run(query))
        measurement.forget_first()
        found[name] = statistics.median(measurement.waited)
        progress(f"{name}: {found[name]:.1f} ms")
    return found
