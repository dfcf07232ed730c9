"""analytics.http_pre_request beyond PostgREST's dialect (dialect/settings.http): reports, the live stream, conditional GETs."""

import pytest

from conftest import until

REPORT = "/api/visualize?metric=net_sales&from=2024-01-01&to=2024-12-31"
SALES = "/api/sales_daily?limit=3"


@pytest.fixture
def closed(shop):
    """A function that refuses whoever says so."""
    shop.rows("""
        CREATE SCHEMA checks;
        GRANT USAGE ON SCHEMA checks TO PUBLIC;
        CREATE FUNCTION checks.visitor() RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            IF current_setting('request.headers')::json ->> 'x-visitor' = 'evil' THEN RAISE EXCEPTION 'No, you are evil'; END IF;
            IF current_setting('request.headers')::json ->> 'x-visitor' = 'stray' THEN RESET ROLE; SET LOCAL ROLE postgres; END IF;
        END $$""")
    yield "checks.visitor"
    shop.rows("DROP SCHEMA checks CASCADE")


@pytest.mark.parametrize("path", [REPORT, SALES, "/api/live", "/api/"])
def test_it_refuses(server, settings, closed, path):
    settings.set(http_pre_request=closed)
    until(lambda: server.get(SALES, X_Visitor="evil").status == 400, "the setting")
    assert server.get(path, X_Visitor="evil").is_error(400, "P0001")
    assert server.get(REPORT).status == 200
    assert server.get(SALES).status == 200


def test_what_is_remembered_is_refused_too(server, settings, closed):
    tags = {path: server.get(path).headers["ETag"] for path in (REPORT, SALES)}
    settings.set(http_pre_request=closed)
    until(lambda: server.get(SALES, X_Visitor="evil").status == 400, "the setting")
    for path, tag in tags.items():
        assert server.get(path, If_None_Match=tag).status == 304
        assert server.get(path, If_None_Match=tag, X_Visitor="evil").status == 400


def test_it_takes_no_role_that_was_not_granted(server, settings, closed):
    settings.set(http_pre_request=closed)
    until(lambda: server.get(SALES, X_Visitor="evil").status == 400, "the setting")
    assert server.get(SALES, X_Visitor="stray").is_error(401, "42501")


def test_one_that_is_not_there_lets_nobody_in(server, settings):
    settings.set(http_pre_request="analytics_api.nobody")
    until(lambda: server.get(SALES).status == 404, "the setting")
    assert server.get(SALES).is_error(404, "42883")
    assert server.get(REPORT).json["code"] == "42883"


@pytest.mark.parametrize("value", ["visitor", "a.b.c", "checks.", ".visitor"])
def test_it_has_a_schema_and_a_name(admin, value):
    with pytest.raises(Exception, match='invalid value for parameter "analytics.http_pre_request"'):
        admin.rows("ALTER SYSTEM SET analytics.http_pre_request = %s", value)
