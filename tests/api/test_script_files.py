"""The docs-site script over HTTP: addresses that may be kept for ever, compressed beforehand, under any name."""

import base64
import gzip
import hashlib
from pathlib import Path

import pytest

from api.routes.script import choose_encoding
from api.script_files import BUILT, find_script_file, read_earlier, script_files
from shared.config import ScriptSettings
from tests.api.running_api import RunningApi
from tests.shared.ingest.track import make_event

SCRIPT = ScriptSettings(path="/_warroom", name="warroom", intake="track")


@pytest.fixture
def database_url() -> str:
    """One database is enough here."""
    return ""


@pytest.mark.parametrize("name", BUILT)
async def test_hashed_address_is_kept_for_ever(api: RunningApi, name: str) -> None:
    file = script_files()[name]
    answer = await api.ask("GET", file.hashed_path(SCRIPT), headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert answer.status == 200
    assert answer.body == file.bodies["br"]
    expected = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Content-Encoding": "br",
        "Vary": "Accept-Encoding",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Timing-Allow-Origin": "*",
        "Access-Control-Allow-Origin": "*",
        "Content-Type": f"{file.content_type}; charset=utf-8",
    }
    assert {name: answer.headers[name] for name in expected} == expected
    assert "Set-Cookie" not in answer.headers
    again = await api.ask(
        "GET", file.hashed_path(SCRIPT), headers={"If-None-Match": answer.headers["ETag"], "Accept-Encoding": "br"}
    )
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("path", ["/warroom.js", "/_warroom/warroom.js", "/_warroom/warroom.0123456789.js"])
async def test_other_addresses_are_kept_for_a_day(api: RunningApi, path: str) -> None:
    answer = await api.ask("GET", path, headers={"Accept-Encoding": "gzip"})
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "public, max-age=86400")
    assert gzip.decompress(answer.body) == script_files()["warroom.js"].bodies["identity"]
    plain = await api.ask("GET", path, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["ETag"] != answer.headers["ETag"]
    assert plain.body == script_files()["warroom.js"].bodies["identity"]


def test_the_hash_of_an_earlier_version_finds_its_file(tmp_path: Path) -> None:
    body = b"earlier"
    old = hashlib.sha256(body).hexdigest()[:10]
    for ending in ("", ".gz", ".br"):
        (tmp_path / f"warroom-lite.{old}.js{ending}").write_bytes(body)
    earlier, script = read_earlier(tmp_path), ScriptSettings(path="/_d", name="docs", intake="t")
    found = find_script_file(f"docs-lite.{old}.js", script, earlier)
    assert found is not None
    assert (found[0].bodies["identity"], found[1]) == (body, True)
    for served in (f"docs.{old}.js", "docs-lite.0123456789.js"):  # of no version: today's, for a day
        today = find_script_file(served, script, earlier)
        assert today is not None
        assert (today[0] in script_files().values(), today[1]) == (True, False)


@pytest.mark.parametrize("path", ["/_warroom/other.js", "/_warroom/warroom.012.js", "/_warroom/", "/_warroom/demo.css"])
async def test_folder_has_nothing_else(api: RunningApi, path: str) -> None:
    assert (await api.ask("GET", path)).status == 404


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip, deflate, br", "br"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("GZIP", "gzip"),
        ("br;q=0.000,gzip;q=0", "identity"),
        ("*", "identity"),
        ("", "identity"),
    ],
)
def test_the_smallest_encoding_that_is_taken(accepted: str, chosen: str) -> None:
    assert choose_encoding(accepted) == chosen


async def test_events_and_feedback_come_in_under_the_folder(api: RunningApi) -> None:
    origin = {"Origin": "https://docs.example"}
    answer = await api.ask("POST", "/_warroom/track", {"site": "docs", "events": [make_event()]}, origin)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (202, "*")
    given = await api.ask("POST", "/_warroom/feedback", {"site": "docs", "text": "Good words"}, origin)
    assert (given.status, given.headers["Access-Control-Allow-Origin"]) == (201, "https://docs.example")
    asked = await api.ask("GET", "/_warroom/prompts/next?site=docs&person=person-0001", headers=origin)
    assert asked.status == 204
    preflight = await api.ask("OPTIONS", "/_warroom/track", headers=origin)
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, "*")
    metrics = (await api.ask("GET", "/metrics")).body.decode()
    assert "warroom_intake_answers_total{" in metrics
    assert "_warroom" not in metrics.split("# HELP warroom_intake_answers_total")[1].split("# HELP")[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [("path", "/app/x"), ("path", "docs"), ("path", "/a/"), ("name", "a.js"), ("intake", "feedback")],
)
def test_names_that_cannot_be_are_refused(field: str, value: str) -> None:
    script = {"path": "/_warroom", "name": "warroom", "intake": "track", field: value}
    with pytest.raises(ValueError, match=f"script.{field} must"):
        ScriptSettings(**script)


def test_integrity_is_what_browsers_compute() -> None:
    file = script_files()["warroom.js"]
    assert file.integrity == "sha384-" + base64.b64encode(hashlib.sha384(file.bodies["identity"]).digest()).decode()
    assert file.hash in file.hashed_path(SCRIPT)
