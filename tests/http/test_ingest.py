"""POST /api/ingest: each status, keys, signatures, limits, and what happens beside other transactions."""

import base64
import gzip
import hashlib
import hmac
import json
import threading

import psycopg2

from conftest import DATABASE, until


def view(event_id, **members):
    return {"event": "view_item", "event_id": event_id, **members}


def is_stored(shop, event_id, store="main"):
    return shop.value("SELECT count(*) FROM analytics.current_event WHERE event_id = %s AND store_id = %s", event_id, store) == 1


def test_200_accepted_and_again_as_duplicate(server, shop, key):
    first = server.ingest(key, [view("i1"), view("i2")])
    assert (first.status, first.json) == (200, {"accepted": 2, "duplicates": 0, "rejected": 0, "errors": []})
    assert is_stored(shop, "i1")
    again = server.ingest(key, [view("i2"), view("i3")])
    assert (again.status, again.json) == (200, {"accepted": 1, "duplicates": 1, "rejected": 0, "errors": []})


def test_200_one_object_lines_and_nothing(server, key):
    assert server.ingest(key, view("i4")).json["accepted"] == 1
    lines = server.ingest(key, b'{"event":"search"}\n{"event":"login"}\n', Content_Type="application/x-ndjson")
    assert lines.json["accepted"] == 2
    nothing = server.ingest(key, [])
    assert (nothing.status, nothing.json["accepted"]) == (200, 0)


def test_207_mixed_and_422_all_rejected(server, key):
    mixed = server.ingest(key, [view("i5"), {"event": "Not A Name"}])
    assert mixed.status == 207
    assert (mixed.json["accepted"], mixed.json["rejected"]) == (1, 1)
    assert mixed.json["errors"][0]["index"] == 1
    assert mixed.json["errors"][0]["code"] == "invalid_event_type"
    rejected = server.ingest(key, [{"event": "Not A Name"}])
    assert (rejected.status, rejected.json["rejected"]) == (422, 1)


def test_400_no_json(server, key):
    assert server.ingest(key, b"nonsense").is_error(400, "22P02")
    assert server.ingest(key, b"").is_error(400, "22P02")
    assert server.ingest(key, b" \n ").is_error(400, "22P02")
    assert server.ingest(key, [], "?format=klingon").is_error(400, "22023")
    assert server.ingest(key, b"\x1f\x8bnot gzip", Content_Encoding="gzip").is_error(400, "bad_gzip")


def test_401_without_a_key(server):
    assert server.ingest(None, []).is_error(401, "no_key")
    assert server.ingest("ik_unheard_of", []).is_error(401, "unknown_key")
    assert server.ingest("eyJhbGciOi", []).is_error(401, "no_key")


def test_403_revoked(server, shop):
    revoked = shop.key("to_revoke")
    assert server.ingest(revoked, [view("i6")]).status == 200
    assert shop.value("SELECT analytics.revoke_ingest_key('to_revoke')")
    until(lambda: server.ingest(revoked, []).status == 403, "the revocation")
    assert server.ingest(revoked, []).is_error(403, "revoked_key")


def test_405_and_415(server, key):
    get = server.get("/api/ingest")
    assert get.is_error(405) and get.headers["Allow"] == "POST, OPTIONS"
    assert server.ingest(key, "a=b", Content_Type="application/x-www-form-urlencoded").is_error(415)
    assert server.ingest(key, [], Content_Encoding="br").is_error(415)


def test_413_too_large(server, key, settings):
    settings.set(http_max_body="64kB")
    until(lambda: server.ingest(key, b" " * 70000).status == 413, "the limit")
    assert server.ingest(key, b" " * 70000).is_error(413, "body_too_large")
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 64 * 1024
    assert server.ingest(key, bomb, Content_Encoding="gzip").is_error(413, "body_too_large")


def test_429_above_the_rate(server, shop):
    limited = shop.key("limited", rate=10)
    assert server.ingest(limited, [view(f"rate{n}") for n in range(1000)]).status == 200
    refused = server.ingest(limited, [view("rate1001")])
    assert refused.is_error(429, "rate_limit")
    # 990 events of debt at 10 a second
    assert 90 <= int(refused.headers["Retry-After"]) <= 100
    assert not is_stored(shop, "rate1001")


def test_gzip(server, shop, key):
    assert server.ingest(key, gzip.compress(json.dumps([view("gz1")]).encode()), Content_Encoding="gzip").json["accepted"] == 1
    assert is_stored(shop, "gz1")


def test_key_by_query_as_beacons_send_it(server, shop, key):
    reply = server.ingest(None, json.dumps(view("beacon")), f"?key={key}", Content_Type="text/plain;charset=UTF-8")
    assert reply.json["accepted"] == 1
    assert is_stored(shop, "beacon")


def test_events_go_to_the_store_of_the_key(server, shop):
    branch = shop.key("branch", store="branch")
    assert server.ingest(branch, [view("b1")]).json["accepted"] == 1
    assert is_stored(shop, "b1", "branch")
    assert server.ingest(branch, [view("b2", store="other")]).json["errors"][0]["code"] == "store_mismatch"


def test_signatures_of_webhooks(server, shop):
    signed = shop.key("signed", webhook_secret="hush")
    body = json.dumps([view("w1")]).encode()
    signature = base64.b64encode(hmac.new(b"hush", body, hashlib.sha256).digest()).decode()
    assert server.ingest(signed, body).is_error(401, "bad_signature")
    assert server.ingest(signed, body, X_Shopify_Hmac_Sha256=signature[::-1]).is_error(401, "bad_signature")
    assert server.ingest(signed, body + b" ", X_Shopify_Hmac_Sha256=signature).is_error(401, "bad_signature")
    assert server.ingest(signed, body, X_Shopify_Hmac_Sha256=signature).json["accepted"] == 1
    assert server.ingest(signed, body, X_WC_Webhook_Signature=signature).json["duplicates"] == 1


def test_open_to_this_machine_where_it_is_asked_for(server, shop, settings):
    settings.set(http_ingest_auth="open")
    until(lambda: server.ingest(None, []).status == 200, "the setting")
    assert server.ingest(None, [view("open1")], "?store=elsewhere").json["accepted"] == 1
    assert is_stored(shop, "open1", "elsewhere")
    assert server.ingest("ik_unheard_of", []).is_error(401, "unknown_key")


def test_many_at_once_each_gets_its_own_answer(server, shop, key):
    replies = {}

    def send(number):
        events = [view(f"many{number}_{n}") for n in range(number % 3)] + ([{"event": "Bad"}] if number % 5 == 0 else [])
        replies[number] = server.ingest(key, b"no json" if number % 7 == 0 else json.dumps(events))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, reply in replies.items():
        if number % 7 == 0:
            assert reply.is_error(400, "22P02")
        else:
            assert reply.json["accepted"] == number % 3, number
            assert reply.json["rejected"] == (number % 5 == 0), number
    assert shop.value("SELECT count(*) FROM analytics.current_event WHERE event_id LIKE 'many%%'") == sum(
        n % 3 for n in range(100) if n % 7 != 0
    )


def test_the_same_event_at_once_counts_once(server, shop, key):
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(server.ingest(key, [view("same")]).json)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply["accepted"] for reply in replies) == [0] * 19 + [1]
    assert is_stored(shop, "same")


def test_a_locked_event_delays_itself_alone(server, shop, key):
    """Somebody's open transaction holds a key: that ingest waits for its end, all others go on."""
    other = psycopg2.connect(dbname=DATABASE)
    other.cursor().execute("SELECT analytics.ingest('[{\"event\":\"view_item\",\"event_id\":\"locked\"}]'::text)")
    waiting = {}
    thread = threading.Thread(target=lambda: waiting.update(reply=server.ingest(key, [view("locked")])))
    thread.start()
    for number in range(20):
        assert server.ingest(key, [view(f"beside{number}")]).json["accepted"] == 1
    assert "reply" not in waiting
    other.commit()
    thread.join()
    assert waiting["reply"].json == {"accepted": 0, "duplicates": 1, "rejected": 0, "errors": []}
    other.close()


def test_503_when_the_lock_stays(server, key, settings):
    settings.set(http_statement_timeout="1s")
    other = psycopg2.connect(dbname=DATABASE)
    other.cursor().execute("SELECT analytics.ingest('[{\"event\":\"view_item\",\"event_id\":\"locked2\"}]'::text)")
    reply = server.ingest(key, [view("locked2")])
    assert reply.is_error(503) and "Retry-After" in reply.headers
    other.rollback()
    assert server.ingest(key, [view("locked2")]).json["accepted"] == 1
    other.close()


def test_keys_are_never_logged(server, shop, admin, key, server_log, settings):
    admin.rows("ALTER SYSTEM SET log_statement = 'all'")
    admin.rows("ALTER SYSTEM SET log_min_duration_statement = 0")
    admin.rows("SELECT pg_reload_conf()")
    try:
        assert server.ingest(None, [view("quiet")], f"?key={key}").json["accepted"] == 1
        assert server.ingest(None, b"nonsense", f"?key={key}").status == 400
        activity = shop.rows("SELECT query FROM pg_stat_activity WHERE backend_type LIKE 'analytics %%'")
        assert key not in server_log() and key not in str(activity)
    finally:
        admin.rows("ALTER SYSTEM RESET log_statement")
        admin.rows("ALTER SYSTEM RESET log_min_duration_statement")
        admin.rows("SELECT pg_reload_conf()")
