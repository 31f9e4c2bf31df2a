"""`warroom import`: every row taken once or named with its reason, on both databases."""

import csv
import json
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from shared.clock import ManualClock
from shared.config import Settings
from shared.errors import InvalidInput
from shared.ingest.imports.rows import Source, read_rows
from shared.runtime import Runtime, build_runtime
from shared.runtime.importing import EVENTS_AT_ONCE, Export, read_export
from shared.store.models import ImportedDay
from tests.conftest import make_settings
from tests.shared.runtime.import_stage import events, rejected, rollups, take, write_plausible, write_umami


@pytest.fixture
async def runtime(settings: Settings, clock: ManualClock) -> AsyncIterator[Runtime]:
    async with build_runtime(settings, clock) as built:
        yield built


async def test_umami_rows_become_events_of_their_time_and_a_second_run_adds_nothing(
    runtime: Runtime, tmp_path: Path
) -> None:
    path = write_umami(
        tmp_path,
        "w,s1,e1,2026-01-05 10:00:00,/intro,utm_source=news&token=secret,google.com,Intro,1,",
        "w,s1,e2,2026-01-05 10:01:00,/intro,,,,2,signup",
        "w,s1,e3,2026-01-06 10:00:00,/intro,,,,1,",
    )
    dry = await take(runtime, "umami", path, dry=True)
    assert (dry.stored, dry.repeated, await events(runtime)) == (3, 0, [])
    first = await take(runtime, "umami", path)
    again = await take(runtime, "umami", path)
    assert (first.stored, first.repeated, again.stored, again.repeated) == (3, 0, 0, 3)
    view, signup, later = await events(runtime)
    assert (view.name, view.page, view.referrer, view.title) == ("page_view", "/intro", "google.com", "Intro")
    assert view.props == {"source": "news"}
    assert view.occurred_at.isoformat() == "2026-01-05T10:00:00+00:00"
    assert (signup.name, signup.visitor) == ("signup", view.visitor)
    assert later.visitor != view.visitor  # a visitor lasts one day
    assert (await rollups(runtime))["2026-01-05", "page_view", ""] == (1, 0.0)


async def test_nobody_can_find_a_visitor_by_their_id_after_the_run(runtime: Runtime, tmp_path: Path) -> None:
    """The salt is destroyed with its end: the same id on the same day is somebody else to the next one."""
    for event in ("e1", "e2"):
        await take(
            runtime, "umami", write_umami(tmp_path, f"w,ada@example.com,{event},2026-01-05 10:00:00,/intro,,,,1,")
        )
    one, other = await events(runtime)
    assert one.visitor != other.visitor
    assert "ada@example.com" not in str([one, other])


async def test_who_is_on_both_sides_of_a_cut_is_one_visitor(runtime: Runtime, tmp_path: Path) -> None:
    """A run that goes on where another was cut off knows the visitors of that one, until it ends."""
    rows = [f"w,s{n % 7},e{n},2026-01-05 10:00:00,/intro,,,,1," for n in range(2 * EVENTS_AT_ONCE)]
    path = write_umami(tmp_path, *rows)
    with pytest.raises(ConnectionError):
        await take(runtime, "umami", path, cut_after=1)
    assert len(await events(runtime)) == EVENTS_AT_ONCE
    report = await take(runtime, "umami", path)
    assert (report.stored, report.repeated) == (EVENTS_AT_ONCE, EVENTS_AT_ONCE)
    assert (await rollups(runtime))["2026-01-05", "visitor_day", ""][0] == 7
    assert len({event.visitor for event in await events(runtime)}) == 7
    assert await runtime.hasher.days_with_salts("import umami docs") == set()


async def test_bad_rows_are_named_with_their_line(runtime: Runtime, tmp_path: Path) -> None:
    path = write_umami(
        tmp_path,
        "w,s1,e1,yesterday,/intro,,,,1,",
        "w,s1",
        "w,s1,e2,2026-01-05 10:00:00,/intro,,,,2,",
        "w,s1,e3,2020-01-05 10:00:00,/old,,,,1,",
        "w,s1,e4,2030-01-05 10:00:00,/new,,,,1,",
        "w,s1,e5,2026-01-05 10:00:00,/intro,,,,1,",
    )
    report = await take(runtime, "umami", path)
    assert (report.read, report.stored) == (6, 1)
    assert [int(line) for _, line, _ in sorted(rejected(path), key=lambda row: int(row[1]))] == [2, 3, 4, 5, 6]
    totals = runtime.meter.totals
    dropped = sum(count for (measure, _), count in totals.items() if measure == "drop")
    assert totals["received", ""] == totals["stored", ""] + totals["repeated", ""] + dropped


async def test_of_an_umami_with_several_websites_one_is_read(runtime: Runtime, tmp_path: Path) -> None:
    path = write_umami(
        tmp_path,
        "docs-id,s1,e1,2026-01-05 10:00:00,/intro,,,,1,",
        "shop-id,s1,e2,2026-01-05 10:00:00,/cart,,,,1,",
        "docs-id,s1,e3,2026-01-05 10:01:00,/intro,,,,2,signup",
    )
    with pytest.raises(InvalidInput, match="--website: docs-id, shop-id"):
        await take(runtime, "umami", path)
    assert await events(runtime) == []
    report = await take(runtime, "umami", path, website="docs-id")
    assert (report.stored, report.left_out) == (2, {"of another website than docs-id": 1})
    assert {event.page for event in await events(runtime)} == {"/intro"}
    assert rejected(path) == [["website_event.csv", "3", "of another website than docs-id"]]


async def test_what_umami_counts_as_neither_view_nor_event_is_left_out(runtime: Runtime, tmp_path: Path) -> None:
    path = write_umami(
        tmp_path,
        "w,s1,e1,2026-01-05 10:00:00,/intro,,,,1,",
        "w,s1,e2,2026-01-05 10:00:00,/q/link,,,,3,",
        "w,s1,e3,2026-01-05 10:00:00,/p/pixel,,,,4,named",
        "w,s1,e4,2026-01-05 10:00:00,/intro,,,,,named",
    )
    report = await take(runtime, "umami", path)
    assert (report.stored, report.left_out) == (
        2,
        {"event_type: neither a page view (1) nor a custom event (2)": 2},
    )
    assert [event.name for event in await events(runtime)] == ["page_view", "named"]


async def test_the_progress_ends_where_the_file_does(tmp_path: Path) -> None:
    path = write_umami(tmp_path, *(f"w,s1,e{n},2026-01-05 10:00:00,/intro,,,,1," for n in range(50)))
    limits = make_settings(tmp_path / "data").limits
    for export in (
        Export("umami", path),
        Export("umami", path, website="w"),
        Export("csv", path, {"at": "created_at"}),
    ):
        done: list[int] = []
        assert len(list(read_export(export, limits, done.append))) == 50
        assert sum(done) == export.size
    done = []
    plausible = Export("plausible", write_plausible(tmp_path))
    assert len(list(read_export(plausible, limits, done.append))) == 7
    assert sum(done) == plausible.size


@pytest.mark.parametrize("form", ["lines", "list"])
async def test_umami_rows_come_as_json_too(runtime: Runtime, tmp_path: Path, form: str) -> None:
    rows = [
        {"event_id": f"e{n}", "session_id": "s", "created_at": "2026-01-05T10:00:00Z", "url_path": "/a"}
        for n in range(3)
    ]
    path = tmp_path / "website_event.json"
    path.write_text("\n".join(map(json.dumps, rows)) if form == "lines" else json.dumps(rows, indent=1))
    assert (await take(runtime, "umami", path)).stored == 3


async def test_a_row_that_no_database_can_keep_costs_the_others_nothing(runtime: Runtime, tmp_path: Path) -> None:
    path = tmp_path / "website_event.json"
    row = '{"event_id": "%s", "created_at": "2026-01-05T10:00:00Z", "url_path": "/a%s", "big": %s}'
    rows = [("e1", "", 1), ("e2", "\\ud800", 1), ("e3", "", 10**30), ("e4", "\\u0000", 1), ("e5", "", 1)]
    path.write_text("\n".join(row % values for values in rows))
    report = await take(runtime, "umami", path)
    assert (report.read, report.stored) == (5, 2)
    assert sorted(int(line) for _, line, _ in rejected(path)) == [2, 3, 4]


async def test_properties_of_a_csv_file_are_read_as_on_the_wire(runtime: Runtime, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(("id", "name", "at", "title", "target", "props"))
        for number, props in enumerate(('{"a": 1}', '{"a": 1' + "0" * 30 + "}", '{"a": "\\ud800"}', "[1]", "{")):
            writer.writerow((number, "signup", "2026-01-05T10:00:00Z", "t" * 200, "/files/" + "f" * 200, props))
    assert (await take(runtime, "csv", path)).stored == 5
    found = await events(runtime)
    assert [event.props for event in found] == [{"a": 1}, {}, {}, {}, {}]
    assert {(event.title, event.target) for event in found} == {("t" * 200, "/files/" + "f" * 200)}


async def test_any_csv_is_taken_by_its_header_or_a_mapping(runtime: Runtime, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(
        "Event,When,url,who,value,currency,plan\n"
        "conversion,2026-01-05T10:00:00+01:00,https://docs.example/buy?card=1,ada@example.com,9.99,EUR,pro\n"
        "signup,1767607200,/signup,203.0.113.9,,,free\n"
        "signup,1767607200,/signup,203.0.113.9,,,free\n"
    )
    mapping = {"name": "Event", "at": "When", "page": "url", "visitor": "who", "goal": "plan"}
    first = await take(runtime, "csv", path, mapping)
    again = await take(runtime, "csv", path, mapping)
    assert (first.stored, again.stored, again.repeated) == (3, 0, 3)
    conversion, signup, _ = await events(runtime)
    assert (conversion.page, conversion.value_cents, conversion.currency, conversion.goal) == (
        "/buy",
        999,
        "EUR",
        "pro",
    )
    assert signup.occurred_at.isoformat() == "2026-01-05T10:00:00+00:00"
    kept = str([event.model_dump() for event in await events(runtime)])
    assert "203.0.113.9" not in kept
    assert "ada@" not in kept
    assert "card" not in kept


async def test_values_that_are_not_kept_are_told(runtime: Runtime, tmp_path: Path) -> None:
    path, limits = tmp_path / "export.csv", runtime.settings.limits
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        columns = ("name", "at", "title", "scroll_percent", "value", "currency", "props", "plan")
        writer.writerow((*columns, *(f"p{number}" for number in range(limits.properties - 1))))
        more = range(limits.properties - 1)
        writer.writerow(("signup", 1767607200, "t", 50, "1.5", "EUR", "", "pro", *more))
        writer.writerow(("signup", 1767607200, "t" * 501, 150, "a lot", "EUR", '{"a": 1}', "p" * 2001, *more))
        writer.writerow(("signup", 1767607200, "", "", "", "", "{", "", *("" for _ in more)))
    report = await take(runtime, "csv", path, dry=True)
    assert (report.stored, report.lost) == (3, 1 + 1 + 1 + 1 + 1 + 1)
    long = "t" * (limits.string_characters + 1)
    umami = write_umami(tmp_path, f"w,s1,e1,2026-01-05 10:00:00,/intro,,,{long},2,{long}")
    assert (await take(runtime, "umami", umami, dry=True)).lost == 2


async def test_equal_rows_without_ids_are_events_of_their_own_wherever_they_stand(
    runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "export.csv"
    ada, bea = "signup,1767607200,ada\n", "signup,1767607200,bea\n"
    path.write_text("name,at,visitor\n" + ada + bea + ada + ada + bea)
    first = await take(runtime, "csv", path)
    assert (first.stored, first.repeated) == (5, 0)
    path.write_text("name,at,visitor\n" + ada + bea + ada + ada + bea + ada)  # exported again, one event later
    again = await take(runtime, "csv", path)
    assert (again.stored, again.repeated) == (1, 5)


async def test_a_mapping_to_an_unknown_column_is_refused(runtime: Runtime, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("a\n1\n")
    with pytest.raises(InvalidInput, match="no column wrong"):
        await take(runtime, "csv", path, {"wrong": "a"})


async def test_plausible_days_become_counters_once(runtime: Runtime, tmp_path: Path) -> None:
    path = write_plausible(tmp_path)
    dry = await take(runtime, "plausible", path, dry=True)
    assert (dry.stored, await rollups(runtime)) == (5, {})
    first = await take(runtime, "plausible", path)
    again = await take(runtime, "plausible", path)
    assert (first.stored, again.stored, again.repeated) == (5, 0, 5)  # not the day whose only row is bad
    found = await rollups(runtime)
    assert found["2026-01-01", "visitor_day", ""] == (11, 0.0)  # with the row that stands behind the next day
    assert found["2026-01-01", "page_view", ""] == (26, 0.0)
    assert found["2026-01-01", "page", "/intro"] == (20, 0.0)
    assert found["2026-01-01", "engaged_ms", ""] == (0, 90_000.0)
    assert found["2026-01-01", "source", "google.com"] == (12, 0.0)
    assert found["2026-01-01", "event", "Signup"] == (3, 0.0)
    assert found["2026-01-01", "event", "to [e-mail removed]"] == (1, 0.0)
    assert found["2026-01-01", "event", "outbound_click"] == (2, 0.0)  # as the same events of the script
    assert found["2026-01-01", "event", "file_download"] == (1, 0.0)
    assert found["2026-01-02", "visitor_day", ""] == (4, 0.0)
    assert [file for file, _, _ in rejected(path)] == [
        "imported_custom_events_20260101_20260102.csv",
        "imported_devices_20260101_20260102.csv",
    ]
    async with runtime.store.read() as session:
        marks = (await session.execute(select(ImportedDay))).scalars()
        assert {(str(mark.local_day), mark.source) for mark in marks} == {
            ("2026-01-01", "plausible"),
            ("2026-01-02", "plausible"),
        }


async def test_days_with_events_of_their_own_are_left_alone_both_ways(runtime: Runtime, tmp_path: Path) -> None:
    rows = write_umami(tmp_path, "w,s1,e1,2026-01-02 10:00:00,/intro,,,,1,", "w,s1,e2,2026-01-01 10:00:00,/intro,,,,1,")
    days = write_plausible(tmp_path)
    half = write_umami(tmp_path, "w,s1,e1,2026-01-02 10:00:00,/intro,,,,1,")
    await take(runtime, "umami", half)
    report = await take(runtime, "plausible", days)
    assert report.left_out["this day has events of its own"] == 1
    assert (await rollups(runtime))["2026-01-01", "visitor_day", ""] == (11, 0.0)
    write_umami(tmp_path, "w,s1,e2,2026-01-01 10:00:00,/intro,,,,1,")
    late = await take(runtime, "umami", rows)
    assert late.left_out == {"the counters of this day were imported": 1}


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = write_umami(tmp_path, *(f"w,s{n},e{n},2026-01-05 10:00:00,/intro,,,,1," for n in range(rows)))
        tracemalloc.start()
        assert sum(1 for _ in every_row(path)) == rows
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(30_000) < 2 * peak(1000)


def every_row(path: Path) -> Iterator[Any]:
    return read_rows(Source(path.name, 0, lambda: path.open("rb")), lambda _: None)
