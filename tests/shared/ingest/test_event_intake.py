"""Events on their way in: cleaned, dated, stored once, counted with their cause, and counted the same when rebuilt."""

import asyncio
import json
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.clock import ManualClock
from shared.config import Settings
from shared.derive.rollups import OTHER_KEY, rebuild
from shared.errors import CannotStore, InvalidInput
from shared.identifiers import random_uuid
from shared.ingest.event_fields import TrackEvent
from shared.ingest.events import Sender, TrackOutcome
from shared.store.database import Store
from shared.store.models import Event, PageView, Person, Rollup, UsageDay, VisitorDay
from tests.shared.ingest.track import BROWSER, Gate, make_event


@pytest.fixture
def gate(settings: Settings, store: Store, clock: ManualClock) -> Gate:
    return Gate(settings, store, clock)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("/guide?token=1#part", "/guide"),
        ("https://user:secret@docs.example/guide?x", "/guide"),
        ("//docs.example/guide", "/guide"),
        ("https://docs.example", "/"),
        ("javascript:alert(1)", "/"),
        ("guide", "/guide"),
        ("/invite/ada@example.com/open", "/invite/[e-mail removed]/open"),
        ("/invite/ada%40example.com", "/invite/[e-mail removed]"),
        ("/@scope/package@1.2", "/@scope/package@1.2"),
        ("/a%20b", "/a%20b"),
    ],
)
async def test_a_page_is_only_a_path(gate: Gate, sent: str, kept: str) -> None:
    await gate.send(make_event(page=sent))
    assert (await gate.event()).page == kept


async def test_events_take_view_and_page_of_their_batch(gate: Gate) -> None:
    own = make_event(page="/own", view="another1")
    await gate.send({"id": random_uuid(), "name": "page_view"}, own, view="the-view", page="/guide?x")
    assert {(event.view, event.page) for event in await gate.rows(Event)} == {
        ("the-view", "/guide"),
        ("another1", "/own"),
    }


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("https://user:pw@www.search.example/find?q=me", "search.example"),
        ("search.example", "search.example"),
        ("http://[::1", None),
        ("<script>", None),
        ("http://203.0.113.7:8080/", None),
        ("http://[2001:db8::a]/", None),
        ("https://a1.example.", "a1.example."),
    ],
)
async def test_a_referrer_is_only_a_host(gate: Gate, sent: str, kept: str | None) -> None:
    await gate.send(make_event(referrer=sent))
    assert (await gate.event()).referrer == kept


LEAKY = "https://docs.example/x?token=canary#part of 203.0.113.7"


async def test_no_text_of_an_event_keeps_what_a_request_carries(gate: Gate) -> None:
    words = dict.fromkeys(("title", "sequence", "experiment", "variant", "goal"), LEAKY)
    await gate.send(make_event(page=LEAKY, referrer=LEAKY, view="v?token=canary", target=LEAKY, **words))
    event = await gate.event()
    kept = "https://docs.example/x of [address removed]"
    assert [getattr(event, name) for name in words] == [kept] * len(words)
    assert (event.page, event.view, event.target) == ("/x", "v", "docs.example")


async def test_counters_are_kept_under_clean_names(gate: Gate) -> None:
    await gate.send(make_event("conversion", goal="/thanks?token=canary"))
    await gate.send(make_event("exposure", experiment="a@b.example", variant="x?y=canary"))
    await gate.send(make_event("sequence_step", sequence="/tour#canary", step=1))
    assert await gate.counts("conversion") == {"/thanks": 1}
    assert await gate.counts("exposure") == {"[e-mail removed]:x": 1}
    assert await gate.counts("sequence_started") == {"/tour": 1}


async def test_an_address_is_no_id(gate: Gate) -> None:
    await gate.send(make_event(id="203.0.113.7", view="203.0.113.7"), make_event(id="2001:db8::17"), {})
    kept = [(event.event_id, event.view) for event in await gate.rows(Event)]
    assert len(kept) == 2
    assert "203.0.113.7" not in str(kept)
    assert "2001:db8" not in str(kept)


async def test_a_title_is_cleaned_before_it_is_cut(gate: Gate) -> None:
    await gate.send(make_event(title="x" * 488 + " ada.lovelace@example.com"))
    title = (await gate.event()).title
    assert title is not None
    assert (len(title), "ada" in title) == (500, False)


@pytest.mark.parametrize("late", [timedelta(minutes=11), timedelta(days=-8), timedelta(days=-20000)])
async def test_an_unbelievable_time_is_replaced_by_the_receipt(gate: Gate, clock: ManualClock, late: timedelta) -> None:
    await gate.send(make_event(at=milliseconds(max(clock.now() + late, datetime(1970, 1, 1, tzinfo=UTC)))))
    assert (await gate.event()).occurred_at == clock.now()


async def test_a_believable_time_is_kept_with_its_own_day(gate: Gate, clock: ManualClock) -> None:
    yesterday = clock.now() - timedelta(hours=14)  # 23:00 in Berlin
    await gate.send(make_event(at=milliseconds(yesterday)))
    event = await gate.event()
    assert (event.occurred_at, event.local_day) == (yesterday, date(2026, 3, 10))


async def test_a_body_repeated_is_counted_once(gate: Gate) -> None:
    event = make_event()
    outcomes = [await gate.send(event) for _ in range(3)]
    assert [(outcome.stored, outcome.repeated) for outcome in outcomes] == [(1, 0), (0, 1), (0, 1)]
    assert await gate.counts("page_view") == {"": 1}


async def test_the_first_body_under_an_id_is_kept(gate: Gate) -> None:
    event = make_event(page="/first")
    await gate.send(event)
    await gate.send({**event, "page": "/second"})
    assert (await gate.event()).page == "/first"
    assert await gate.counts("page") == {"/first": 1}


async def test_the_same_id_on_another_site_is_another_event(gate: Gate) -> None:
    event = make_event()
    await gate.send(event)
    await gate.send(event, site="blog")
    assert len(await gate.rows(Event)) == 2


async def test_many_senders_at_once_are_all_counted(gate: Gate) -> None:
    shared = [make_event() for _ in range(5)]
    sent = [gate.send(make_event(), *shared, address=f"192.0.2.{number}") for number in range(30)]
    outcomes = await asyncio.gather(*sent)
    assert sum(outcome.stored for outcome in outcomes) == 35
    assert len(await gate.rows(Event)) == 35
    assert await gate.counts("page_view") == {"": 35}
    assert sum(outcome.repeated for outcome in outcomes) == 29 * 5


async def test_a_view_is_clicked_once_whatever_the_order(gate: Gate) -> None:
    for view, order in (("view-1", (0, 1, 2)), ("view-2", (1, 2, 0))):
        events = [
            make_event(view=view, marked=True),
            make_event("click", view=view, marked=True, target="start"),
            make_event("click", view=view, marked=True, target="start"),
        ]
        for index in order:
            await gate.send(events[index])
    assert await gate.counts("marked_view") == {"": 2}
    assert await gate.counts("clicked_view") == {"": 2}
    assert len(await gate.rows(PageView)) == 2


async def test_a_click_counts_in_the_hour_of_its_view(gate: Gate, clock: ManualClock) -> None:
    await gate.send(make_event(view="view-1", marked=True))
    clock.advance(hours=3)
    await gate.send(make_event("click", view="view-1", marked=True, target="start"))
    hours = {hour for (measure, hour, _, _) in await gate.counters() if measure in ("marked_view", "clicked_view")}
    assert hours == {"2026-03-11T12:00:00+00:00"}


async def test_a_visitor_converts_once_a_day(gate: Gate, clock: ManualClock) -> None:
    await gate.send(make_event())
    clock.advance(hours=2)
    await gate.send(make_event("conversion", goal="signup", value_cents=500, currency="EUR"))
    await gate.send(make_event("conversion", goal="signup"))
    await gate.send(make_event(), address="192.0.2.2")
    assert await gate.counts("visitor_day") == {"": 2}
    assert await gate.counts("converted_day") == {"": 1}
    assert await gate.counts("conversion") == {"signup": 2}
    converted = [key for key in await gate.counters() if key[0] == "converted_day"]
    assert converted[0][1] == "2026-03-11T12:00:00+00:00"  # the hour in which the day began


async def test_a_consented_visitor_is_the_same_on_all_days_and_has_usage_days(gate: Gate, clock: ManualClock) -> None:
    for _ in range(3):
        await gate.send(make_event(), person="browser-0001", language="de", zone="Asia/Tokyo")
        clock.advance(days=1)
    assert len({event.visitor for event in await gate.rows(Event)}) == 1
    assert len(await gate.rows(UsageDay)) == 3
    (person,) = await gate.rows(Person)
    assert (person.zone, person.language, person.usage_days) == ("Asia/Tokyo", "de", 3)


async def test_no_address_or_agent_is_stored(gate: Gate, store: Store, settings: Settings) -> None:
    await gate.send(make_event(page="/x?canary"), address="198.51.100.77")
    await gate.meter.flush(store)
    kept = repr([row.model_dump() for table in (Event, VisitorDay, Rollup) for row in await gate.rows(table)])
    assert not [canary for canary in ("198.51.100.77", "Firefox", "canary") if canary in kept]


async def test_many_pages_of_one_day_share_a_counter(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.derive.rollups.counting.KEYS_PER_DAY", 10)
    for start in range(0, 30, 10):
        await gate.send(*(make_event(page=f"/page-{number}") for number in range(start, start + 10)))
    await gate.send(make_event(page="/page-3"))
    pages = await gate.counts("page")
    assert len(pages) == 11
    assert (pages[OTHER_KEY], pages["/page-3"]) == (20, 2)


async def test_nothing_good_raises_and_stores_nothing(gate: Gate) -> None:
    with pytest.raises(InvalidInput):
        await gate.send({"id": "x"}, {"name": 5})
    assert await gate.rows(Event) == []


async def test_a_store_that_is_closed_keeps_nothing_and_says_so(gate: Gate, store: Store) -> None:
    await gate.send(make_event())
    await store.writer.close()
    with pytest.raises(CannotStore):
        await gate.send(make_event())


def make_story(rng: random.Random, now: datetime) -> list[dict[str, Any]]:
    """Events of all kinds around a local midnight, some of them repeated, clicks before and after their views."""
    views = [f"view-{number}" for number in range(12)]
    events = []
    for number in range(120):
        at = milliseconds(now - timedelta(minutes=rng.randint(0, 60 * 40)))
        fields: dict[str, Any] = {"id": f"event-{number:06}", "at": at, "view": rng.choice(views), "page": "/p"}
        kind = rng.choice(("page_view", "click", "engagement", "sequence_step", "exposure", "conversion", "own_event"))
        fields |= {
            "page_view": {"marked": rng.random() < 0.6, "page": f"/p{rng.randint(0, 5)}"},
            "click": {"marked": rng.random() < 0.7, "target": "start"},
            "engagement": {"engaged_ms": rng.randint(0, 60000), "scroll_percent": 50},
            "sequence_step": {"sequence": "s", "step": rng.randint(1, 3), "steps": 3, "done": rng.random() < 0.5},
            "exposure": {"experiment": "e", "variant": rng.choice("ab")},
            "conversion": {"goal": rng.choice(("signup", "buy")), "value_cents": rng.randint(0, 999)},
        }.get(kind, {})
        events.append({"name": kind, **fields})
    return events


@pytest.mark.parametrize("seed", range(3))
async def test_rebuilt_counters_are_the_counted_ones(gate: Gate, clock: ManualClock, seed: int) -> None:
    rng = random.Random(seed)
    clock.move_to(datetime(2026, 3, 29, 14, 20, tzinfo=UTC))  # the day on which Berlin's clocks go forward
    events = make_story(rng, clock.now())
    while events:
        batch = [events.pop() for _ in range(min(len(events), rng.randint(1, 9)))]
        person = {"person": f"browser-{rng.randint(0, 2):04}"} if rng.random() < 0.3 else {}
        await gate.send(*batch, address=f"192.0.2.{rng.randint(0, 3)}", **person)
        if rng.random() < 0.3:
            await gate.send(*batch, address="192.0.2.9")  # a retry through another network
    counted = await gate.counters()
    days = sorted({day for _, _, day, _ in counted})
    assert len(days) >= 2
    for _ in range(2):
        for day in days:
            await gate.store.writer.run(lambda session, day=day: rebuild(session, "docs", date.fromisoformat(day)))
        assert await gate.counters() == counted


async def test_events_that_are_read_already_take_the_same_way(
    gate: Gate, settings: Settings, clock: ManualClock
) -> None:
    site = settings.site("docs")
    assert site is not None
    for _ in range(2):
        events = [
            TrackEvent(id=random_uuid(), name="page_view", page="/a?b"),
            TrackEvent(id="bad-event-1", name="click\n"),
        ]
        outcome = await gate.intake.take_events(site, events, Sender("192.0.2.1", BROWSER), identified="user-7")
        assert (outcome.stored, [bad.index for bad in outcome.dropped]) == (1, [1])
        clock.advance(days=1)
    rows = await gate.rows(Event)
    assert {row.page for row in rows} == {"/a"}
    assert len({row.visitor for row in rows}) == 1, "the same on all days"
    assert "user-7" not in repr([row.model_dump() for row in rows])
    with pytest.raises(InvalidInput):
        await gate.intake.take_events(site, events, Sender("192.0.2.1", BROWSER), person="short")


async def test_the_way_without_a_task_ends_like_the_other(gate: Gate, clock: ManualClock) -> None:
    sender, told = Sender("192.0.2.1", BROWSER), asyncio.Queue[TrackOutcome | Exception]()
    wrong, bot = [make_event(step="x")], Sender("192.0.2.1", "Googlebot/2.1 (+http://www.google.com/bot.html)")

    def begin(sender: Sender, *events: dict[str, Any], site: str = "docs", **fields: Any) -> bool:
        body = json.dumps({"site": site, "events": list(events), **fields}).encode()
        return gate.intake.begin(body, sender, told.put_nowait)

    assert not begin(sender, make_event()), "today's salt is not at hand"
    await gate.send(make_event())
    yesterday = milliseconds(clock.now() - timedelta(days=1))
    assert not begin(sender, make_event(at=yesterday)), "nor is yesterday's"
    assert not begin(sender, make_event(), person="browser-id-0001"), "a unit of its own"
    assert not begin(sender, *wrong), "what is wrong is found by the strict reader"
    assert not begin(sender, make_event(), site="elsewhere")
    assert gate.meter.totals["received", ""] == 1, "what was not begun is not counted"
    event = make_event()
    for body in ([event, make_event("own")], [event], [make_event("click", view="v", marked=True)]):
        assert begin(sender, *body)
    assert begin(bot, make_event())
    found = [await told.get() for _ in range(4)]
    assert sorted(
        (what.stored, what.repeated, what.rule or "") for what in found if isinstance(what, TrackOutcome)
    ) == [
        (0, 0, "bot"),
        (0, 1, ""),
        (1, 0, ""),
        (2, 0, ""),
    ]
    await gate.store.writer.close()
    assert begin(sender, make_event())
    assert isinstance(await told.get(), CannotStore)
    totals = gate.meter.totals
    assert totals["received", ""] == 1 + 2 + 1 + 1 + 1 + 1
    assert (totals["stored", ""], totals["repeated", ""]) == (4, 1)
    assert (totals["drop", "bot"], totals["drop", "cannot_store"]) == (1, 1)
    assert len(await gate.rows(Event)) == 4
