"""Users whom servers name by ids of their own: handed out and erased like everybody else, by that id."""

import json
import time
from typing import Any

import pytest
from sqlalchemy import delete, insert, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import select

from shared.errors import InvalidInput
from shared.guard.privacy import VisitorHasher
from shared.guard.rate_limits import TrackLimiter
from shared.identifiers import random_uuid
from shared.ingest.erasure import Who, check_identity, find_who, stream_person
from shared.ingest.erasure import export_person as export_rows
from shared.ingest.event_fields import TrackEvent
from shared.ingest.events import EventIntake, Sender
from shared.store.models import (
    UNDECLARED,
    UNDECLARED_PROPERTY,
    AppliedErasure,
    AuditEntry,
    Event,
    Person,
    Rollup,
    Suppression,
    VisitorDay,
)
from shared.store.people import Owner, user_visitor
from tests.shared.decide.people import KEY
from tests.shared.ingest.erasing import dump, eraser_of, track
from tests.shared.ingest.intake import BROWSER, Desk

ADA, BEA = "ada-0123456789", "bea@example.com"
ADAS_VISITOR = user_visitor(KEY, "docs", ADA)
MANY = 100_000
SECONDS = 60  # the bound of an export of so many rows


async def tell(desk: Desk, user_id: str, *names: str) -> None:
    """A server tells that its user read a page and did what the names say."""
    hasher, limiter = (
        VisitorHasher(desk.settings, desk.store, desk.clock),
        TrackLimiter(desk.settings.limits, desk.clock),
    )
    intake = EventIntake(desk.settings, desk.clock, desk.store, hasher, limiter, desk.meter, KEY)
    events = [TrackEvent(id=random_uuid(), name="page_view", page=f"/of/{user_id[:3]}")]
    for name in names:
        events.append(TrackEvent(id=random_uuid(), name=name, goal="sign-up", props={"note": "good"}))
    await intake.take_events(desk.site, events, Sender("192.0.2.1", BROWSER), identified=user_id)


async def who_is(desk: Desk, platform: str, external_id: str) -> Who | None:
    async with desk.store.read() as session:
        return await find_who(session, KEY, platform, external_id)


async def export(desk: Desk, platform: str, external_id: str) -> dict[str, Any]:
    who = await who_is(desk, platform, external_id)
    assert who is not None
    async with desk.store.read() as session:
        return await export_rows(session, KEY, who)


def sizes(exported: dict[str, Any]) -> dict[str, int]:
    return {name: len(rows) for name, rows in exported.items() if rows}


async def test_a_user_is_handed_what_servers_told_on_all_days(desk: Desk) -> None:
    for _ in range(2):
        await tell(desk, ADA, "conversion")
        await tell(desk, BEA)
        desk.later(days=1)
    exported = await export(desk, "user", f"docs/{ADA}")
    assert sizes(exported) == {"event": 4}
    assert {row["visitor"] for row in exported["event"]} == {ADAS_VISITOR}
    assert "/of/bea" not in json.dumps(exported)
    assert await who_is(desk, "user", f"blog/{ADA}") is None


async def test_nothing_of_an_erased_user_is_left_and_counters_stay_true(desk: Desk) -> None:
    for _ in range(2):
        await tell(desk, ADA, "conversion")
        await tell(desk, BEA)
        desk.later(days=1)
    erased = await eraser_of(desk).erase("user", f"docs/{ADA}", "cli")
    assert erased is not None
    assert erased.rows == {"event": 4}
    left = await dump(desk)
    assert [trace for trace in (ADA, ADAS_VISITOR, "/of/ada") if trace in left] == []
    assert sizes(await export(desk, "user", f"docs/{BEA}")) == {"event": 2}
    assert await desk.counters() == await desk.rebuilt_counters()
    assert await desk.rows(Suppression) == [], "nobody could ask a server's user anything"
    (entry,) = await desk.rows(AuditEntry)
    assert (entry.action, entry.target, entry.details) == ("person.erase", "", {"rows": {"event": 4}})
    logged = eraser_of(desk).log.path.read_text()
    assert (ADA in logged, ADAS_VISITOR in logged) == (False, False)


async def test_a_name_that_only_the_erased_user_had_goes_from_the_counters_too(desk: Desk) -> None:
    await tell(desk, ADA, "of ada only", 'of "both"')
    await tell(desk, BEA, 'of "both"')
    await desk.meter.flush(desk.store)
    assert "of ada only" in await dump(desk)
    await eraser_of(desk).erase("user", f"docs/{ADA}", "cli")
    assert "of ada only" not in await dump(desk)
    names = {row.key for row in await desk.rows(Rollup) if row.measure in (UNDECLARED, UNDECLARED_PROPERTY)}
    assert names == {'of "both"', '["of \\"both\\"", "note", "text"]'}


async def test_of_a_user_whose_events_are_gone_nothing_is_left(desk: Desk) -> None:
    """They were no visitors of the site, so no visitor-day remembers them."""
    await tell(desk, ADA, "conversion")
    await desk.run(lambda session: session.execute(delete(Event)))
    assert await who_is(desk, "user", f"docs/{ADA}") is None
    assert ADAS_VISITOR not in await dump(desk)


async def test_a_user_who_is_in_an_older_copy_is_erased_again(desk: Desk) -> None:
    await tell(desk, ADA)
    await eraser_of(desk).erase("user", f"docs/{ADA}", "cli")
    await desk.run(lambda session: session.execute(delete(AppliedErasure)))  # the copy knows nothing of it
    await tell(desk, ADA, "conversion")
    await tell(desk, BEA)
    assert await eraser_of(desk).apply_log() == 1
    assert {row.page for row in await desk.rows(Event)} == {"/of/bea"}
    assert await desk.counters() == await desk.rebuilt_counters()
    await tell(desk, ADA)
    assert await eraser_of(desk).apply_log() == 0, "what comes later is new"
    assert len(await desk.rows(Event)) == 2


async def test_an_unknown_user_may_be_in_a_newer_copy(desk: Desk) -> None:
    assert await eraser_of(desk).erase("user", f"docs/{ADA}", "cli") is None
    await desk.run(lambda session: session.execute(delete(AppliedErasure)))
    await tell(desk, ADA)
    assert await eraser_of(desk).apply_log() == 1
    assert await desk.rows(Event) == []


async def test_the_browser_that_servers_know_by_the_same_id_belongs_to_the_user(desk: Desk) -> None:
    await tell(desk, ADA)
    await track(desk, ADA, "a")
    both = sizes(await export(desk, "user", f"docs/{ADA}"))
    assert (both["event"], both["person"], both["visitor_day"]) == (4, 1, 1)
    await eraser_of(desk).erase("user", f"docs/{ADA}", "cli")
    assert (await desk.rows(Event), await desk.rows(Person), await desk.rows(VisitorDay)) == ([], [], [])
    assert await desk.counters() == await desk.rebuilt_counters()


async def test_what_a_browser_calls_itself_reaches_no_user(desk: Desk) -> None:
    """Anybody may send a guessed id: they get and erase what was sent with it by browsers, nothing else."""
    await tell(desk, ADA)
    await track(desk, ADA, "guessed")
    assert sizes(await export(desk, "web", f"docs/{ADA}"))["event"] == 3
    await eraser_of(desk).erase("web", f"docs/{ADA}", "self", is_anonymous=True)
    assert sizes(await export(desk, "user", f"docs/{ADA}")) == {"event": 1}


def test_the_id_is_read_as_the_protocols_read_it() -> None:
    assert check_identity("user", "docs/ 42 ") == ("user", "docs/42")
    assert check_identity("user", "docs/a/b") == ("user", "docs/a/b")
    assert check_identity("user", f"docs/{'x' * 300}") == ("user", f"docs/{'x' * 200}")
    for wrong in ("docs", "docs/", "docs/  ", "/42"):
        with pytest.raises(InvalidInput, match="SITE/ID"):
            check_identity("user", wrong)


async def test_a_user_is_found_by_an_index(desk: Desk) -> None:
    """Beside everybody's events; looking through all of them would keep a writer busy for long."""
    plan = await _plan_of(desk)
    assert "ix_event_user" in plan, plan


async def _plan_of(desk: Desk) -> str:
    query = select(Event).where(Owner(user=ADAS_VISITOR).owns(Event))
    async with desk.store.read() as session:
        is_sqlite = session.get_bind().dialect.name == "sqlite"
        dialect = sqlite.dialect() if is_sqlite else postgresql.dialect()  # type: ignore[no-untyped-call]
        shown = query.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        wanted = str(shown).replace("?", "x'75'").replace(f"%({next(iter(shown.params))})s", "'u'")
        if not is_sqlite:
            await session.execute(text("SET LOCAL enable_seqscan = off"))  # an empty table is read as it is
        rows = await session.execute(text(("EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN ") + wanted))
        return " ".join(str(column) for row in rows.all() for column in row)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_long_history_is_handed_out_in_time_and_erased(desk: Desk) -> None:
    days = 50
    for day in range(days):
        await _add_many(desk, ADAS_VISITOR, day, MANY // days)
        await _add_many(desk, user_visitor(KEY, "docs", BEA), day, MANY // days)
    who = await who_is(desk, "user", f"docs/{ADA}")
    assert who is not None
    began, length = time.monotonic(), 0
    async with desk.store.read() as session:
        async for piece in stream_person(session, KEY, who):
            length += piece.count('"event_id"')
    took = time.monotonic() - began
    assert length == MANY
    assert took < SECONDS
    began = time.monotonic()
    erased = await eraser_of(desk).erase("user", f"docs/{ADA}", "cli")
    assert erased is not None
    assert erased.rows == {"event": MANY}
    print(f"\n{MANY} rows of a user: handed out in {took:.1f} s, erased in {time.monotonic() - began:.1f} s")
    assert len(await desk.rows(Event)) == MANY


async def _add_many(desk: Desk, visitor: str, day: int, count: int) -> None:
    """Uncounted events, which is quick; erasing takes no counter below nothing."""
    now = desk.clock.now()
    values: dict[str, Any] = {"site": "docs", "name": "page_view", "received_at": now, "occurred_at": now}
    values |= {
        "local_day": now.date().fromordinal(now.date().toordinal() - day),
        "visitor": visitor,
        "page": "/tutorial",
    }
    rows = [{**values, "event_id": random_uuid()} for _ in range(count)]
    await desk.run(lambda session: session.execute(insert(Event), rows))
