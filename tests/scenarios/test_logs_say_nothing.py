"""The whole log at DEBUG, after everything went in that must not come out: no person, no secret, no words."""

import contextlib
import json
import re
from pathlib import Path

import aiohttp
import pytest

from tests.discord_server import faults
from tests.scenarios.discord_scene import Scene, discord_scene

ADDRESS = "203.0.113.77"
AGENT = "Mozilla/5.0 (CanaryOS 9.9) CanaryAgent/7.7 Firefox/140.0"
QUERY = "canary-query-string"
MAIL = "canary.person@mail.example"
WORDS = "canarywords are awful, terrible and horrible"
PERSON = "canary-person-0123456789"
SERVER = {"log_level": "DEBUG", "trusted_proxies": ["127.0.0.0/8"]}
HEADERS = {"User-Agent": AGENT, "X-Forwarded-For": ADDRESS, "Referer": f"https://docs.example/?{QUERY}"}


@pytest.mark.slow
async def test_nothing_personal_and_no_secret_is_logged(tmp_path: Path) -> None:
    async with discord_scene(tmp_path, "", server=SERVER) as scene:
        key = (await scene.warroom.operator("key-create", name="mailer", site="docs", scopes=["events:write"]))["key"]
        link = await scene.warroom.operator("sign-in", name="Canary Ada", role=None)
        await visit(scene, key)
        await provoke_errors(scene, key)
        await talk_on_discord(scene)
        await scene.warroom.until(lambda: "canarywords" in scene.texts_in_war_room())
        assert await scene.warroom.stop() == 0
        log = scene.warroom.log()
        forbidden = {
            ADDRESS,
            "CanaryAgent",
            QUERY,
            MAIL,
            "canarywords",
            PERSON,
            "Canary Ada",
            key,
            key.rsplit("_", 1)[1],
            link.rsplit("#", 1)[1],
            scene.server.token,
            scene.warroom.environment["WARROOM_SECRET_KEY"],
            str(scene.mia.id),
            str(scene.cy.id),
            "canary-cookie",
        }
        assert {text for text in forbidden if text in log} == set()
        assert "warroom.access" in log  # the level was DEBUG indeed
        check_structure(log)


async def visit(scene: Scene, key: str) -> None:
    """A browser and a server, with everything that they know."""
    event = {"id": "canary-event-1", "name": "page_view", "view": "v1", "page": f"/a?{QUERY}", "referrer": MAIL}
    body = json.dumps({"site": "docs", "person": PERSON, "events": [event]})
    for path, sent, headers in (
        (f"/track?{QUERY}", body, {}),
        ("/track", body, {"Authorization": f"Bearer {key}"}),
        ("/feedback", json.dumps({"site": "docs", "text": WORDS, "contact": MAIL, "person": PERSON}), {}),
        (f"/prompts/{QUERY}/dismiss", json.dumps({"site": "docs", "person": PERSON, "how": "later"}), {}),
        ("/api/v1/privacy/export", json.dumps({"site": "docs", "person": PERSON}), {}),
    ):
        sent_headers = {**HEADERS, "Content-Type": "application/json", "Cookie": "s=canary-cookie", **headers}
        async with scene.warroom.http.post(path, data=sent, headers=sent_headers) as answer:
            assert answer.status < 500, path
    async with scene.warroom.http.get(f"/prompts/next?site=docs&person={PERSON}", headers=HEADERS) as answer:
        assert answer.status in (200, 204)


async def provoke_errors(scene: Scene, key: str) -> None:
    """Refusals, nonsense and broken HTTP: errors are what logs like to repeat."""
    http = scene.warroom.http
    wrong = {**HEADERS, "Authorization": f"Bearer {key[:-1]}x", "Content-Type": "application/json"}
    for body in (f'{{"site": "docs", "text": "{WORDS}"', json.dumps({"site": WORDS, "text": [MAIL]})):
        async with http.post(f"/feedback?{QUERY}", data=body, headers={**HEADERS, "Content-Type": "application/json"}):
            pass
        async with http.post("/track", data=body, headers=wrong):
            pass
    async with http.get(f"/{QUERY}/{MAIL}", headers=HEADERS), http.get(f"/app/sign-in?{QUERY}", headers=HEADERS):
        pass
    with contextlib.suppress(aiohttp.ClientError, ValueError):
        async with http.request("CANARYWORDS\x01", f"/{QUERY}"):
            pass


async def talk_on_discord(scene: Scene) -> None:
    """Commands, a direct message, and posts that fail on the way."""
    scene.server.faults.add("POST", "/channels/*/messages", faults.server_error())
    scene.server.faults.add("POST", "/channels/*/messages", faults.dropped_after())
    await scene.opt_in(scene.mia)
    scene.server.dm(scene.mia, f"{WORDS} {MAIL}")
    await scene.server.slash(scene.cy, "alerts", channel=scene.war_room_channel)


def check_structure(log: str) -> None:
    """After the start screen every line is one JSON object with time, level, logger and event."""
    lines = [line for line in log.splitlines() if line.startswith("{")]
    assert lines
    for line in lines:
        assert {"timestamp", "level", "logger", "event"} <= json.loads(line).keys()
    assert not re.search(r"^Traceback", log, re.MULTILINE)
