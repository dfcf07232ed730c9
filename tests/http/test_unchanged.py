"""A conditional GET needs no query where nothing was committed since: shown by a lock on all that the query would read. A lock of a
transaction that has an id since before the first answer changes no snapshot."""

import pytest

from conftest import DATABASE, JWT_SECRET, Database, bearer, until

SALES = "/api/sales_daily?store_id=eq.main&bucket=gte.2024-06-01&bucket=lt.2024-07-01&limit=300"
REPORT = "/api/visualize?metric=net_sales&from=2024-01-01&to=2024-12-31"
SPECIAL = "/api/sales_daily?bucket=lte.t%6fday&limit=3"


@pytest.fixture
def alone(server, settings, key):
    """One executor, since each remembers its own answers; its queries wait for locks a second at most."""
    order = {"event": "purchase", "order_id": "unchanged", "timestamp": "2024-06-01T12:00:00Z", "items": [{"product_id": "a", "price": 3}]}
    server.ingest(key, [order])
    settings.set(http_executors="1", http_statement_timeout="1s", http_jwt_secret=JWT_SECRET)
    until(lambda: server.get("/api/health").json["executors"] == {"configured": 1, "running": 1, "busy": 0}, "one executor")
    return server


@pytest.fixture
def locks(shop):
    """Takes the locks when told to; the transaction has had its id from the start."""
    other = Database(DATABASE)
    other.connection.autocommit = False
    other.value("SELECT pg_current_xact_id()")
    yield lambda: other.rows("LOCK TABLE analytics.event, analytics.rollup_sales_daily IN ACCESS EXCLUSIVE MODE")
    other.connection.close()


def settle(shop):
    """No refresh is about to come: what it commits would change every snapshot."""
    until(lambda: shop.value("SELECT max(tail_rows) FROM analytics.rollup_status") == 0, "the refresh")


@pytest.mark.parametrize("path", [SALES, REPORT])
def test_nothing_committed_nothing_read(alone, shop, locks, path):
    settle(shop)

    role = shop.value("SELECT current_setting('analytics.http_anon_role')")
    tag = alone.get(path).headers["ETag"]
    locks()
    answer = alone.get(path, If_None_Match=tag)
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
    assert "Authorization" in answer.headers["Vary"]
    # the query would have waited
    assert alone.get(path, If_None_Match='W/"another"').status == 504
    assert alone.get(path).status == 504
    # another one's answer, or another form of it, is not this one
    assert alone.get(path, If_None_Match=tag, **bearer(role, stores=["main"])).status == 504
    assert alone.get(path, If_None_Match=tag, Accept="application/vnd.pgrst.array+json").status == 504
    assert alone.get(path.replace("limit=300", "limit=299").replace("12-31", "12-30"), If_None_Match=tag).status == 504


@pytest.mark.parametrize("path", [SALES, REPORT])
def test_what_was_committed_is_seen_at_once(alone, shop, key, path):
    tag = alone.get(path).headers["ETag"]
    assert alone.get(path, If_None_Match=tag).status == 304
    order = {"event": "purchase", "timestamp": "2024-06-02T12:00:00Z", "items": [{"product_id": "a", "price": 5}]}
    assert alone.ingest(key, [order]).json["accepted"] == 1
    changed = alone.get(path, If_None_Match=tag)
    assert changed.status == 200 and changed.headers["ETag"] != tag


def test_rights_taken_away_are_seen_at_once(alone, shop):
    tag = alone.get(SALES).headers["ETag"]
    role = shop.value("SELECT current_setting('analytics.http_anon_role')")
    try:
        shop.rows(f"REVOKE SELECT ON analytics_api.sales_daily FROM {role}")
        assert alone.get(SALES, If_None_Match=tag).status == 401
    finally:
        shop.rows(f"GRANT SELECT ON analytics_api.sales_daily TO {role}")
    assert alone.get(SALES, If_None_Match=tag).status == 304


def test_what_the_clock_decides_is_asked_again(alone, shop, locks):
    settle(shop)
    tag = alone.get(SPECIAL).headers["ETag"]
    counted = alone.get("/api/data_dictionary?limit=1").headers["ETag"]
    locks()
    assert alone.get(SPECIAL, If_None_Match=tag).status == 504
    assert alone.get("/api/data_dictionary?limit=1", If_None_Match=counted).status == 304  # by its body: it reads no events
