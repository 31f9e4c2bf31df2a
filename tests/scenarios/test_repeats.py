"""Senders repeat: at once, a day later, to another address or process, after a kill. The first body stays."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlmodel import select

from shared.store.models import Event, Feedback
from tests.scenarios.load import WITHOUT_LIMITS
from tests.scenarios.warroom_process import BROWSER, WarroomProcess, running_warroom

EVENT, WORDS = "repeated-event-0001", "repeated-words-0001"
FIRST, OTHER = "/first", "/other"
CONFIG = {"limits": WITHOUT_LIMITS}


async def send(warroom: WarroomProcess, page: str = FIRST, prefix: str = "") -> tuple[int, int]:
    """Both kinds with their ids; the statuses."""
    event = {"site": "docs", "events": [{"id": EVENT, "name": "page_view", "page": page}]}
    words = {"site": "docs", "id": WORDS, "text": f"The words of {page}", "page": page}
    statuses = []
    for path, body in ((f"{prefix}/track", event), (f"{prefix}/feedback", words)):
        async with warroom.http.post(path, json=body, headers={"User-Agent": BROWSER}) as answer:
            statuses.append(answer.status)
    return statuses[0], statuses[1]


async def while_in_flight(warroom: WarroomProcess) -> None:
    answers = await asyncio.gather(*(send(warroom) for _ in range(8)))
    assert sorted(answers) == [(202, 200)] * 7 + [(202, 201)]


async def with_another_body(warroom: WarroomProcess) -> None:
    assert await send(warroom, OTHER) == (202, 200)


async def by_the_other_address(warroom: WarroomProcess) -> None:
    assert await send(warroom, prefix="/api") == (202, 200)


async def a_day_later(warroom: WarroomProcess) -> None:
    warroom.shift_clock(hours=25)
    assert await send(warroom) == (202, 200)


async def after_a_kill(warroom: WarroomProcess) -> None:
    warroom.kill()
    await warroom.start()
    assert await send(warroom, OTHER) == (202, 200)


IN_THIS_ORDER: tuple[Callable[[WarroomProcess], Awaitable[None]], ...] = (
    while_in_flight,
    with_another_body,
    by_the_other_address,
    a_day_later,
    after_a_kill,
)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_whatever_comes_again_is_stored_once(tmp_path: Path, database_url: str) -> None:
    async with AsyncExitStack() as stack:
        warroom = await stack.enter_async_context(running_warroom(tmp_path / "first", database_url, CONFIG))
        for repeat in IN_THIS_ORDER:
            await repeat(warroom)
            assert await stored(warroom) == ([FIRST], [f"The words of {FIRST}"]), repeat.__name__
        if database_url:
            second = running_warroom(tmp_path / "second", database_url, CONFIG, start=False, program="api")
            replica = await stack.enter_async_context(second)
            replica.spawn()
            await replica.until(replica.readiness, 40)
            assert await send(replica, OTHER) == (202, 200)
            assert await stored(warroom) == ([FIRST], [f"The words of {FIRST}"])


async def stored(warroom: WarroomProcess) -> tuple[list[str | None], list[str | None]]:
    async with warroom.read() as session:
        pages = list((await session.execute(select(Event.page))).scalars())
        return pages, list((await session.execute(select(Feedback.text))).scalars())
