"""The real clients against the real server: every event arrives once, through refusals and lost answers."""

from collections import Counter

import pytest
from sqlmodel import select

from shared.store.models import Event
from tests.clients.conftest import client_program, make_key, run
from tests.clients.front import front_of
from tests.scenarios.warroom_process import WarroomProcess

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("clients"),
    pytest.mark.timeout(180),
]


async def rows_after(warroom: WarroomProcess, last: int) -> list[Event]:
    async with warroom.read() as session:
        return list((await session.execute(select(Event).where(Event.id > last).order_by(Event.id))).scalars())  # type: ignore[arg-type,operator]


async def last_row(warroom: WarroomProcess) -> int:
    return max((event.id or 0 for event in await rows_after(warroom, 0)), default=0)


# Script, what it stores; run twice, through a front that refuses once and loses one answer.
CLIENTS = {
    "segment_python.py": {"Release Published": 1, "conversion": 1, "Odd Values": 1, "page_view": 1},
    "segment_node.mjs": {"Release Published": 1, "page_view": 1},
    "posthog_python.py": {"deploy": 1, "exposure": 1},
    "posthog_node.mjs": {"deploy": 1, "page_view": 1},
}


@pytest.mark.parametrize("script", CLIENTS)
async def test_server_client_is_stored_once_whatever_happens_on_the_way(warroom: WarroomProcess, script: str) -> None:
    program, key = client_program(script), await make_key(warroom, "docs", "events:write")
    before = await last_row(warroom)
    async with front_of(warroom.base_url, "refuse", "lose") as front:
        await run([*program, front.url, key])
    assert front.statuses[:2] == [503, 503]
    assert set(front.statuses[2:]) == {200}
    events = await rows_after(warroom, before)
    assert Counter(event.name for event in events) == CLIENTS[script]
    assert {event.page for event in events if event.name == "page_view"} <= {"/intro"}
    await run([*program, warroom.base_url, key])
    assert len(await rows_after(warroom, before)) == len(events)


@pytest.mark.parametrize(("library", "sent"), [("segment", 40), ("posthog", 14)])
async def test_the_largest_batches_of_a_library_are_stored(warroom: WarroomProcess, library: str, sent: int) -> None:
    key, before = await make_key(warroom, "docs", "events:write"), await last_row(warroom)
    await run([*client_program("large_batches.py"), library, warroom.base_url, key])
    events = await rows_after(warroom, before)
    assert [event.name for event in events] == ["large"] * sent


async def test_openpanel_sdk_tries_again_after_a_refusal(warroom: WarroomProcess) -> None:
    program, key = client_program("openpanel_node.mjs"), await make_key(warroom, "docs", "events:write")
    before = await last_row(warroom)
    async with front_of(warroom.base_url, "refuse") as front:
        await run([*program, front.url, key])
    assert front.statuses == [503, 202, 202, 202]
    deploy, revenue = await rows_after(warroom, before)
    assert (deploy.name, deploy.props) == ("deploy", {"version": "1.2.0"})
    assert (revenue.name, revenue.value_cents, revenue.currency) == ("conversion", 1000, "EUR")


async def test_umami_client_gets_the_answer_it_expects(warroom: WarroomProcess) -> None:
    before = await last_row(warroom)
    await run([*client_program("umami_node.mjs"), warroom.base_url])
    view, signup = await rows_after(warroom, before)
    assert (view.name, view.page, view.title) == ("page_view", "/intro", "Intro")
    assert (signup.name, signup.props) == ("signup", {"plan": "pro"})
