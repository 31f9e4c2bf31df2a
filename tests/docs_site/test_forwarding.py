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
