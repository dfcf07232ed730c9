"""Each view and report as a merchant or an analyst asks for it: all merged, and with 10,000 rows that are not."""

import datetime
import statistics

import psycopg

import base
from database import Measurement, run, value_of

LONGEST = 120  # seconds; what takes longer is told as that, and not asked for again


def queries(connection, today):
    """What is asked: name to SQL."""
    store = base.STORE
    since = today - datetime.timedelta(days=30)
    quarter = today - datetime.timedelta(days=90)
    one = "SELECT {} FROM analytics.{} WHERE orders > 0 ORDER BY {} DESC LIMIT 1"
    customer = value_of(connection, one.format("customer_id", "rollup_customer", "orders"))
    product = value_of(connection, one.format("product_id", "rollup_product_daily", "bucket"))
    order = value_of(connection, "SELECT order_id FROM bench.line WHERE mix = 'orders' LIMIT 1") + "-1"

    def view(name, columns="*", when="", rest=""):
        return f"SELECT {columns} FROM analytics.{name} WHERE store_id = '{store}'{when and ' AND ' + when}{rest and ' ' + rest}"

    def chart(arguments):
        return f"SELECT analytics.visualize({arguments}, store => '{store}')"

    days = f"\"from\" => '{since}', \"to\" => '{today}'"
    return {
        "sales_hourly, 30 days": view("sales_hourly", when=f"bucket >= '{since}'"),
        "sales_daily by channel, 90 days":
            view("sales_daily", "bucket, channel, sum(net_sales), sum(orders)", f"bucket >= '{quarter}'", "GROUP BY 1, 2"),
        "sales_daily, all columns, 90 days": view("sales_daily", when=f"bucket >= '{quarter}'"),
        "sales_weekly": view("sales_weekly"),
        "sales_monthly": view("sales_monthly"),
        "product_daily, top 20 of 30 days":
            view("product_daily", "product_id, sum(net_sales)", f"bucket >= '{since}'", "GROUP BY 1 ORDER BY 2 DESC LIMIT 20"),
        "product_daily, all columns, 7 days": view("product_daily", when=f"bucket >= '{today - datetime.timedelta(days=7)}'"),
        "category_daily, 30 days": view("category_daily", when=f"bucket >= '{since}'"),
        "customer, one": view("customer", when=f"customer_id = '{customer}'"),
        "customer, top 100": "SELECT * FROM analytics.customer ORDER BY net_sales DESC LIMIT 100",
        "customer_month, one": view("customer_month", when=f"customer_id = '{customer}'"),
        "cohort_retention": view("cohort_retention"),
        "session, the last 100": view("session", rest="ORDER BY started_at DESC LIMIT 100"),
        "session_daily, 90 days": view("session_daily", when=f"bucket >= '{quarter}'"),
        "funnel_daily, 90 days": view("funnel_daily", when=f"bucket >= '{quarter}'"),
        "product_affinity of one product, top 20":
            view("product_affinity", when=f"product_a = '{product}'", rest="ORDER BY lift DESC LIMIT 20"),
        "current_event, one order": view("current_event", when=f"order_id = '{order}' AND event_type = 'purchase'"),
        "rollup_status": "SELECT * FROM analytics.rollup_status",
        "visualize overview": chart(days),
        "visualize overview, compared": chart(f"compare => 'previous_period', {days}"),
        "visualize net_sales": chart(f"'net_sales', {days}"),
        "visualize net_sales by hour, 7 days":
            chart(f"'net_sales', 'hour', \"from\" => '{today - datetime.timedelta(days=7)}', \"to\" => '{today}'"),
        "visualize net_sales by month, a year": chart(f"'net_sales', 'month', \"from\" => '{today - datetime.timedelta(days=365)}', \"to\" => '{today}'"),
        "visualize net_sales by channel, compared": chart(f"'net_sales', by => 'channel', compare => 'previous_period', {days}"),
        "visualize net_sales by product": chart(f"'net_sales', by => 'product', {days}"),
        "visualize net_sales by 20 products": chart(f"'net_sales', by => 'product', \"limit\" => 20, {days}"),
        "visualize net_sales by category": chart(f"'net_sales', by => 'category', {days}"),
        "visualize net_sales by device, from lines": chart(f"'net_sales', by => 'device', {days}"),
        "visualize net_sales, basis order": chart(f"'net_sales', basis => 'order', {days}"),
        "visualize orders by category": chart(f"'orders', by => 'category', {days}"),
        "visualize customers by country": chart(f"'customers', by => 'country', {days}"),
        "visualize new_customers": chart(f"'new_customers', {days}"),
        "visualize conversion by device": chart(f"'conversion', by => 'device', {days}"),
        "visualize order_value_p50, from lines": chart(f"'order_value_p50', {days}"),
    }


def measure(connection, today, repetitions, progress):
    """Median milliseconds of each report, the first reading left out; of one repetition that alone. Infinity: too long."""
    found = {}
    connection.execute(f"SET statement_timeout = '{LONGEST}s'")
    for name, query in queries(connection, today).items():
        measurement = Measurement()
        try:
            for _ in range(repetitions + (repetitions > 1)):
                measurement.take(connection, run(query))
            if repetitions > 1:
                measurement.forget_first()
            found[name] = statistics.median(measurement.waited)
        except psycopg.errors.QueryCanceled:
            found[name] = float("inf")
        progress(f"{name}: {milliseconds(found[name])} ms")
    connection.execute("RESET statement_timeout")
    return found


def milliseconds(value):
    if value == float("inf"):
        return f"more than {LONGEST * 1000:,}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def cells(merged, with_tail):
    """Rows of a table: name, all merged, with a tail, how many times as long."""
    for name, alone in merged.items():
        waits = with_tail[name]
        yield [name, milliseconds(alone), milliseconds(waits), f"{waits / alone:.1f}" if waits < float("inf") else "more"]
