"""Erasing and exporting: nothing of the person is left, and counters stay true."""

import json
from typing import Any

import pytest
from sqlmodel import SQLModel

from shared.errors import NotFound
from shared.guard import audit
from shared.guard.data_map import DATA_MAP, Fate, exported_columns
from shared.ingest import identities
from shared.ingest.erasure import ROWS_OF_A_PERSON
from shared.store import models
from shared.store.models import Erasure, Event, Feedback, OutboxMessage, Suppression, VisitorDay
from tests.shared.decide.people import KEY
from tests.shared.ingest.erasing import (
    ADA,
    AWFUL,
    TABLES,
    add_events,
    dump,
    erase,
    eraser_of,
    export_person,
    feedback_of,
    live,
    mark_all,
    post_summary,
    track,
)
from tests.shared.ingest.intake import Desk


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
        done = await eraser_of(desk).erase("web", external_id, "self")
        assert (done is not None) == was_stored
    assert await desk.rows(models.Identity) == []
    assert len(await desk.rows(Suppression)) == 2


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


@pytest.mark.slow
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
