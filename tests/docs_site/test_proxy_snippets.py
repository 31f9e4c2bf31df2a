"""What docs hosts copy to serve the script themselves: beacons may fail unseen, feedback never; cookies stay."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "api" / "web" / "docs"
SCRIPT, STARLIGHT = ((DOCS / name).read_text(encoding="utf-8") for name in ("script.md", "starlight.md"))
FOLDER, INTAKE, FEEDBACK = "/_warroom/", "/_warroom/track", "/_warroom/feedback"
CALL_WORKER = """
const { default: worker } = await import("data:text/javascript," + encodeURIComponent(process.argv[1]));
const passed = [];
const told = {};
for (const [name, status] of Object.entries({ stored: 201, busy: 503, gone: 502, dead: 0 })) {
  globalThis.fetch = async (request) => {
    passed.push([request.url, request.headers.get("cookie"), await request.text()]);
    if (!status) throw new TypeError("fetch failed");
    return new Response("{}", { status });
  };
  for (const path of process.argv.slice(2)) {
    const sent = { method: "POST", body: "words", headers: { Cookie: "session=1" } };
    const answer = await worker.fetch(new Request("https://docs.example.com" + path, sent));
    told[`${name} ${path}`] = answer.status;
  }
}
console.log(JSON.stringify({ passed, told }));
"""


def block_after(words: str, text: str) -> str:
    """The content of the first fenced block after these words."""
    found = re.search(r"```\w*\n(.*?)```", text.split(words, 1)[1], re.DOTALL)
    assert found is not None
    return found[1]


def body_of(header: str, config: str) -> str:
    """What stands between the braces that follow the header."""
    start = config.index("{", config.index(header)) + 1
    depth = 1
    for at, character in enumerate(config[start:], start):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return config[start:at]
    raise AssertionError(f"{header} is not closed")


def without(inner: str, config: str) -> str:
    return config.replace(body_of(inner, config), "")


@pytest.mark.parametrize("where", [(SCRIPT, FOLDER), (STARLIGHT, "/feedback-box/")], ids=["script.md", "starlight.md"])
def test_nginx_hides_a_dead_collector_from_beacons_only(where: tuple[str, str]) -> None:
    text, folder = where
    config = block_after("nginx:", text)
    beacon = f"location = {folder}track"
    assert "=202" in body_of(beacon, config)
    assert "=202" not in without(beacon, config)
    assert 'proxy_set_header Cookie "";' in without(beacon, config)
    assert "proxy_set_header" not in body_of(beacon, config)  # a single one would undo all that are inherited


def test_the_key_of_the_docs_site_opens_three_addresses_only() -> None:
    config = block_after("nginx:", STARLIGHT)
    folder = body_of("location /feedback-box/", config)
    inner = re.findall(r"location (\S.*?) {.*?proxy_pass https://feedback\.example\.com(\S+);", folder, re.DOTALL)
    assert dict(inner) == {
        "= /feedback-box/feedback": "/feedback",
        "/feedback-box/prompts/": "/prompts/",
        "= /feedback-box/track": "/track",
    }
    assert re.search(r"^  return 404;", folder, re.MULTILINE)
    assert not re.search(r"^  proxy_pass", folder, re.MULTILINE)


def test_caddy_hides_a_dead_collector_from_beacons_only() -> None:
    config = block_after("Caddy:", SCRIPT)
    beacons, everything = body_of(f"handle {INTAKE}", config), body_of(f"handle {FOLDER}*", config)
    assert "respond 202" in beacons
    assert "202" not in everything
    assert all("header_up -Cookie" in part for part in (beacons, everything))
    errors = body_of("handle_errors", config)
    assert re.findall(r"respond (\S+) 202", errors) == ["@events"]
    assert re.findall(r"path (\S+)", errors) == [INTAKE]


@pytest.mark.parametrize("host", ["Netlify", "Vercel"])
def test_plain_rewrites_change_no_answer(host: str) -> None:
    line = next(line for line in SCRIPT.splitlines() if line.startswith(host))
    rewrite = line if host == "Netlify" else block_after(line, SCRIPT)
    assert rewrite.count(FOLDER) == 2
    assert "202" not in rewrite


@pytest.mark.slow
def test_worker_hides_a_dead_collector_from_beacons_only() -> None:
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI"):
            pytest.fail("no node on this machine")
        pytest.skip("no node on this machine")
    worker = block_after("Cloudflare Worker", SCRIPT)
    command = [node, "--input-type=module", "--eval", CALL_WORKER, worker, INTAKE, FEEDBACK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    beacons = {name: status for name, status in said["told"].items() if name.endswith(INTAKE)}
    others = {name.split()[0]: status for name, status in said["told"].items() if name not in beacons}
    assert list(beacons.values()) == [201, 202, 202, 202]
    assert others == {"stored": 201, "busy": 503, "gone": 502, "dead": 502}
    hosts = {f"https://feedback.example.com{path}" for path in (INTAKE, FEEDBACK)}
    assert {url for url, _, _ in said["passed"]} == hosts
    assert {tuple(rest) for _, *rest in said["passed"]} == {(None, "words")}
