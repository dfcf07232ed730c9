"""Who asks, by the token of a request. `anything`: /api/visualize?metric= runs SQL."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time
import urllib.parse

import psycopg2
import pytest

from conftest import until

SECRET = "reallyreallyreallyreallyverysafe"
OTHER = "another secret that is long enough"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(claims, secret=SECRET, algorithm="HS256"):
    text = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": algorithm, "typ": "JWT"}, claims))
    return text + "." + base64url(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def visualize(server, bearer, query="metric=orders&store=paris"):
    return server.get("/api/visualize?" + query, **({"Authorization": f"Bearer {bearer}"} if bearer is not None else {}))


def run(server, bearer, sql):
    return visualize(server, bearer, "metric=" + urllib.parse.quote(sql))


def is_refused(reply, status, code, message, details=None):
    assert reply.is_error(status, code)
    assert reply.json == {"code": code, "message": message, "details": details, "hint": None}
    return reply.headers["WWW-Authenticate"]


def description(message):
    return f'Bearer error="invalid_token", error_description="{message}"'


@pytest.fixture(scope="module")
def tenants(server, shop, admin):
    """The role of tenants, whose stores are in their tokens; two orders in paris, one in lyon."""
    if not admin.rows("SELECT 1 FROM pg_roles WHERE rolname = 'tenant'"):
        admin.rows("CREATE ROLE tenant")
    admin.rows("GRANT tenant TO analytics_authenticator")
    shop.rows("SELECT analytics.grant_access('tenant', 'reader')")
    for store, orders in {"paris": 2, "lyon": 1}.items():
        key = shop.key(f"of {store}", store=store)
        events = [{"event": "purchase", "order_id": f"{store}-{n}", "items": [{"product_id": "mug", "price": "5", "quantity": 1}]}
                  for n in range(orders)]
        assert server.ingest(key, events).json["accepted"] == orders


@pytest.fixture
def secret(server, tenants, settings):
    settings.set(http_jwt_secret=SECRET)
    until(lambda: visualize(server, token({})).status == 200, "the secret")


def of(*stores, **claims):
    return token({"role": "tenant", "stores": stores, **claims})


def test_a_tenant_sees_its_stores(server, secret, anything):
    count = "SELECT coalesce(string_agg(store_id || n, ' ' ORDER BY store_id), 'nothing') FROM (SELECT store_id, count(*) n FROM analytics.event" \
            " WHERE store_id IN ('paris', 'lyon') GROUP BY 1) c"
    assert run(server, of("paris"), count).json == "paris2"
    assert run(server, of("lyon"), count).json == "lyon1"
    assert run(server, of("lyon", "paris"), count).json == "lyon1 paris2"
    assert run(server, of(), count).json == "nothing"
    assert run(server, None, count).json == "lyon1 paris2"  # web has no claim
    assert run(server, of("paris"), "SELECT current_user || ' ' || session_user").json == "tenant analytics_authenticator"
    assert json.loads(run(server, of("paris", x=1), "SELECT current_setting('request.jwt.claims')").json) == \
        {"role": "tenant", "stores": ["paris"], "x": 1}
    assert json.loads(run(server, token({"x": 1}), "SELECT current_setting('request.jwt.claims')").json) == {"role": "web", "x": 1}


def test_reports_of_two_tenants(server, secret):
    total = lambda reply: (reply.status, reply.json["totals"]["value"])
    assert total(visualize(server, of("paris"))) == (200, 2)
    assert total(visualize(server, of("lyon"), "metric=orders&store=lyon")) == (200, 1)
    refusal = visualize(server, of("lyon"))
    assert refusal.is_error(403, "42501") and "WWW-Authenticate" not in refusal.headers
    assert total(visualize(server, of("lyon"), "metric=orders&store=")) == (200, 1)  # all that it may see
    assert total(visualize(server, of("lyon", "paris"), "metric=orders&store=")) == (200, 3)
    assert total(visualize(server, None)) == (200, 2)
    refusal = visualize(server, token({"stores": ["lyon"]}))  # a token that names no role is the anonymous one's
    assert refusal.is_error(401, "42501") and refusal.headers["WWW-Authenticate"] == "Bearer"


def test_times_and_audience(server, secret, settings):
    now = int(time.time())
    assert visualize(server, of("paris", exp=now + 60, nbf=now - 60, iat=now)).status == 200
    assert visualize(server, of("paris", exp=now - 10)).status == 200  # within half a minute
    for message, claims in {
        "JWT expired": {"exp": now - 60},
        "JWT not yet valid": {"nbf": now + 60},
        "JWT issued at future": {"iat": now + 60},
        "The JWT 'exp' claim must be a number": {"exp": "tomorrow"},
    }.items():
        assert is_refused(visualize(server, of("paris", **claims)), 401, "PGRST303", message) == description(message)
    assert visualize(server, of("paris", aud="others")).status == 200
    settings.set(http_jwt_aud="shop")
    until(lambda: visualize(server, of("paris", aud="others")).status == 401, "the audience")
    is_refused(visualize(server, of("paris", aud="others")), 401, "PGRST303", "JWT not in audience")
    for audience in ("shop", ["others", "shop"], [], None):
        assert visualize(server, of("paris", aud=audience)).status == 200


def test_what_is_no_token(server, secret):
    message = "Empty JWT is sent in Authorization header"
    assert is_refused(visualize(server, ""), 401, "PGRST301", message) == description(message)
    message = "Expected 3 parts in JWT; got 2"
    assert is_refused(visualize(server, "eyJ.eyJ"), 401, "PGRST301", message) == description(message)
    message = "JWT cryptographic operation failed"
    assert is_refused(visualize(server, "quifq.fonvo.iuqv"), 401, "PGRST301", message) == description(message)
    assert is_refused(visualize(server, token({"role": "tenant"}, OTHER)), 401, "PGRST301", "No suitable key or wrong key type",
                      "None of the keys was able to decode the JWT")
    is_refused(visualize(server, token({"role": "tenant"}, algorithm="none")), 401, "PGRST301",
               "Wrong or unsupported encoding algorithm", "JWT is unsecured but expected 'alg' was not 'none'")
    assert server.get("/api/visualize", Authorization="Basic dTpw").status == 200  # another scheme: nobody logs in
    assert server.get("/api/visualize?store=paris", Authorization="bearer " + of("lyon")).status == 403
    assert visualize(server, "ik_a_key").is_error(401, "PGRST301")
    for bearer in ("a" * 9000, of("paris", x="x" * 9000)):
        assert visualize(server, bearer).is_error(401, "PGRST301")


def test_roles_that_are_none(server, secret, anything):
    for role in ("nobody at all", "none", ""):
        assert is_refused(visualize(server, token({"role": role})), 401, "22023", f'role "{role}" does not exist') == "Bearer"
    assert is_refused(visualize(server, token({"role": None})), 401, "22023", 'role "null" does not exist') == "Bearer"
    for role in ("stranger", "postgres", "pg_read_all_data"):
        is_refused(visualize(server, token({"role": role})), 403, "42501", f'permission denied to set role "{role}"')
    assert run(server, token({"role": "tenant\"; RESET ROLE; --"}), "SELECT 1").is_error(401, "22023")


def test_where_the_role_is(server, secret, settings, anything):
    settings.set(http_jwt_role_claim='.app.roles[?(@ ^== "ten")]')
    claims = {"app": {"roles": ["other", "tenant"]}, "role": "postgres"}
    until(lambda: run(server, token(claims), "SELECT current_user").json == "tenant", "the path")
    assert json.loads(run(server, token(claims), "SELECT current_setting('request.jwt.claims')").json)["role"] == "tenant"
    assert run(server, token({"role": "tenant"}), "SELECT current_user").json == "web"


def test_nobody_is_anonymous(server, secret, settings):
    settings.set(http_anon_role="")
    until(lambda: visualize(server, None).status == 401, "the setting")
    assert is_refused(visualize(server, None), 401, "PGRST302", "Anonymous access is disabled") == "Bearer"
    assert is_refused(visualize(server, token({})), 401, "PGRST302", "Anonymous access is disabled") == "Bearer"
    assert visualize(server, of("paris")).status == 200


def test_without_a_secret(server, tenants):
    assert is_refused(visualize(server, of("paris")), 500, "PGRST300", "Server lacks JWT secret") is None
    assert visualize(server, None).status == 200


def test_live(server, secret):
    assert server.get("/api/live", Authorization="Bearer " + token({}, OTHER)).is_error(401, "PGRST301")
    assert server.get("/api/live", Authorization="Bearer " + token({"role": "stranger"})).is_error(403, "42501")


def test_public_keys(server, tenants, settings, tmp_path):
    """A JWKS: two key pairs, found by their ids; the public text is no secret."""
    openssl = lambda *words, data=b"": subprocess.run(["openssl", *words], input=data, check=True, capture_output=True).stdout
    key = tmp_path / "key.pem"
    key.write_bytes(openssl("genrsa", "2048"))
    modulus = bytes.fromhex(openssl("rsa", "-in", str(key), "-noout", "-modulus").decode().strip().partition("=")[2])
    jwk = {"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig", "e": "AQAB", "n": base64url(modulus)}
    jwks = json.dumps({"keys": [{"kty": "oct", "kid": "two", "k": base64url(SECRET.encode())}, jwk]})

    def signed(claims, **header):
        text = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", **header}, claims))
        return text + "." + base64url(openssl("dgst", "-sha256", "-sign", str(key), data=text.encode()))

    claims = {"role": "tenant", "stores": ["paris"]}
    settings.set(http_jwt_secret=jwks)
    until(lambda: visualize(server, signed(claims)).status == 200, "the keys")
    assert visualize(server, signed(claims, kid="one")).status == 200
    assert visualize(server, signed(claims, kid="two")).json["details"] == "No suitable key was found to decode the JWT"
    assert visualize(server, token(claims)).status == 200
    assert visualize(server, token(claims, json.dumps(jwk))).is_error(401, "PGRST301")


def test_a_secret_in_a_file(server, tenants, settings, admin, tmp_path, server_log):
    for folder in (tmp_path, *tmp_path.parents):  # the server's user reads it
        if os.stat(folder).st_uid == os.getuid():
            os.chmod(folder, os.stat(folder).st_mode | 0o055)
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    settings.set(http_jwt_secret=f"@{file}")
    until(lambda: visualize(server, of("paris")).status == 200, "the file")
    file.write_text(OTHER)
    admin.rows("SELECT pg_reload_conf()")
    until(lambda: visualize(server, token({"role": "tenant"}, OTHER)).status == 200, "the new secret")
    assert visualize(server, of("paris")).is_error(401, "PGRST301")
    for broken in (lambda: file.write_text("short, and to be told nobody"), lambda: None, lambda: os.mkfifo(file)):
        broken()
        admin.rows("SELECT pg_reload_conf()")
        until(lambda: visualize(server, of("paris")).status == 500, "no secret")
        assert visualize(server, None).status == 200
        file.unlink(missing_ok=True)
    log = server_log()
    assert "requests with a token are refused: the file of the JWT secret is not there" in log
    assert "requests with a token are refused: the JWT secret must be at least 32 bytes long" in log
    assert "told nobody" not in log


@pytest.mark.parametrize("name, value, hint", [
    ("http_jwt_secret", "hush-hush, but short", "openssl rand"),
    ("http_jwt_secret", '{"kty":"RSA","n":"hush-hush"}', "base64"),
    ("http_jwt_secret", "@", "openssl rand"),
    ("http_jwt_role_claim", "role", ".role"),
    ("http_jwt_role_claim", ".role[?(@ = \"a\")]", ".role"),
])
def test_settings_that_are_wrong(admin, name, value, hint):
    with pytest.raises(psycopg2.Error) as raised:
        admin.rows(f"ALTER SYSTEM SET analytics.{name} = %s", value)
    assert raised.value.pgcode == "22023" and hint in raised.value.diag.message_hint
    assert "hush" not in str(raised.value)
