"""Counters move with their cause, and a rebuild of all days finds no difference."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, delete, select

from shared.clock import ManualClock, local_day
from shared.derive.rollups import OTHER_KEY, KnownKeys, count_feedback, counting, rebuild, storing_steps
from shared.derive.rollups import rebuilding as rebuilding_module
from shared.derive.rollups.feedback import is_negative
from shared.event_catalogue import CATALOGUE
from shared.store.column_types import MARK
from shared.store.database import Store
from shared.store.event_tables import run_in_session, tables_for, tables_of
from shared.store.models import Event, Feedback, PageView, Rollup, VisitorDay

ZONE = "Europe/Berlin"
SENT_AS = {"page": "page", "source": "referrer"}  # by measure
MIDNIGHT = datetime(2026, 3, 10, 23, 0, tzinfo=UTC)  # Berlin's 11th begins


def make_row(number: int, name: str, at: datetime, **fields: Any) -> dict[str, Any]:
    event = Event(
        site="docs",
        event_id=f"event-{number:05}",
        name=name,
        received_at=at,
        occurred_at=at,
        local_day=local_day(at, ZONE),
        **{"visitor": "ada", **fields},
    )
    return {key: value for key, value in event.model_dump().items() if key != "id"}


class Book:
    """Stores and counts rows as the intake does, and reads the counters."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known = KnownKeys()

    async def keep(self, *rows: dict[str, Any]) -> None:
        """As the intake does: ready-made steps, on PostgreSQL in one statement where nothing needs a look."""
        tables = tables_for(self._store.writing_engine.dialect)
        await self._store.writer.run_steps(lambda: storing_steps(tables, "docs", rows, self._known, alone=True))

    async def keep_in_session(self, *rows: dict[str, Any]) -> None:
        async def unit(session: Any) -> None:
            await run_in_session(session, storing_steps(tables_of(session), "docs", rows, KnownKeys()))

        await self._store.writer.run(unit)

    async def keep_feedback(self, feedback: Feedback) -> None:
        async def unit(session: Any) -> None:
            session.add(feedback)
            await session.flush()
            await count_feedback(session, feedback)

        await self._store.writer.run(unit)

    async def rebuild(self, days: Sequence[date]) -> None:
        for day in days:
            await self._store.writer.run(lambda session, day=day: rebuild(session, "docs", day))

    async def all(self) -> tuple[list[Any], ...]:
        """Every row that a rebuild makes anew."""
        async with self._store.read() as session:
            views = select(PageView.view, PageView.local_day, PageView.hour, PageView.clicked).order_by(PageView.view)
            days = select(VisitorDay).order_by(col(VisitorDay.local_day), col(VisitorDay.visitor))
            rollups = select(Rollup).order_by(
                *(getattr(Rollup, name) for name in ("measure", "hour", "local_day", "key"))
            )
            return (
                [tuple(row) for row in await session.execute(views)],
                [row.model_dump() for row in (await session.execute(days)).scalars()],
                [
                    row.model_dump() | {"total": round(row.total, 6)}
                    for row in (await session.execute(rollups)).scalars()
                ],
            )

    async def forget(self) -> None:
        """Removes every event and what counts it."""

        async def unit(session: Any) -> None:
            for model in (Event, PageView, VisitorDay, Rollup):
                await session.execute(delete(model))

        await self._store.writer.run(unit)

    async def total(self, measure: str, **values: Any) -> int:
        rollups = (await self.all())[2]
        wanted = {"measure": measure, **values}.items()
        return sum(row["count"] for row in rollups if wanted <= row.items())


@pytest.fixture
def book(store: Store) -> Book:
    return Book(store)


async def test_a_view_counts_once_and_its_click_in_its_hour(book: Book) -> None:
    view = {"view": "view-1", "marked": True}
    before, after = MIDNIGHT - timedelta(minutes=5), MIDNIGHT + timedelta(minutes=5)
    await book.keep(make_row(1, "page_view", before, page="/a", **view))
    await book.keep(make_row(2, "click", after, **view), make_row(3, "click", after, **view))
    evening = date(2026, 3, 10)
    assert await book.total("marked_view", local_day=evening) == await book.total("marked_view") == 1
    assert await book.total("clicked_view", local_day=evening) == await book.total("clicked_view") == 1
    assert await book.total("visitor_day") == 2


async def test_a_click_that_overtakes_its_view_makes_it(book: Book) -> None:
    view = {"view": "view-1", "marked": True}
    await book.keep(make_row(1, "click", MIDNIGHT, **view))
    await book.keep(make_row(2, "page_view", MIDNIGHT - timedelta(seconds=1), page="/a", **view))
    assert (await book.total("marked_view"), await book.total("clicked_view")) == (1, 1)
    counted = await book.all()
    await book.rebuild([date(2026, 3, 10), date(2026, 3, 11)])
    assert await book.all() == counted


async def test_a_repeated_id_counts_nothing(book: Book) -> None:
    row = make_row(1, "conversion", MIDNIGHT, goal="buy", value_cents=100)
    for _ in range(3):
        await book.keep(row)
    assert (await book.total("conversion"), await book.total("converted_day"), await book.total("event")) == (1, 1, 1)


async def test_a_visitor_converts_once_in_the_hour_of_the_first_sight(book: Book) -> None:
    late = MIDNIGHT + timedelta(hours=5)
    await book.keep(make_row(1, "page_view", MIDNIGHT, page="/a"))
    for number in (2, 3):
        await book.keep(make_row(number, "conversion", late, goal="buy"))
    assert await book.total("converted_day", hour=MIDNIGHT) == await book.total("converted_day") == 1


@pytest.mark.parametrize("measure", ["page", "source", "sequence_started"])
async def test_the_thousand_and_first_key_of_a_day_is_another(
    book: Book, monkeypatch: pytest.MonkeyPatch, measure: str
) -> None:
    monkeypatch.setattr(counting, "KEYS_PER_DAY", 20)

    def make(number: int, at: datetime) -> dict[str, Any]:
        if measure != "sequence_started":
            return make_row(number, "page_view", at, **{"page": "/", SENT_AS[measure]: f"/{number % 50}"})
        return make_row(number, "sequence_step", at, sequence=f"s{number % 50}", step=1)

    for number in range(50):
        await book.keep(make(number, MIDNIGHT))
    await book.keep(*(make(number, MIDNIGHT + timedelta(hours=3)) for number in range(50, 100)))
    await book.keep(make(149, MIDNIGHT + timedelta(days=1)))
    first_day = date(2026, 3, 11)
    assert await book.total(measure, key=OTHER_KEY, local_day=first_day) == 60
    assert await book.total(measure, local_day=first_day) == 100
    assert await book.total(measure, key=OTHER_KEY) == 60
    counted = await book.all()
    await book.rebuild([first_day, date(2026, 3, 12)])
    assert await book.all() == counted


async def test_every_measure_with_keys_that_senders_choose_is_bounded(book: Book) -> None:
    """A made-up word in every text of an event; each measure that takes it up as a key is a bounded one."""
    words = {name: "made-up" for name in ("page", "title", "referrer", "target", "sequence", "experiment", "variant")}
    words |= {"goal": "made-up", "currency": "made-up", "view": "made-up"}
    numbers = {"engaged_ms": 1, "step": 1, "steps": 1, "value_cents": 1, "marked": True}
    for number, name in enumerate([*CATALOGUE, "made-up"]):
        for done in (False, True):
            await book.keep(make_row(2 * number + done, name, MIDNIGHT, done=done, **words, **numbers))
    taken_up = {row["measure"] for row in (await book.all())[2] if "made-up" in row["key"]}
    assert taken_up >= {"event", "page", "source", "conversion", "exposure", "sequence_step", "sequence_done"}
    assert taken_up <= counting.OPEN_MEASURES


async def test_users_whom_servers_name_are_no_visitors(book: Book) -> None:
    """What they reach counts; the conversion rate is a share of the visitors of the site."""
    user = MARK + "0" * 32
    await book.keep(make_row(1, "page_view", MIDNIGHT, page="/a", visitor="0" * 32))
    await book.keep(make_row(2, "page_view", MIDNIGHT, page="/a", visitor=user))
    await book.keep(make_row(3, "conversion", MIDNIGHT, goal="buy", visitor=user))
    assert (await book.total("visitor_day"), await book.total("converted_day")) == (1, 0)
    assert (await book.total("conversion"), await book.total("page_view")) == (1, 2)
    counted = await book.all()
    await book.rebuild([date(2026, 3, 11)])
    assert await book.all() == counted


async def test_keys_seen_before_cost_no_query(store: Store) -> None:
    known = KnownKeys()
    for place in range(counting.DAYS_REMEMBERED + 5):
        known.of("docs", "page", date(2026, 1, 1) + timedelta(days=place)).add("/a")
    assert known.of("docs", "page", date(2026, 1, 1)) == set()
    assert known.of("docs", "page", date(2026, 4, 1)) == {"/a"}


def tell(rng: random.Random, count: int) -> list[dict[str, Any]]:
    """Events of two days and nights: some late, some without a view, some of a visitor nobody counts."""
    rows = []
    for number in range(count):
        at = MIDNIGHT + timedelta(minutes=rng.randint(-1500, 1500))
        name = rng.choice(["page_view", "click", "engagement", "sequence_step", "exposure", "conversion", "own"])
        fields: dict[str, Any] = {
            "page_view": {"page": rng.choice(["/a", "/b", "/c"]), "marked": rng.random() < 0.7},
            "click": {"marked": rng.random() < 0.8, "target": "x"},
            "engagement": {"engaged_ms": rng.randint(0, 9999)},
            "sequence_step": {"sequence": "s", "step": rng.randint(1, 3), "steps": 3, "done": rng.random() < 0.5},
            "exposure": {"experiment": "e", "variant": rng.choice("ab")},
            "conversion": {"goal": rng.choice(["buy", "join"]), "value_cents": rng.randint(-5, 500)},
        }.get(name, {})
        fields["view"] = rng.choice([None, *(f"view-{n}" for n in range(25))])
        fields["visitor"] = rng.choice([None, "ada", "bea", "cy"])
        rows.append(make_row(number, name, at, **fields))
    return rows


def say(rng: random.Random, number: int) -> Feedback:
    at = MIDNIGHT + timedelta(minutes=rng.randint(-1500, 1500))
    label = rng.choice([None, "positive", "neutral", "negative"])
    scale = rng.choice([None, (1, 5), (0, 10), (1, 7), (0, 1)])
    return Feedback(
        id=f"feedback-{number}",
        site="docs",
        external_key=str(number),
        source=rng.choice(["web", "api"]),
        received_at=at,
        local_day=local_day(at, ZONE),
        sentiment=label,
        compound=None if label is None else rng.choice([-0.7, 0.0, 0.8]),
        score=None if scale is None else rng.randint(*scale),
        scale_min=scale and scale[0],
        scale_max=scale and scale[1],
        survey=rng.choice([None, "helpful"]),
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_after_a_random_story_a_rebuild_finds_no_difference(
    book: Book, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(rebuilding_module, "CHUNK", 7)  # many chunks: days and views larger than one
    rng = random.Random(seed)
    rows = tell(rng, 300)
    while rows:
        batch = [rows.pop() for _ in range(min(len(rows), rng.randint(1, 20)))]
        await book.keep(*batch)
        if rng.random() < 0.3:
            await book.keep(*batch)
    for number in range(30):
        await book.keep_feedback(say(rng, number))
    counted = await book.all()
    assert len(counted[0]) > 15
    days = [date(2026, 3, 9) + timedelta(days=n) for n in range(5)]
    for _ in range(2):
        rng.shuffle(days)
        await book.rebuild(days)
        assert await book.all() == counted


@pytest.mark.slow
async def test_one_statement_and_many_count_the_same(book: Book) -> None:
    """Plain events go in one statement, once their keys are known; a repeated one sends all of them the careful way."""
    rng = random.Random(7)
    told = [row for row in tell(rng, 400) if row["name"] not in ("click", "conversion")]
    taught, rows = told[:100], told[100:]
    later = [{**row, "event_id": f"again-{number:05}"} for number, row in enumerate(rows)]
    await book.keep(*taught)
    for start in range(0, len(later), 10):
        await book.keep(*later[start : start + 10])
        await book.keep(*later[start + 5 : start + 10], *later[start + 10 : start + 12])
    counted = await book.all()
    await book.forget()
    for row in [*taught, *later]:
        await book.keep_in_session(row)
    assert await book.all() == counted


async def test_feedback_taken_back_leaves_nothing(book: Book, store: Store, clock: ManualClock) -> None:
    feedback = say(random.Random(4), 1)
    await book.keep_feedback(feedback)
    await store.writer.run(lambda session: count_feedback(session, feedback, -1))
    assert list((await book.all())[2]) == []


@pytest.mark.parametrize(
    ("sentiment", "score", "scale", "negative"),
    [
        ("negative", 5, (1, 5), True),  # words outweigh the score
        ("neutral", 1, (1, 5), False),
        (None, 2, (1, 5), True),
        (None, 3, (1, 5), False),
        (None, 6, (0, 10), True),
        (None, 7, (0, 10), False),
        (None, 3, (1, 7), True),
        (None, 4, (1, 7), False),
        (None, 0, (0, 1), True),
        (None, 1, (0, 1), False),
        (None, 1, (1, 3), None),
        (None, None, None, None),
    ],
)
def test_what_counts_as_negative(sentiment: Any, score: Any, scale: Any, negative: Any) -> None:
    feedback = Feedback(sentiment=sentiment, score=score, scale_min=scale and scale[0], scale_max=scale and scale[1])
    assert is_negative(feedback) is negative
