"""The reader under limits, outages and a spent budget; and the process's view of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.x_budget import BudgetSpent, XBudget, spent_on
from bot.x_client import XLimited, XRefused, XUnauthorized, XUnavailable
from bot.x_reader import XReader
from shared.clock import ManualClock
from shared.store.models import Feedback, OutboxMessage, Spend
from tests.bot.x_stage import XStage, open_x_stage


@pytest.fixture
async def stage(tmp_path: Path, database_url: str, clock: ManualClock) -> AsyncIterator[XStage]:
    async with open_x_stage(tmp_path / "data", database_url, clock) as opened:
        yield opened


@pytest.fixture
async def poor(tmp_path: Path, database_url: str, clock: ManualClock) -> AsyncIterator[XStage]:
    async with open_x_stage(tmp_path / "data", database_url, clock, daily_budget_usd=0.1) as opened:
        yield opened


async def spent(stage: XStage) -> float:
    async with stage.runtime.store.read() as session:
        return await spent_on(session, stage.clock.now().date()) / 1_000_000


async def test_what_we_count_is_never_less_than_what_x_charges(stage: XStage) -> None:
    for number in range(3):
        stage.server.mention(stage.ada, f"number {number}")
    stage.server.dm(stage.ada, "START")
    for _ in range(3):
        await stage.turn()
    assert 0 < stage.server.journal.cost_dollars <= await spent(stage)
    rows = {row.item: row.calls for row in await stage.rows(Spend)}
    # Our own welcome is read too; X may charge the author, who came along with the mentions.
    assert rows == {"x:dm_event_read": 2, "x:owned_read": 3, "x:user_read": 1, "x:summoned_reply": 3, "x:dm_send": 1}


async def test_at_the_budget_everything_stops_and_says_so_once(poor: XStage) -> None:
    users = [poor.server.add_user(f"user{number}") for number in range(8)]
    for user in users:
        poor.server.mention(user, "hello")
    for _ in range(4):
        await poor.turn()
    calls = len(poor.server.journal.calls)
    await poor.turn()
    assert len(poor.server.journal.calls) == calls
    assert poor.server.journal.cost_dollars <= 0.1
    assert await spent(poor) <= 0.1
    part = poor.runtime.parts.all()["x"]
    assert part.state == "off"
    assert "budget" in part.sentence
    notices = [row for row in await poor.rows(OutboxMessage) if row.kind == "notice"]
    assert [row.dedupe_key for row in notices] == ["x-budget:2026-03-11"]


@pytest.mark.slow
async def test_what_the_budget_cut_off_is_read_the_next_days(poor: XStage) -> None:
    for number in range(12):
        poor.server.mention(poor.server.add_user(f"user{number}"), f"mention {number}")
    for _ in range(6):
        for _ in range(3):
            await poor.turn()
        poor.clock.advance(days=1)
    assert sorted(str(row.text) for row in await poor.rows(Feedback)) == sorted(f"mention {n}" for n in range(12))


async def test_a_budget_of_nothing_calls_nothing(stage: XStage) -> None:
    settings = stage.settings.x.model_copy(update={"daily_budget_usd": 0.0})
    budget = XBudget(settings, stage.runtime.store, stage.clock)
    with pytest.raises(BudgetSpent) as error:
        await budget.reserve("dm_send")
    assert error.value.until.isoformat() == "2026-03-12T00:00:00+00:00"


async def test_reservations_at_the_same_time_never_exceed_the_budget(stage: XStage) -> None:
    settings = stage.settings.x.model_copy(update={"daily_budget_usd": 0.1})
    budget = XBudget(settings, stage.runtime.store, stage.clock)
    tries = await asyncio.gather(*(budget.reserve("dm_send") for _ in range(12)), return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in tries) == 6
    assert await spent(stage) == pytest.approx(0.09)


async def test_while_messages_are_not_heard_nothing_is_said(stage: XStage) -> None:
    stage.server.use_up_limit("dm events")
    mention = stage.server.mention(stage.ada, "hello")
    await stage.turn()
    assert stage.server.replies_to(mention) == []
    assert "limits the rate" in stage.runtime.parts.all()["x"].sentence
    calls = stage.server.journal.count_calls("GET", "/2/dm_events")
    await stage.turn()
    assert stage.server.journal.count_calls("GET", "/2/dm_events") == calls
    stage.clock.advance(minutes=16)
    await stage.turn()
    assert len(stage.server.replies_to(mention)) == 1


async def test_an_html_page_with_503_is_survived(stage: XStage) -> None:
    stage.server.fail_next("GET", "/2/*", status=503, times=2)
    stage.server.mention(stage.ada, "hello")
    await stage.turn()
    assert stage.runtime.parts.all()["x"].state == "down"
    stage.server.fail_next("POST", "/2/tweets", status=503)
    for _ in range(4):
        await stage.turn()
    assert stage.runtime.parts.all()["x"].state == "ok"
    assert len(stage.server.tweets()) == 1


@pytest.mark.slow
async def test_a_backlog_of_messages_is_read_over_several_windows(stage: XStage) -> None:
    await stage.turn()
    stage.server.dm(stage.ada, "first")
    await stage.turn()
    people = [stage.server.add_user(f"user{number}") for number in range(40)]
    for person in people:
        stage.server.dm(person, f"hello from {person.username}")
    stage.server.fail_next("GET", "/2/dm_events", status=429, reset_in_seconds=600)
    await stage.turn()
    for _ in range(10):
        await stage.turn()
    stage.clock.advance(minutes=15)
    await stage.turn()
    assert len(await stage.rows(Feedback)) == 41


@pytest.mark.slow
async def test_a_reading_cut_short_goes_on_where_it_stopped(stage: XStage) -> None:
    stage.server.dm(stage.ada, "first")
    await stage.turn()
    for number in range(12):
        stage.server.dm(stage.server.add_user(f"user{number}"), f"hello {number}")
    original = stage.client.messages
    answers = iter([True, False])

    async def second_page_fails(size: int, *, token: str | None = None) -> object:
        if not next(answers, True):
            raise XUnavailable("cut")
        return await original(size, token=token)

    stage.client.messages = second_page_fails  # type: ignore[method-assign, assignment]
    await stage.turn()
    assert stage.runtime.parts.all()["x"].state == "down"
    assert len(await stage.rows(Feedback)) == 6
    for _ in range(3):
        await stage.turn()
    assert len(await stage.rows(Feedback)) == 13
    assert stage.runtime.parts.all()["x"].state == "ok"


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ({"status": 429, "reset_in_seconds": 60}, XLimited),
        ({"status": 401}, XUnauthorized),
        ({"status": 403, "detail": "You are not allowed to create a Tweet with duplicate content."}, XRefused),
        ({"status": 503}, XUnavailable),
        ({"drop": "after"}, XUnavailable),
    ],
)
async def test_failures_are_told_apart(stage: XStage, fault: dict[str, object], failure: type[Exception]) -> None:
    stage.server.fail_next("POST", "/2/tweets", **fault)  # type: ignore[arg-type]
    mention = stage.server.mention(stage.ada, "hello")
    with pytest.raises(failure) as error:
        await stage.client.reply("Hello", mention)
    if isinstance(error.value, XLimited):
        assert error.value.reset_at == stage.clock.now() + timedelta(seconds=60)
    if isinstance(error.value, XRefused):
        assert error.value.is_duplicate
    if isinstance(error.value, XUnavailable):
        assert not error.value.surely_not_done


async def test_a_refused_connection_surely_did_nothing(stage: XStage) -> None:
    await stage.server.down()
    with pytest.raises(XUnavailable) as error:
        await stage.client.reply("Hello", "1")
    assert error.value.surely_not_done


async def test_the_reader_runs_until_it_is_cancelled(stage: XStage) -> None:
    mention = stage.server.mention(stage.ada, "hello")
    reading = asyncio.create_task(XReader(stage.runtime).run())
    async with asyncio.timeout(20):
        while "x_reply" not in stage.runtime.channels.destinations() or not await stage.rows(Feedback):
            await asyncio.sleep(0.01)
    await stage.deliver()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert len(stage.server.replies_to(mention)) == 1
    assert stage.runtime.channels.for_destination("x_reply") is None
    assert stage.runtime.parts.all()["x"].state == "down"


async def test_x_is_off_by_default(tmp_path: Path, database_url: str, clock: ManualClock) -> None:
    async with open_x_stage(tmp_path / "data", database_url, clock, enabled=False) as stage:
        await XReader(stage.runtime).run()
        assert stage.runtime.parts.all()["x"].state == "off"
        assert stage.server.journal.calls == []
