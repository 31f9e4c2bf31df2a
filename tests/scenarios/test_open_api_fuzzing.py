"""Schemathesis makes requests up from `/openapi.json`: no error of ours, and every answer is one that it names.

Asked as nobody, with a key of every scope, and with the session of an admin.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest

from shared.guard.api_keys import SCOPES
from tests.scenarios.load import WITHOUT_LIMITS
from tests.scenarios.warroom_process import BROWSER, WarroomProcess, running_warroom

EXAMPLES = os.environ.get("WARROOM_EXAMPLES_OF_AN_OPERATION", "12")  # a release takes 500
EXPECTED = """
[checks]
negative_data_rejection.enabled = false       # unknown fields are dropped, and a batch with one good event is taken
positive_data_acceptance.enabled = false      # a made-up site, key or id is refused for what it is
missing_required_header.enabled = false       # no header is required
use_after_free.enabled = false
ensure_resource_availability.enabled = false
object_level_authorization.enabled = false

# 202 has a body only when an event of the batch was left out, which OpenAPI cannot say.
[[operations]]
include-path-regex = "^/(api/)?track$"
checks.content_type_conformance.enabled = false
checks.response_schema_conformance.enabled = false
"""
FEW, ALL = "examples,fuzzing", "examples,coverage,fuzzing"
MOST_SECONDS = 240


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_every_answer_is_one_that_the_document_names(tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(EXPECTED)
    async with running_warroom(tmp_path / "app", "", {"limits": WITHOUT_LIMITS}) as warroom:
        key = await warroom.operator("key-create", name="all", site="docs", scopes=list(SCOPES))
        roles: dict[str, Mapping[str, str]] = {
            "nobody": {},
            "key": {"Authorization": f"Bearer {key['key']}"},
            "session": {"Cookie": await session_cookie(warroom)},
        }
        for role, headers in roles.items():
            phases = ALL if role == "key" or int(EXAMPLES) > 100 else FEW  # thousands of requests
            code, report = await run_schemathesis(warroom, tmp_path, headers, phases)
            assert code == 0, f"as {role}:\n{report[-8000:]}"
        assert "Traceback" not in warroom.log()
        assert (await warroom.readiness())["ready"]


async def session_cookie(warroom: WarroomProcess) -> str:
    link = await warroom.operator("sign-in", name="Ada", role=None)
    form, page = {"token": link.partition("#")[2]}, {"Sec-Fetch-Site": "same-origin"}
    async with (
        aiohttp.ClientSession(warroom.base_url) as http,
        http.post("/app/sign-in", data=form, headers=page, allow_redirects=False) as answer,
    ):
        return answer.headers["Set-Cookie"].partition(";")[0]


async def run_schemathesis(
    warroom: WarroomProcess, folder: Path, headers: Mapping[str, str], phases: str
) -> tuple[int, str]:
    """Its exit code and what it wrote; always the same requests."""
    given = [part for name, value in {"User-Agent": BROWSER, **headers}.items() for part in ("-H", f"{name}: {value}")]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{warroom.base_url}/openapi.json"),
        *("--url", warroom.base_url, "--phases", phases, "--max-examples", EXAMPLES),
        *(
            "--generation-deterministic",
            "--no-shrink",
            "--no-color",
            "--continue-on-failure",
            "--warnings",
            "off",
            "--request-timeout",
            "20",
        ),
        *given,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(MOST_SECONDS):
        written, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, written.decode()
