"""What the endpoints of the Astro package answer, asked directly: to forms without scripts, and to strange pages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

import pytest

from tests.docs_site.sample_site import PACKAGE

pytestmark = pytest.mark.slow
PAGE = "https://docs.example.com"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Origin": PAGE}
ASK = """
const { passOnFeedback } = await import(process.argv[1]);
const { status, headers, body, limit } = JSON.parse(process.argv[2]);
const url = new URL("https://docs.example.com/api/feedback");
const asked = [];
globalThis.fetch = async (address) => {
  asked.push(address);
  if (!status) throw new TypeError("fetch failed");
  return new Response(null, { status, headers: status === 303 ? { Location: "/thanks" } : {} });
};
const settings = { collector: "http://warroom", key: "wr_x", timeoutMs: 5000, bodyLimitBytes: limit };
const request = new Request(url, { method: "POST", headers, body });
const answer = await passOnFeedback(request, { address: null, url }, settings);
const told = { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text(), asked };
console.log(JSON.stringify(told));
"""


def ask(body: str, headers: dict[str, str] | None = None, status: int = 303, limit: int = 65_536) -> dict[str, Any]:
    """What a form gets whose words the collector answers with this status; 0 is no answer."""
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI"):
            pytest.fail("no node on this machine")
        pytest.skip("no node on this machine")
    sent = {"status": status, "headers": FORM if headers is None else headers, "body": body, "limit": limit}
    command = [node, "--input-type=module", "--eval", ASK, str(PACKAGE / "src" / "forward.js"), json.dumps(sent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("page", [f"{PAGE}//evil.example/x", "//docs.example.com//evil.example/x", "/\\evil.example/x"])
def test_no_form_leads_to_another_site(page: str) -> None:
    taken = ask(f"site=docs&text=good&page={page}")
    assert taken["status"] == 303
    assert taken["headers"]["location"] in ("/evil.example/x#warroom-thanks", "/#warroom-thanks")
    failed = ask(f"site=docs&text=good&page={page}", status=0)
    assert failed["status"] == 503
    assert 'href="//' not in failed["body"]


def test_a_form_leads_back_to_its_page() -> None:
    assert ask("site=docs&text=good&page=/a/b/")["headers"]["location"] == "/a/b/#warroom-thanks"


@pytest.mark.parametrize(
    ("origin", "fetch_site", "status"),
    [
        ("null", "same-origin", 303),
        ("null", "cross-site", 403),
        ("null", None, 403),
        ("https://evil.example", None, 403),
    ],
)
def test_a_page_without_a_referrer_is_known_by_what_the_browser_says(
    origin: str, fetch_site: str | None, status: int
) -> None:
    headers = {**FORM, "Origin": origin, **({"Sec-Fetch-Site": fetch_site} if fetch_site else {})}
    told = ask("site=docs&text=good", headers)
    assert told["status"] == status
    assert bool(told["asked"]) == (status == 303)


@pytest.mark.parametrize(
    ("what", "status", "words"),
    [
        ({"headers": {**FORM, "Origin": "https://evil.example"}}, 403, "Pages of other sites may not send here."),
        ({"limit": 5}, 413, "It was too long."),
        ({"status": 413}, 413, "It was too long."),
        ({"status": 415}, 415, "made in a way that cannot be taken"),
        ({"status": 415, "headers": {**FORM, "Content-Type": "multipart/form-data; boundary=x"}}, 415, "“Back”"),
        ({"status": 403}, 503, "Please try again in a minute."),
        ({"status": 0}, 503, "Please try again in a minute."),
    ],
)
def test_whoever_sends_a_form_gets_a_page(what: dict[str, Any], status: int, words: str) -> None:
    told = ask("site=docs&text=good", **what)
    assert (told["status"], told["headers"]["content-type"]) == (status, "text/html; charset=utf-8")
    assert words in told["body"]
    assert ('value="good"' in told["body"]) == ("Send again" in told["body"])
