"""A person's traces go in by every door; nothing of them is found anywhere afterwards."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.event_catalogue import CATALOGUE
from tests.conftest import NOON
from tests.postgres_server import PostgresServer
from tests.scenarios.canaries import (
    BROWSER,
    MAIL,
    PAGE,
    READER,
    TRACES,
    WORDS,
    Answers,
    find_traces,
    search_folders,
    send_everything,
)
from tests.scenarios.load import WITHOUT_LIMITS
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

SITE = {"key": "docs", "name": "Docs", "hosts": ["docs.example"], "zone": "UTC", "language": "en"}
CONFIG = {
    "server": {"log_level": "DEBUG", "trusted_proxies": ["127.0.0.0/8"]},
    "limits": WITHOUT_LIMITS,
    "sites": [SITE],
}
SCOPES = ["events:write", "feedback:write", "prompts:write", "privacy:write", "alerts:write"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_nothing_of_a_person_stays_anywhere(
    tmp_path: Path, database_url: str, request: pytest.FixtureRequest
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    async with running_warroom(tmp_path / "run", database_url, CONFIG, {"TMPDIR": str(temporary)}) as warroom:
        made = await warroom.operator("key-create", name="canary", site="docs", scopes=SCOPES)
        answers = await send_everything(warroom.http, made["key"])
        assert max(answers.statuses.values()) < 500, {name for name, code in answers.statuses.items() if code >= 500}
        found = {**of_answers(answers), **await of_exports(warroom)}
        found |= {f"{name} (running)": traces for name, traces in search_folders(tmp_path).items()}
        stored = await dump(warroom, database_url, request)
        assert PAGE.encode() in stored  # the search sees what is stored
        assert await kept(warroom, "event") >= {*CATALOGUE, "told", "Told"}
        assert await kept(warroom, "external_event") == {"CanaryAlert"}
        found |= {"dump": find_traces(stored)} if find_traces(stored) else {}
        await warroom.stop()
        found |= search_folders(tmp_path)
        assert found == {}
        assert "warroom.access" in warroom.log()  # the level was DEBUG indeed


def of_answers(answers: Answers) -> dict[str, set[str]]:
    """What came back, but for the page that gives a refused form's words back to who typed them."""
    found = {}
    for name, answer in answers.texts.items():
        traces = find_traces(answer)
        if name.endswith("POST /feedback") and b"text/html" in answer:
            traces -= find_traces(WORDS.encode())
        if traces:
            found[f"answer {name}"] = traces
    return found


async def of_exports(warroom: WarroomProcess) -> dict[str, set[str]]:
    """Numbers for Prometheus, report and status of the operator, and what people are handed about themselves."""
    async with warroom.http.get("/metrics") as answer:
        texts = {"/metrics": await answer.text()}
    for command in ("privacy-report", "status"):
        texts[command] = json.dumps(await warroom.operator(command))
    user = {"platform": "user", "external_id": f"docs/{MAIL}"}
    texts["export of a user"] = json.dumps(await warroom.operator("export", **user))
    async with warroom.http.post("/api/v1/privacy/export", json={"site": "docs", "person": READER}) as answer:
        texts["export of a reader"] = await answer.text()
        assert len((await answer.json())["feedback"]) == 1
    assert all(PAGE in told for name, told in texts.items() if name.startswith("export"))
    texts["export of a browser"] = json.dumps(
        await warroom.operator("export", platform="web", external_id=f"docs/{BROWSER}")
    )
    assert PAGE in texts["export of a browser"]
    assert await warroom.operator("erase", **user) == "erased"  # what it writes to the log is searched as well
    return {name: traces for name, text in texts.items() if (traces := find_traces(text.encode()))}


async def kept(warroom: WarroomProcess, table: str) -> set[str]:
    """The names of the rows of a table: what was sent into it was not simply refused."""
    async with warroom.read() as session:
        return set((await session.execute(text(f"SELECT DISTINCT name FROM {table}"))).scalars())


async def dump(warroom: WarroomProcess, database_url: str, request: pytest.FixtureRequest) -> bytes:
    """Every value of every row as text, and on PostgreSQL the dump that owners make."""
    async with warroom.read() as session:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        if not database_url:
            names = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = (await session.execute(text(names))).scalars().all()
        rows = [str(row) for table in tables for row in (await session.execute(text(f'SELECT * FROM "{table}"'))).all()]
    stored = "\n".join(rows).encode()
    if database_url:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        stored += (await asyncio.to_thread(server.dump, database_url.rpartition("/")[2])).encode()
    return stored


@pytest.mark.parametrize("trace", TRACES)
def test_the_search_finds_each_trace_wherever_it_stands(trace: str, tmp_path: Path) -> None:
    """Without this, a search that finds nothing would prove nothing."""
    hidden = tmp_path / "deep" / "warroom.sqlite-wal"
    hidden.parent.mkdir()
    hidden.write_bytes(b"\x00\x01" + f"prefix{trace.upper()}suffix".encode() + b"\xff")
    (tmp_path / "clean.txt").write_text(f"nothing here, {NOON}")
    assert trace in search_folders(tmp_path)[str(hidden)]
    assert list(search_folders(tmp_path)) == [str(hidden)]


@pytest.mark.parametrize("written", [MAIL.replace("@", "%40"), MAIL.replace("@", "\\u0040"), MAIL.upper()])
def test_the_search_knows_other_ways_of_writing(written: str) -> None:
    assert MAIL in find_traces(written.encode())
