"""Every event that came in is accounted for: received = stored + repeated + dropped by reason, also after a flush."""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from shared.clock import ManualClock
from shared.config import Settings
from shared.errors import CannotStore, InvalidInput, LimitReached, NotAllowed, WarroomError
from shared.guard.principals import Principal
from shared.ingest.events import Sender
from shared.ingest.intake_meter import IntakeMeter, Receipt
from shared.store.database import Store
from shared.store.models import Event, Rollup
from tests.conftest import make_settings
from tests.shared.ingest.track import BROWSER, Gate, make_event

NAMES = 3
KEY = Principal("key", "key-1", "a server", site="docs", scopes=frozenset({"events:write"}))


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    limits = {"custom_names": NAMES, "track_per_minute": 40, "track_key_per_minute": 5, "batch_events": 20}
    own = {
        "name": "pricing_opened",
        "meaning": "m",
        "owner": "o",
        "properties": [
            {"name": "plan", "type": "choice", "meaning": "m", "choices": ["free", "team"], "sensitivity": "public"}
        ],
    }
    return make_settings(tmp_path / "data", database_url, limits=limits, events=[own])


@pytest.fixture
def gate(settings: Settings, store: Store, clock: ManualClock) -> Gate:
    return Gate(settings, store, clock)


async def hand_in(gate: Gate, body: Any, **sender: Any) -> WarroomError | None:
    """A body as it came; the refusal if there is one."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        await gate.intake.take(raw, Sender(**{"address": "192.0.2.1", "user_agent": BROWSER, **sender}))
    except WarroomError as error:
        return error
    return None


def batch(*events: Any, site: str = "docs", **fields: Any) -> dict[str, Any]:
    return {"site": site, "events": list(events), **fields}


def sums(counts: Counter[tuple[str, str, str]]) -> dict[str, tuple[int, int]]:
    """Both sides of the equation, by site."""
    sides: dict[str, tuple[int, int]] = {}
    for (site, measure, _), count in counts.items():
        left, right = sides.get(site, (0, 0))
        if measure == "received":
            left += count
        elif measure in ("stored", "repeated", "drop"):
            right += count
        sides[site] = (left, right)
    return sides


async def flushed(gate: Gate) -> Counter[tuple[str, str, str]]:
    """What the rollups say: (site, measure, key) to count."""
    await gate.meter.flush(gate.store)
    found: Counter[tuple[str, str, str]] = Counter()
    for row in await gate.rows(Rollup):
        found[row.site, row.measure, row.key] += row.count
    return found


async def send_a_mixture(gate: Gate) -> None:
    """Some of everything that can become of an event."""
    first = make_event()
    await hand_in(gate, batch(first, make_event("click")))
    await hand_in(gate, batch(first, make_event(), {"id": "x", "name": "click"}, make_event("conversion")))
    await hand_in(gate, {"site": "docs", **make_event("engagement", engaged_ms=5)})
    await hand_in(gate, batch(make_event(), person="browser-0001"))
    await hand_in(gate, batch(make_event(), make_event()), user_agent="Googlebot/2.1")
    await hand_in(gate, batch(make_event()), opted_out="gpc")
    await hand_in(gate, batch(make_event(), make_event(), site="nowhere"))
    assert isinstance(await hand_in(gate, b"{"), InvalidInput)
    assert isinstance(await hand_in(gate, batch(*(make_event() for _ in range(21)))), InvalidInput)
    assert isinstance(await hand_in(gate, batch({}, make_event("engagement"))), InvalidInput)
    await hand_in(gate, batch(*(make_event(f"own-{n}", props={"n": n}) for n in range(NAMES + 2)), make_event("own-0")))
    await hand_in(gate, batch(make_event("pricing_opened", props={"plan": "gold"}), make_event("pricing_opened")))
    assert isinstance(await hand_in(gate, batch(*(make_event() for _ in range(6))), key=KEY), LimitReached)
    assert isinstance(await hand_in(gate, batch(make_event(), site="blog"), key=KEY), NotAllowed)
    for _ in range(3):
        await hand_in(gate, batch(*(make_event() for _ in range(15))), address="192.0.2.9")


MIXTURE = {
    ("", "received", ""): 3,
    ("", "drop", "unknown_site"): 2,
    ("", "drop", "unreadable"): 1,
    ("docs", "received", ""): 93,
    ("docs", "stored", ""): 5 + NAMES + 1 + 1 + 30,
    ("docs", "repeated", ""): 1,
    ("docs", "drop", "bot"): 2,
    ("docs", "drop", "gpc"): 1,
    ("docs", "drop", "invalid"): 2 + 21 + 2 + 1,
    ("docs", "drop", "too_many_names"): 2,
    ("docs", "drop", "limit"): 6 + 15,
    ("blog", "received", ""): 1,
    ("blog", "drop", "not_allowed"): 1,
    ("docs", "schema", "declared"): 5 + 1 + 1 + 30,
    ("docs", "schema", "undeclared"): NAMES + 2 + 1,
    ("docs", "schema", "invalid"): 5,
}


async def test_a_mixture_adds_up(gate: Gate) -> None:
    await send_a_mixture(gate)
    counts = await flushed(gate)
    assert {place: count for place, count in counts.items() if place in MIXTURE} == MIXTURE
    assert {site: left - right for site, (left, right) in sums(counts).items()} == {"": 0, "docs": 0, "blog": 0}
    assert len(await gate.rows(Event)) == MIXTURE["docs", "stored", ""]


async def test_what_cannot_be_stored_is_dropped_for_that_reason(gate: Gate) -> None:
    await hand_in(gate, batch(make_event()))
    await gate.meter.flush(gate.store)
    await gate.store.writer.close()
    assert isinstance(await hand_in(gate, batch(make_event(), make_event())), CannotStore)
    assert isinstance(await hand_in(gate, batch(make_event(), person="browser-0001")), CannotStore)
    assert gate.meter.totals["drop", "cannot_store"] == 3
    assert gate.meter.totals["received", ""] == 4


@pytest.mark.parametrize(
    ("error", "reason"),
    [(asyncio.CancelledError(), "cut_off"), (RuntimeError(), "error"), (CannotStore(), "cannot_store")],
)
def test_what_an_error_stopped_is_accounted_for(clock: ManualClock, error: BaseException, reason: str) -> None:
    meter = IntakeMeter(clock)
    with suppress(BaseException), Receipt(meter, "docs", 5) as receipt:
        receipt.drop("invalid", 2)
        raise error
    totals = {place: count for place, count in meter.totals.items() if count}
    assert totals == {("received", ""): 5, ("drop", "invalid"): 2, ("drop", reason): 3}


async def test_a_name_of_a_senders_own_tells_of_nobody(gate: Gate, store: Store) -> None:
    bad = [make_event("ada@example.com"), make_event("?q=canary"), make_event("page_view ?q=canary")]
    named = make_event("own", props={"ada@example.com": 1})
    assert await hand_in(gate, batch(*bad, named)) is None
    await gate.meter.flush(store)
    async with store.read() as session:
        names = {event.name: event.props for event in (await session.execute(select(Event))).scalars()}
        keys = repr([row.key for row in (await session.execute(select(Rollup))).scalars()])
    assert names == {"[e-mail removed]": {}, "unnamed": {}, "own": {"[e-mail removed]": 1}}
    assert "ada" not in keys
    assert "canary" not in keys


async def test_undeclared_names_are_noted_with_the_types_of_their_properties(gate: Gate) -> None:
    await hand_in(gate, batch(make_event("own", props={"n": 1, "word": "a", "none": None}), make_event("own")))
    await hand_in(gate, batch(make_event("own", props={"n": 2.5, "word": "b"})))
    counts = await flushed(gate)
    assert counts["docs", "undeclared", "own"] == 3
    seen = {key for (_, measure, key) in counts if measure == "undeclared_property"}
    assert {tuple(json.loads(key)) for key in seen} == {
        ("own", "n", "integer"),
        ("own", "n", "number"),
        ("own", "word", "text"),
    }


async def test_a_new_process_knows_the_names_of_the_day_and_a_new_day_has_room(
    gate: Gate, settings: Settings, store: Store, clock: ManualClock
) -> None:
    await hand_in(gate, batch(*(make_event(f"own-{n}") for n in range(NAMES))))
    await gate.meter.flush(store)
    restarted = Gate(settings, store, clock)
    async with store.read() as session:
        await restarted.intake.custom.load(session)
    await hand_in(restarted, batch(make_event("own-1"), make_event("one-more")))
    assert restarted.meter.totals["drop", "too_many_names"] == 1
    assert restarted.meter.totals["stored", ""] == 1
    clock.advance(days=1)
    await hand_in(restarted, batch(make_event("one-more")))
    assert restarted.meter.totals["stored", ""] == 2


async def test_a_batch_says_which_name_was_one_too_many(gate: Gate) -> None:
    outcome = await gate.send(*(make_event(f"own-{n}") for n in range(NAMES + 1)))
    assert [(bad.index, bad.field) for bad in outcome.dropped] == [(NAMES, "name")]
    assert "catalogue" in outcome.dropped[0].reason
    alone = await gate.send(make_event("one-more"))
    assert (alone.stored, len(alone.dropped)) == (0, 1)


FREE = "mail ada@docs.example or see https://docs.example/reset?token=abc#x"
KEPT = "mail [e-mail removed] or see https://docs.example/reset"


@pytest.mark.parametrize(
    ("name", "props", "kept"),
    [
        ("own", {"note": FREE}, {"note": KEPT}),
        ("site_search", {"term": "ada@docs.example"}, {"term": "[e-mail removed]"}),
        (
            "script_error",
            {"message": "no /a/b?key=1", "source": "https://cdn.example/a.js?v=2#s"},
            {"message": "no /a/b", "source": "https://cdn.example/a.js"},
        ),
        ("click", {"element": "#top>a?x=/1"}, {"element": "#top>a"}),
        ("page_view", {"kind": "load", "more": FREE}, {"kind": "load", "more": KEPT}),
        ("pricing_opened", {"plan": "team", "gone": None, "n": 3}, {"plan": "team", "n": 3}),
        (
            "own",
            {"question": "Is it /up or /down? #42", "at": "page.html?id=3"},
            {"question": "Is it /up or /down? #42", "at": "page.html"},
        ),
    ],
)
async def test_free_text_is_redacted_before_it_is_stored(
    gate: Gate, name: str, props: dict[str, Any], kept: dict[str, Any]
) -> None:
    await gate.send(make_event(name, props=props))
    assert (await gate.event()).props == kept
