"""A conditional GET needs no query where nothing was committed since: shown by a lock on all that the query would read. A lock of a
transaction that has an id since before the first answer changes no snapshot."""

import pytest

from conftest import DATABASE, JWT_SECRET, Database, bearer, until

SALES = "/api/sales_daily?store_id=eq.main&bucket=gte.2024-06-01&bucket=lt.2024-07-01&limit=300"
REPORT = "/api/visualize?metric=net_sales&from=2024-01-01&to=2024-12-31"
# The clock decides, or something that others may have made does.
SPECIAL = [
    "/api/sales_daily?bucket=lte.t%6fday&limit=3",
    '/api/sales_daily?bucket=in.("t\\oday")&limit=3',
    "/api/sales_daily?bucket=lte(any).{%22to\\day%22}&limit=3",
    "/api/sales_daily?select=bucket,channel::date&limit=0",
    "/api/sales_daily?select=bucket,marked&limit=3",
    "/api/sales_daily?select=bucket&order=marked&limit=3",
    "/api/sales_daily?select=bucket&marked=neq.x&limit=3",
    "/api/sales_daily?select=bucket&or=(orders.gt.0,and(marked.neq.x,orders.gt.0))&limit=3",
    "/api/visualize?metric=net_sales&from=&to=",
    "/api/visualize?metric=net_sales&from=2024-01-01&to=2024-12-31&to=",
]


@pytest.fixture
def alone(server, settings, key):
    """One executor, since each remembers its own answers; its queries wait for locks a second at most."""
    order = {"event": "purchase", "order_id": "unchanged", "timestamp": "2024-06-01T12:00:00Z", "items": [{"product_id": "a", "price": 3}]}
    server.ingest(key, [order])
    settings.set(http_executors="1", http_statement_timeout="1s", http_jwt_secret=JWT_SECRET)
    until(lambda: server.get("/api/health").json["executors"] == {"configured": 1, "running": 1, "busy": 0}, "one executor")
    return server


class Locks:
    """Of a transaction that has had its id from the start."""

    def __init__(self):
        self.other = Database(DATABASE)
        self.other.connection.autocommit = False
        self.other.value("SELECT pg_current_xact_id()")

    def take(self):
        self.other.rows("SAVEPOINT free; LOCK TABLE analytics.event, analytics.rollup_sales_daily IN ACCESS EXCLUSIVE MODE")

    def let_go(self):
        self.other.rows("ROLLBACK TO SAVEPOINT free")


@pytest.fixture
def locks(shop):
    locks = Locks()
    yield locks
    locks.other.connection.close()


def locked(alone, shop, locks, path):
    """The answer, and that to the next request, which the locks hold up where it needs its query. Nothing was committed between the
    two: what refreshes or autovacuum commit would change every snapshot."""
    until(lambda: shop.value("SELECT max(tail_rows) FROM analytics.rollup_status") == 0, "the refresh")

    def look():
        snapshot = shop.value("SELECT pg_current_snapshot()::text")
        first = alone.get(path)
        locks.take()
        second = alone.get(path, If_None_Match=first.headers["ETag"])
        if shop.value("SELECT pg_current_snapshot()::text") == snapshot:
            return first, second
        locks.let_go()
        return None

    return until(look, "a time in which nobody commits")


@pytest.mark.parametrize("path", [SALES, REPORT])
def test_nothing_committed_nothing_read(alone, shop, locks, path):
    role = shop.value("SELECT current_setting('analytics.http_anon_role')")
    first, answer = locked(alone, shop, locks, path)
    tag = first.headers["ETag"]
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


@pytest.fixture
def marked(shop):
    """A function of any row, which PostgreSQL takes for a column of each."""
    shop.rows("CREATE FUNCTION public.marked(anyelement) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()::text'")
    yield
    shop.rows("DROP FUNCTION public.marked")


@pytest.mark.parametrize("path", SPECIAL)
def test_what_more_than_data_decides_is_asked_again(alone, shop, locks, marked, path):
    first, second = locked(alone, shop, locks, path.replace("\\", "%5C") if "%22" in path else path)
    assert (first.status, second.status) == (200, 504)


def test_what_reads_no_events_is_compared_by_its_body(alone, shop, locks):
    first, second = locked(alone, shop, locks, "/api/data_dictionary?limit=1")
    assert (first.status, second.status) == (200, 304)


@pytest.mark.parametrize("path", [SALES, REPORT])
def test_only_a_get_is_conditional(alone, shop, locks, path):
    """What writes is to be done, whatever tag it names."""
    first, second = locked(alone, shop, locks, path)
    assert second.status == 304
    tag = {"If-None-Match": first.headers["ETag"], "Content-Type": "application/json"}
    if path == SALES:
        assert alone("DELETE", path, headers=tag).is_error(500, "55000")
        assert alone("POST", path, "{}", tag).is_error(500, "55000")
    assert alone("HEAD", path, headers=tag).status == 504
