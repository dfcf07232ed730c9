"""The dashboard's files: pages, what they load, how they are kept, compressed and guarded, and the setting that switches them off."""

import gzip
import re
from pathlib import Path

import pytest

from conftest import until

BUILT = Path(__file__).parents[2] / "build/release/dashboard"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
PAGES = ["/", "/customers", "/customers/", "/customers/a%20b%2Fc", "/products", "/funnel", "/live", "/health", "/?store=x&from=2026-01-01"]

pytestmark = pytest.mark.skipif(not (BUILT / "index.html").exists(), reason="built without the dashboard")


@pytest.fixture(scope="module")
def document():
    return (BUILT / "index.html").read_bytes()


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_one_document(server, document, page):
    reply = server.get(page)
    assert (reply.status, reply.headers["Content-Type"], reply.body) == (200, TYPES[".html"], document)
    assert reply.headers["Cache-Control"] == "no-cache"


def test_a_page_runs_what_is_the_servers_alone(server, document):
    reply = server.get("/")
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["Content-Security-Policy"].split(";"))
    assert policy == {"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:", "font-src": "'self'",
                      "connect-src": "'self'", "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'"}
    assert reply.headers["X-Content-Type-Options"] == "nosniff" and reply.headers["Referrer-Policy"] == "no-referrer"
    # what the policy would not let pass
    text = document.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", text)
    assert all(address.startswith("/") for address in re.findall(r'(?:src|href)="([^"]*)"', text))


def test_what_a_page_loads_is_there(server, document):
    loaded = re.findall(r'(?:src|href)="(/[^"]*)"', document.decode())
    assert len(loaded) >= 3
    for address in loaded:
        assert server.get(address).status == 200, address


def test_files_are_what_was_built(server):
    files = [file for file in BUILT.rglob("*") if file.is_file() and file.name != "index.html"]
    assert len(files) >= 3
    for file in files:
        reply = server.get(f"/{file.relative_to(BUILT)}")
        assert (reply.status, reply.headers["Content-Type"], reply.body) == (200, TYPES[file.suffix], file.read_bytes()), file
        kept = "public, max-age=31536000, immutable" if file.parent.name == "assets" else "public, max-age=3600"
        assert reply.headers["Cache-Control"] == kept, file


def script_path():
    return max((BUILT / "assets").glob("*.js"), key=lambda file: file.stat().st_size)


def test_compressed_where_that_is_wanted(server):
    file = script_path()
    path = f"/assets/{file.name}"
    plain = server.get(path)
    assert "Content-Encoding" not in plain.headers and "Accept-Encoding" in plain.headers["Vary"]
    packed = server.get(path, Accept_Encoding="br, gzip")
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.body) == file.read_bytes()
    assert len(packed.body) < len(plain.body) / 2 and packed.headers["ETag"] == plain.headers["ETag"]
    assert "Content-Encoding" not in server.get(path, Accept_Encoding="gzip;q=0").headers


@pytest.mark.parametrize("path", ["/", "/customers/ada", "/favicon.svg"])
def test_not_sent_again(server, path):
    tag = server.get(path).headers["ETag"]
    unchanged = server.get(path, If_None_Match=tag)
    assert (unchanged.status, unchanged.body, unchanged.headers["ETag"]) == (304, b"", tag)
    assert unchanged.headers["Cache-Control"] == server.get(path).headers["Cache-Control"]
    assert server.get(path, If_None_Match='"other"').status == 200


def test_head_and_other_methods(server, document):
    head = server("HEAD", "/products")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(document)))
    asset = server("HEAD", f"/assets/{script_path().name}", headers={"Accept-Encoding": "gzip"})
    assert asset.status == 200 and asset.body == b"" and asset.headers["Content-Encoding"] == "gzip"
    for path in ("/", "/health", "/favicon.svg"):
        refused = server("POST", path, b"{}")
        assert refused.is_error(405) and refused.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_nothing_else_is_there(server):
    for path in ("/index.html", "/assets/", "/assets/none.js", "/assets/../index.html", "/assets/%2e%2e/index.html", "/assets/..%2findex.html", "/customersx", "/customer",
                 "/Customers", "//", "/favicon.ico", "/assets", "/etc/passwd", "/api/customers/x"):
        assert server.get(path).is_error(404), path


def test_pages_need_no_role(server, settings):
    settings.set(http_anon_role="")
    until(lambda: server.get("/api/visualize").status == 401, "nobody may read")
    assert server.get("/customers").status == 200 and server.get("/favicon.svg").status == 200


def test_switched_off(server, settings):
    settings.set(http_dashboard="off")
    until(lambda: server.get("/products").status == 404, "the setting")
    for path in ("/products", "/customers/ada", "/favicon.svg", f"/assets/{script_path().name}"):
        assert server.get(path).is_error(404, "no_route"), path
    page = server.get("/")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/plain") and "Content-Security-Policy" not in page.headers
    assert b"/api/ingest" in page.body and b"analytics.http_dashboard" in page.body
    assert server.get("/analytics.js").status == 200 and server.get("/api/health").status == 200
