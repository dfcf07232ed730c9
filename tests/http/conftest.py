"""What the tests of the HTTP server share: a database with the extension, keys, and clients that speak HTTP."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import socket
import time

import psycopg2
import pytest

DATABASE = "http_test"
PATIENCE = 30  # seconds that a condition may take to come true, whatever else the machine does


def until(condition, what="the condition"):
    """The first true value of condition(); fails when there is none in time."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"{what} did not come true")
        time.sleep(0.02)


def connect(database):
    connection = psycopg2.connect(dbname=database)
    connection.autocommit = True
    return connection


class Database:
    def __init__(self, name):
        self.connection = connect(name)

    def rows(self, sql, *values):
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql, *values):
        return self.rows(sql, *values)[0][0]

    def key(self, name, **options):
        given = {"store": "main", "rate": None, "events": None, "webhook_secret": None, **options}
        return self.value(
            "SELECT analytics.create_ingest_key(%s, %s, %s, %s, %s)",
            name, given["store"], given["rate"], given["events"], given["webhook_secret"],
        )


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def is_error(self, status, code=None):
        """Every error has the four members, and this status."""
        assert self.status == status, (self.status, self.body)
        assert set(self.json) == {"code", "message", "details", "hint"}, self.body
        assert code is None or self.json["code"] == code, self.body
        return True


class Client:
    def __init__(self, port):
        self.port = port

    def __call__(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def ingest(self, key, events, query="", **headers):
        body = events if isinstance(events, (bytes, str)) else json.dumps(events)
        given = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if key:
            given["Authorization"] = f"Bearer {key}"
        return self("POST", "/api/ingest" + query, body, given)

    def socket(self, first=b""):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        plain.sendall(first)
        return plain


def read_all(plain):
    """Until the server ends its side."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := plain.recv(65536):
            got += piece
    return got


JWT_SECRET = "reallyreallyreallyreallyverysafe"


def token(secret=JWT_SECRET, **claims):
    encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    text = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    return text + "." + encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def bearer(role, **claims):
    return {"Authorization": "Bearer " + token(role=role, **claims)}


def free_port():
    with socket.socket() as plain:
        plain.bind(("127.0.0.1", 0))
        return plain.getsockname()[1]


class Settings:
    """analytics.http_* of the server, put back after each test."""

    def __init__(self, admin):
        self.admin = admin
        self.changed = {}

    def set(self, **values):
        for name, value in values.items():
            self.changed.setdefault(name, self.admin.value(f"SELECT setting FROM pg_settings WHERE name = 'analytics.{name}'"))
            self.admin.rows(f"ALTER SYSTEM SET analytics.{name} = %s", value)
        self.admin.rows("SELECT pg_reload_conf()")

    def put_back(self):
        if self.changed:
            for name, value in self.changed.items():
                self.admin.rows(f"ALTER SYSTEM SET analytics.{name} = %s", value)
            self.admin.rows("SELECT pg_reload_conf()")
            for name, value in self.changed.items():  # the next set() reads them here
                until(lambda: self.admin.value(f"SELECT setting FROM pg_settings WHERE name = 'analytics.{name}'") == value, name)
        self.changed = {}


def is_as_before(client):
    with contextlib.suppress(OSError):
        health = client.get("/api/health")
        return health.status == 200 and health.json.get("executors") == {"configured": 3, "running": 3, "busy": 0}
    return False


@pytest.fixture(scope="session")
def admin():
    return Database("postgres")


@pytest.fixture(scope="session")
def server(admin):
    """The server, serving a fresh database; its roles: web reads reports and is who comes without a token."""
    port = free_port()
    admin.rows("ALTER SYSTEM SET analytics.http_port = 0")
    admin.rows("SELECT pg_reload_conf()")
    admin.rows(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    for role, options in {"analytics_authenticator": "LOGIN NOINHERIT", "web": "NOLOGIN", "stranger": "NOLOGIN"}.items():
        if not admin.rows("SELECT 1 FROM pg_roles WHERE rolname = %s", role):
            admin.rows(f"CREATE ROLE {role} {options}")
    admin.rows("GRANT web TO analytics_authenticator")
    admin.rows(f"CREATE DATABASE {DATABASE}")
    with contextlib.closing(connect(DATABASE)) as connection, connection.cursor() as cursor:
        cursor.execute("SET client_min_messages = warning")
        cursor.execute("CREATE EXTENSION analytics CASCADE")
        cursor.execute("SELECT analytics.maintain_partitions()")
        cursor.execute("SELECT analytics.grant_access('web', 'reader')")
    for setting, value in {"http_database": DATABASE, "http_port": port, "http_anon_role": "web", "http_executors": 3}.items():
        admin.rows(f"ALTER SYSTEM SET analytics.{setting} = %s", str(value))
    admin.rows("SELECT pg_reload_conf()")
    client = Client(port)
    until(lambda: is_as_before(client), "health")
    yield client
    admin.rows("ALTER SYSTEM SET analytics.http_port = 0")
    admin.rows("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def shop(server):
    return Database(DATABASE)


@pytest.fixture
def settings(admin, server):
    changed = Settings(admin)
    yield changed
    if changed.changed:
        changed.put_back()
        until(lambda: is_as_before(server), "the settings of before")


@pytest.fixture(scope="module")
def api(server, shop, admin):
    """PostgREST's dialect, serving what api.sql makes, to web and to the tokens of red and blue."""
    for role in ("red", "blue"):
        if not admin.rows("SELECT 1 FROM pg_roles WHERE rolname = %s", role):
            admin.rows(f"CREATE ROLE {role}")
        admin.rows(f"GRANT {role} TO analytics_authenticator")
    with open(os.path.join(os.path.dirname(__file__), "api.sql"), encoding="utf-8") as file:
        shop.rows("SET client_min_messages = warning; " + file.read())
    changed = Settings(admin)
    changed.set(http_schemas="api", http_aggregates="on", http_jwt_secret=JWT_SECRET)
    until(lambda: server.get("/api/customers?limit=0").status == 200, "the schema")
    until(lambda: server.get("/api/secrets?limit=0", **bearer("red")).status == 200, "the secret")
    until(lambda: server.get("/api/lines?select=quantity.sum()").status == 200, "aggregates")
    yield server
    changed.put_back()
    shop.rows("DROP SCHEMA api, hidden CASCADE")


@pytest.fixture(scope="session")
def key(shop):
    return shop.key("tests")


@pytest.fixture
def anything(shop):
    """visualize() runs its argument `metric` as SQL and returns the text of what comes out: whatever a role's function may try."""
    signature = "analytics.visualize(text, text, text, timestamp, timestamp, text, jsonb, integer, text, text, text)"
    real = shop.value("SELECT pg_get_functiondef(%s::regprocedure)", signature)
    shop.rows("""
        CREATE OR REPLACE FUNCTION analytics.visualize(metric text DEFAULT NULL, grain text DEFAULT 'day', "by" text DEFAULT NULL,
            "from" timestamp DEFAULT NULL, "to" timestamp DEFAULT NULL, compare text DEFAULT 'none', filters jsonb DEFAULT '{}',
            "limit" integer DEFAULT 10, store text DEFAULT 'main', currency text DEFAULT NULL, basis text DEFAULT 'refund')
            RETURNS jsonb LANGUAGE plpgsql AS $$
        DECLARE result text;
        BEGIN EXECUTE metric INTO result; RETURN to_jsonb(result); END $$""")
    yield
    shop.rows(real)


@pytest.fixture
def server_log():
    path = os.environ["HTTP_LOG"]
    start = os.path.getsize(path)

    def read():
        with open(path, encoding="utf-8", errors="replace") as log:
            log.seek(start)
            return log.read()

    return read
