"""Erasing and exporting: nothing of the person is left, counters stay true, nobody is asked again."""

import json
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from shared.decide import prompts
from shared.derive.rollups import count_events
from shared.errors import NotFound
from shared.guard import audit
from shared.guard.data_map import DATA_MAP, Fate, exported_columns
from shared.ingest import identities
from shared.ingest.erasure import ROWS_OF_A_PERSON, Erased, Eraser
from shared.ingest.erasure import export_person as export_rows
from shared.messages import DirectReply, QuotedFeedback, Summary, parse_message
from shared.store import models
from shared.store.models import Erasure, Event, Feedback, OutboxMessage, OutboxState, Suppression, VisitorDay
from shared.store.outbox import enqueue
from tests.shared.decide.people import KEY
from tests.shared.ingest.intake import Desk

AWFUL = "This is terrible. I hate it, the xylophone docs are awful and useless."
ADA = "0123456789ada"
BEA = "0123456789bea"
TABLES: list[type[SQLModel]] = [
    table for name in models.__all__ if isinstance(table := getattr(models, name), type) and issubclass(table, SQLModel)
]


async def track(desk: Desk, consented_id: str, view: str) -> None:
    """A page view with a click on something marked, and a goal."""

    async def unit(session: AsyncSession) -> None:
        now = desk.clock.now()
        person_id, visitor = await identities.note_web_usage(session, desk.settings, KEY, desk.site, consented_id, now)
        common: dict[str, Any] = {
            "site": "docs",
            "received_at": now,
            "occurred_at": now,
            "local_day": now.date(),
            "visitor": visitor,
            "person_id": person_id,
            "view": view,
            "page": "/tutorial",
        }
        events = [
            Event(**common, event_id=f"{view}-1", name="page_view", marked=True),
            Event(**common, event_id=f"{view}-2", name="click", marked=True),
            Event(**common, event_id=f"{view}-3", name="conversion", goal="sign-up", value_cents=100),
        ]
        session.add_all(events)
        await session.flush()
        await count_events(session, "docs", [event.model_dump() for event in events])

    await desk.store.writer.run(unit)


async def live(desk: Desk) -> str:
    """Ada and Bea use the docs for a week, are asked and answer; the team read Ada's words. Ada's person id."""
    for consented_id in (ADA, BEA):
        await track(desk, consented_id, f"{consented_id}-a")
    desk.later(days=7)
    for consented_id in (ADA, BEA):
        await track(desk, consented_id, f"{consented_id}-b")
        prompt = await desk.ask_on_page(consented_id)
        assert prompt is not None
        await desk.send(AWFUL if consented_id == ADA else "I love it", prompt=prompt.id, person=consented_id, score=1)
    found = await desk.run(identities.find_identity, "web", f"docs/{ADA}")
    assert found is not None
    return str(found[1].id)


async def feedback_of(desk: Desk, person_id: str) -> Feedback:
    return next(row for row in await desk.rows(Feedback) if row.person_id == person_id)


async def post_summary(desk: Desk, *quoted: Feedback) -> None:
    """A summary that quotes these, waiting in the outbox."""
    quotes = [QuotedFeedback(feedback_id=row.id, text=row.text or "", why="newest", page=row.page) for row in quoted]
    now = desk.clock.now()
    summary = Summary(
        site="docs",
        site_name="Docs",
        period="daily",
        start=now.date(),
        end=now.date(),
        zone="UTC",
        figures=[],
        categories={},
        words=[("xylophone", 1), ("docs", 3)],
        quotes=quotes,
        asked={},
        open_alerts=[],
    )
    await desk.run(enqueue, summary, destination="war_room", dedupe_key=f"summary:{now}", now=now)


async def mark_all(desk: Desk, **values: Any) -> None:
    for row in await desk.rows(OutboxMessage):
        await desk.change(row, **values)


async def erase(desk: Desk, person_id: str) -> Erased:
    return await eraser_of(desk).erase_person(person_id, "member:m1")


def eraser_of(desk: Desk) -> Eraser:
    return Eraser(desk.settings, desk.clock, desk.store, KEY)


async def export_person(desk: Desk, person_id: str) -> dict[str, Any]:
    async with desk.store.read() as session:
        return await export_rows(session, KEY, person_id)


async def dump(desk: Desk) -> str:
    """Every column of every row of every table."""
    return json.dumps([row.model_dump() for table in TABLES for row in await desk.rows(table)], default=str)


def test_every_table_that_belongs_to_people_is_in_the_map() -> None:
    personal = {table for table in TABLES if table.erasure is not Erasure.KEEP}  # type: ignore[attr-defined]
    assert personal == set(ROWS_OF_A_PERSON)


async def test_nothing_of_the_person_is_left(desk: Desk) -> None:
    person_id = await live(desk)
    words = await feedback_of(desk, person_id)
    await post_summary(desk, words)
    await mark_all(desk, state="sent", sent_through="discord", channel_id="5", message_id="6")
    await desk.run(audit.record, "member:m1", "feedback.reply", words.id, desk.clock.now(), {"to": person_id})
    before = await dump(desk)
    traces = [person_id, ADA, words.id, words.external_key, "xylophone", identities.web_visitor(KEY, "docs", ADA)]
    assert all(trace in before for trace in traces)
    await erase(desk, person_id)
    after = await dump(desk)
    assert [trace for trace in traces if trace in after] == []


async def test_others_keep_everything(desk: Desk) -> None:
    person_id = await live(desk)
    await erase(desk, person_id)
    (other,) = await desk.rows(models.Person)
    exported = await export_person(desk, other.id)
    assert {name: len(rows) for name, rows in exported.items() if rows} == {
        "person": 1,
        "identity": 1,
        "usage_day": 2,
        "prompt": 1,
        "feedback": 1,
        "quote": 1,
        "event": 6,
        "page_view": 2,
        "visitor_day": 2,
    }


async def test_counters_equal_a_rebuild_afterwards(desk: Desk) -> None:
    person_id = await live(desk)
    await erase(desk, person_id)
    left = await desk.counters()
    assert sum(count for key, (count, _) in left.items() if key[1] == "page_view") == 2
    assert sum(count for key, (count, _) in left.items() if key[1] == "feedback") == 1
    assert left == await desk.rebuilt_counters()


async def test_visits_whose_events_are_gone_stay_as_numbers(desk: Desk) -> None:
    person_id = await live(desk)
    for event in await desk.rows(Event):
        await desk.run(lambda session, row=event: session.delete(row))
    before = await desk.counters()
    await erase(desk, person_id)
    after = await desk.counters()
    assert {key: value for key, value in after.items() if key[1] == "visitor_day"} == {
        key: value for key, value in before.items() if key[1] == "visitor_day"
    }
    assert len(await desk.rows(VisitorDay)) == 4
    assert identities.web_visitor(KEY, "docs", ADA) not in await dump(desk)


async def test_a_note_that_waits_is_dropped(desk: Desk) -> None:
    person_id = await live(desk)
    assert len(await desk.notes()) == 2  # Bea pressed 1 as well
    erased = await erase(desk, person_id)
    assert (len(await desk.notes()), erased.posts) == (1, 0)


async def test_a_note_whose_try_failed_may_stand_there_and_is_edited(desk: Desk) -> None:
    person_id = await live(desk)
    await mark_all(desk, state="pending", attempts=1)
    assert (await erase(desk, person_id)).posts == 1
    assert "xylophone" not in await dump(desk)


async def test_marks_and_limits_of_the_person_go(desk: Desk) -> None:
    await desk.opt_in("ada")
    identity = await desk.identity()
    await desk.change(identity, dm_channel_id="77")
    for place in ("discord:77", "discord:78", "x:mentions"):
        await desk.change(models.ReadMark(place=place, last_id="1", changed_at=desk.clock.now()))
    await desk.send("Fine by me", desk.member(limited_as="discord:ada", counts_as_usage=False))
    assert len((await export_person(desk, identity.person_id))["read_mark"]) == 1
    await erase(desk, identity.person_id)
    assert {mark.place for mark in await desk.rows(models.ReadMark)} == {"discord:78", "x:mentions"}
    assert {window.bucket for window in await desk.rows(models.RateWindow)} == {"feedback:all"}


async def test_a_posted_quote_is_edited_in_its_lane(desk: Desk) -> None:
    person_id = await live(desk)
    mine, other = await feedback_of(desk, person_id), None
    other = next(row for row in await desk.rows(Feedback) if row.person_id != person_id)
    await post_summary(desk, mine, other)
    await mark_all(desk, state="sent", sent_through="discord", channel_id="5", message_id="6")
    erased = await erase(desk, person_id)
    removals = [row for row in await desk.rows(OutboxMessage) if row.kind == "post_removal"]
    assert (erased.posts, {row.lane for row in removals}) == (2, {"war_room"})
    assert {row.payload["message_id"] for row in removals} == {"6"}
    summary = next(row for row in await desk.rows(OutboxMessage) if row.kind == "summary")
    message = parse_message(summary.payload)
    assert isinstance(message, Summary)
    assert [(quote.text, quote.removed) for quote in message.quotes] == [("", True), ("I love it", False)]
    assert message.words == [("docs", 2)]


async def test_a_post_that_is_being_sent_is_edited_after_it(desk: Desk) -> None:
    person_id = await live(desk)
    await mark_all(desk, state="claimed")
    assert (await erase(desk, person_id)).posts == 1
    (removal,) = [row for row in await desk.rows(OutboxMessage) if row.kind == "post_removal"]
    assert (removal.payload["channel_id"], removal.lane) == ("", "war_room")


async def test_what_stood_on_a_console_cannot_be_edited(desk: Desk) -> None:
    person_id = await live(desk)
    await mark_all(desk, state="sent", sent_through="console")
    assert (await erase(desk, person_id)).posts == 0
    assert "xylophone" not in await dump(desk)


async def test_queued_messages_to_the_person_go(desk: Desk) -> None:
    await desk.opt_in("ada")
    desk.later(days=7)
    await desk.send_due()
    identity = await desk.identity()
    reply = DirectReply(identity_id=identity.id, text="Thank you, Ada")
    await desk.run(enqueue, reply, destination="discord_dm", dedupe_key="reply", now=desk.clock.now())
    await erase(desk, identity.person_id)
    assert await desk.rows(OutboxMessage) == []


async def test_a_button_that_named_the_person_is_taken_out_of_the_channel(desk: Desk) -> None:
    await desk.opt_in("ada")
    identity = await desk.identity()
    fallback = OutboxMessage(
        kind="prompt_fallback",
        destination="discord_channel",
        lane="channel:7",
        dedupe_key="f",
        site="docs",
        person_id=identity.person_id,
        created_at=desk.clock.now(),
        next_try_at=desk.clock.now(),
        payload={},
        state=OutboxState.SENT.value,
        sent_through="discord",
        channel_id="7",
        message_id="8",
    )
    await desk.change(fallback)
    assert (await erase(desk, identity.person_id)).posts == 1
    assert [row.kind for row in await desk.rows(OutboxMessage)] == ["post_removal"]


async def test_an_erased_person_is_never_asked_again(desk: Desk) -> None:
    await desk.use("ada")
    await erase(desk, (await desk.person()).id)
    assert len(await desk.rows(Suppression)) == 1
    await desk.use("ada")
    desk.later(days=10)
    await desk.use("ada")
    assert (await desk.person()).opted_out_source == "erased"
    assert await desk.ask_after_command("ada") is None
    assert await desk.rows(models.Prompt) == []


async def test_an_erased_visitor_is_never_asked_again(desk: Desk) -> None:
    person_id = await live(desk)
    await erase(desk, person_id)
    await desk.use_docs_for_a_week(ADA)
    assert await desk.ask_on_page(ADA) is None


async def test_only_an_explicit_opt_in_lifts_an_erasure(desk: Desk) -> None:
    await desk.opt_in("ada")
    await erase(desk, (await desk.person()).id)
    assert (await desk.opt_in("ada")).state == "scheduled"
    assert await desk.rows(Suppression) == []
    desk.later(days=7)
    assert await desk.send_due() == 1


async def test_a_late_mark_of_an_erased_question_changes_nothing(desk: Desk) -> None:
    await desk.opt_in("ada")
    desk.later(days=7)
    await desk.send_due()
    prompt_id = (await desk.prompt()).id
    await erase(desk, (await desk.person()).id)
    assert not await desk.run(prompts.mark_asked, prompt_id, "discord_dm", "5", "6", desk.clock.now())
    assert not await desk.run(prompts.mark_uncertain, prompt_id, "late", desk.clock.now())
    assert not await desk.run(prompts.fall_back_from_dm, desk.settings, prompt_id, "late", desk.clock.now())
    assert not await desk.run(prompts.note_answer, prompt_id, desk.clock.now())


async def test_the_erasure_is_on_record_without_the_person(desk: Desk) -> None:
    person_id = await live(desk)
    await erase(desk, person_id)
    (entry,) = await desk.rows(models.AuditEntry)
    assert (entry.actor, entry.action, entry.target) == ("member:m1", "person.erase", "")
    assert entry.details["rows"]["event"] == 6


async def test_erasing_twice_says_that_nothing_is_stored(desk: Desk) -> None:
    person_id = await live(desk)
    await erase(desk, person_id)
    with pytest.raises(NotFound):
        await erase(desk, person_id)


async def test_the_export_has_every_row_and_column_and_is_json(desk: Desk) -> None:
    person_id = await live(desk)
    exported = await export_person(desk, person_id)
    assert json.loads(json.dumps(exported)) == exported
    handed_out = {str(table.__tablename__) for table in ROWS_OF_A_PERSON if exported_columns(str(table.__tablename__))}
    assert set(exported) == handed_out
    assert exported["feedback"][0]["text"] == AWFUL
    assert set(exported["person"][0]) == set(models.Person.model_fields)
    assert "I love it" not in json.dumps(exported)


async def test_an_identity_is_erased_known_or_not(desk: Desk) -> None:
    await track(desk, ADA, "a")
    for external_id, was_stored in ((f"docs/{ADA}", True), ("docs/nobody", False)):
        done = await eraser_of(desk).erase_identity("web", external_id, "self")
        assert (done is not None) == was_stored
    assert await desk.rows(models.Identity) == []
    assert len(await desk.rows(Suppression)) == 2


async def add_events(desk: Desk, count: int, **fields: Any) -> None:
    """So many counted events; `fields` are columns of all of them."""

    async def unit(session: AsyncSession) -> None:
        now = desk.clock.now()
        values = {"site": "docs", "received_at": now, "occurred_at": now, "local_day": now.date(), **fields}
        events = [Event(**{"event_id": f"{number}", "name": "page_view", **values}) for number in range(count)]
        session.add_all(events)
        await session.flush()
        await count_events(session, "docs", [event.model_dump() for event in events])

    await desk.store.writer.run(unit)


async def test_a_long_day_goes_in_small_units(desk: Desk) -> None:
    person_id = await live(desk)
    await add_events(desk, 40, person_id=person_id, visitor=identities.web_visitor(KEY, "docs", ADA), page="/long")
    small = desk.settings.model_copy(update={"retention": desk.settings.retention.model_copy(update={"batch_rows": 7})})
    desk.settings = small
    assert (await erase(desk, person_id)).rows["event"] == 46
    assert [row for row in await desk.rows(Event) if row.person_id == person_id] == []
    assert await desk.counters() == await desk.rebuilt_counters()


async def test_a_view_that_others_share_is_counted_from_what_they_did(desk: Desk) -> None:
    """Somebody agrees in the middle of a view: it began without them, and their click is theirs."""
    person_id = await live(desk)
    await add_events(desk, 1, event_id="before", view="v1", marked=True, visitor="anonymous")
    common: dict[str, Any] = {"person_id": person_id, "visitor": identities.web_visitor(KEY, "docs", ADA)}
    await add_events(desk, 1, event_id="click", name="click", view="v1", marked=True, **common)
    await add_events(desk, 1, event_id="first", view="v2", marked=True, **common)
    await add_events(desk, 1, event_id="after", view="v2", marked=True, visitor="anonymous")
    await erase(desk, person_id)
    views = {row.view: row.clicked for row in await desk.rows(models.PageView)}
    assert {name: views.get(name) for name in ("v1", "v2")} == {"v1": False, "v2": False}
    assert await desk.counters() == await desk.rebuilt_counters()


async def test_a_key_that_only_the_person_had_goes_with_its_counter(desk: Desk) -> None:
    person_id = await live(desk)
    await add_events(desk, 1, event_id="own", person_id=person_id, page="/users/only-ada")
    await erase(desk, person_id)
    assert "only-ada" not in await dump(desk)
    assert [row for row in await desk.rows(models.Rollup) if row.count <= 0] == []


def filled_row(table: type[SQLModel], person_id: str, **given: Any) -> tuple[SQLModel, dict[str, str]]:
    """A row whose free columns each hold a text of their own; those texts by column."""
    texts, values = {}, dict(given)
    for name, field in table.model_fields.items():
        if name in values or name == "id":
            continue
        if name == "person_id":
            values[name] = person_id
        elif field.annotation in (str, str | None):
            values[name] = texts[name] = f"canary-{table.__tablename__}-{name}"
        elif getattr(field.annotation, "__origin__", None) is dict and name != "payload":
            texts[name] = f"canary-{table.__tablename__}-{name}"
            values[name] = {"text": texts[name]}
    return table(**values), texts


async def test_every_column_with_a_text_is_handed_out_and_goes(desk: Desk) -> None:
    """Driven by the map: what it says of a column is what happens to it."""
    person_id = await live(desk)
    words = await feedback_of(desk, person_id)
    now = desk.clock.now()
    moments = {"received_at": now, "occurred_at": now, "created_at": now, "at": now, "hour": now, "next_try_at": now}
    traces: dict[str, dict[str, str]] = {}
    for table in (Event, Feedback, OutboxMessage, models.Identity, models.PageView, VisitorDay, models.AuditEntry):
        known: dict[str, Any] = {name: value for name, value in moments.items() if name in table.model_fields}
        known |= {"local_day": now.date()} if "local_day" in table.model_fields else {}
        known |= {"target": person_id} if table is models.AuditEntry else {}
        known |= {"id": f"{table.__tablename__}-1"} if table in (Feedback, models.Identity) else {}
        known |= {"site": "docs"} if "site" in table.model_fields else {}
        row, traces[str(table.__tablename__)] = filled_row(table, person_id, **known)
        await desk.change(row)
    assert words.id
    exported = json.dumps(await export_person(desk, person_id))
    columns = {(table, name): DATA_MAP[table].columns[name] for table, texts in traces.items() for name in texts}
    shown = {place for place in columns if traces[place[0]][place[1]] in exported}
    assert shown == {place for place, rule in columns.items() if rule.exported}
    await erase(desk, person_id)
    left = await dump(desk)
    stayed = {place for place in columns if traces[place[0]][place[1]] in left}
    others = {("audit_entry", "actor")}  # of the team, so it stays; only a member of the public is emptied
    assert stayed - others <= {place for place, rule in columns.items() if rule.fate is Fate.KEEP}
