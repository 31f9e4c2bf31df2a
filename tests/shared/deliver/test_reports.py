"""Summaries: which period is due, that it is posted once, and what it says."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import select

from shared.deliver.console_channel import render
from shared.deliver.reports import build_summary, due_period, hide_names
from shared.deliver.war_room import describe
from shared.derive.rollups import count_feedback
from shared.guard.privacy import VisitorHasher
from shared.identifiers import new_id
from shared.ingest.erasure import Eraser
from shared.ingest.intake_meter import IntakeMeter
from shared.jobs.context import JobContext
from shared.jobs.job_functions import plan_reports, post_due_reports
from shared.messages import parse_message
from shared.store.models import DueReport, Feedback, OutboxMessage, Rollup
from shared.texts import Texts

WEDNESDAY = datetime(2026, 3, 11, 12, tzinfo=UTC)


@pytest.fixture
def war_room(settings):
    return settings.war_room


@pytest.fixture
def context(settings, clock, store) -> JobContext:
    clock.move_to(WEDNESDAY)
    hasher = VisitorHasher(settings, store, clock)
    return JobContext(settings, clock, store, IntakeMeter(clock), hasher, Eraser(settings, clock, store, b"key"))


@pytest.fixture
def only_docs(context, settings):
    """One site with traffic on every day of the last three weeks."""
    one = settings.model_copy(update={"sites": settings.sites[:1]})
    vars(one).pop("_sites_by_key", None)  # the copy brings along what was cached
    return replace(context, settings=one)


async def add(store, *rows):
    async def unit(session):
        session.add_all(rows)

    await store.writer.run(unit)


async def add_feedback(store, day: date, text: str | None, compound: float | None = None, **other) -> Feedback:
    at = datetime(day.year, day.month, day.day, 11, tzinfo=UTC)
    sentiment = None if compound is None else "positive" if compound > 0 else "negative" if compound < 0 else "neutral"
    values = {"source": "web", "category": "unsorted", "sentiment": sentiment, "compound": compound, "text": text}
    row = Feedback(
        id=new_id(at), site="docs", external_key=new_id(at), received_at=at, local_day=day, **(values | other)
    )

    async def unit(session):
        session.add(row)
        await count_feedback(session, row)

    await store.writer.run(unit)
    return row


async def summaries(store):
    async with store.read() as session:
        query = select(OutboxMessage).where(OutboxMessage.kind == "summary").order_by(OutboxMessage.id)
        return [parse_message(row.payload) for row in (await session.execute(query)).scalars()]


def view(day: date, count: int = 5) -> Rollup:
    hour = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return Rollup(site="docs", measure="page_view", hour=hour, local_day=day, count=count)


async def run_jobs(context) -> int:
    await plan_reports(context)
    return await post_due_reports(context)


@pytest.mark.parametrize(
    ("now", "zone", "period", "start", "end"),
    [
        ("2026-03-11T12:00", "UTC", "daily", "2026-03-10", "2026-03-10"),
        ("2026-03-11T08:59", "UTC", "daily", "2026-03-09", "2026-03-09"),
        ("2026-03-11T09:00", "UTC", "daily", "2026-03-10", "2026-03-10"),
        ("2026-03-11T12:00", "America/Los_Angeles", "daily", "2026-03-10", "2026-03-10"),
        ("2026-03-11T12:00", "Pacific/Auckland", "daily", "2026-03-10", "2026-03-10"),
        ("2026-03-11T12:00", "UTC", "weekly", "2026-03-02", "2026-03-08"),
        ("2026-03-09T09:14", "UTC", "weekly", "2026-02-23", "2026-03-01"),
        ("2026-03-09T09:15", "UTC", "weekly", "2026-03-02", "2026-03-08"),
    ],
)
def test_the_newest_ended_period_is_due(war_room, now, zone, period, start, end):
    found = due_period(war_room, zone, period, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert (found.start.isoformat(), found.end.isoformat()) == (start, end)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_the_report_time_is_on_the_wall_when_the_clocks_change(war_room, day):
    berlin = war_room.model_copy(update={"zone": "Europe/Berlin"})
    evening = datetime.fromisoformat(day).replace(hour=20, tzinfo=UTC)
    found = due_period(berlin, "Europe/Berlin", "daily", evening)
    assert found.end.isoformat() == (date.fromisoformat(day) - timedelta(days=1)).isoformat()
    assert found.due_at.hour == (7 if day == "2026-03-29" else 8)


async def test_a_new_installation_without_data_reports_nothing(context):
    assert await run_jobs(context) == 0
    context.clock.advance(days=1)
    assert await run_jobs(context) == 2  # from now on also quiet days are told, of both sites


async def test_a_summary_is_posted_once(only_docs):
    await add(only_docs.store, view(date(2026, 3, 5)), view(date(2026, 3, 10)))
    assert await run_jobs(only_docs) == 2
    assert await run_jobs(only_docs) == 0
    only_docs.clock.advance(hours=5)
    assert await run_jobs(only_docs) == 0
    assert [post.period for post in await summaries(only_docs.store)] == ["weekly", "daily"]


async def test_eight_days_of_downtime_are_caught_up_once(only_docs):
    await add(only_docs.store, *(view(date(2026, 3, 1) + timedelta(days=n)) for n in range(20)))
    await run_jobs(only_docs)
    only_docs.clock.advance(days=8)
    assert await run_jobs(only_docs) == 2
    daily, weekly = sorted((await summaries(only_docs.store))[2:], key=lambda post: post.period)
    assert (daily.period, daily.start, daily.missed) == ("daily", date(2026, 3, 18), 7)
    assert (weekly.start, weekly.missed) == (date(2026, 3, 9), 0)
    assert await run_jobs(only_docs) == 0
    only_docs.clock.advance(days=1)
    await run_jobs(only_docs)
    assert (await summaries(only_docs.store))[-1].missed == 0


async def test_a_planned_report_that_was_never_posted_becomes_missed(only_docs):
    await add(only_docs.store, view(date(2026, 3, 10)))
    await plan_reports(only_docs)
    only_docs.clock.advance(days=3)
    await run_jobs(only_docs)
    async with only_docs.store.read() as session:
        rows = (await session.execute(select(DueReport).where(DueReport.kind == "daily"))).scalars()
        states = {row.period_start.day: row.state for row in rows}
    assert states == {10: "missed", 13: "posted"}


async def test_a_summary_tells_counts_words_quotes_and_who_was_asked(settings, store):
    day = date(2026, 3, 10)
    best = await add_feedback(store, day, "Love the tutorial, install was easy <@1234>", 0.9, category="praise")
    worst = await add_feedback(store, day, "Install is awful and install docs are wrong", -0.8, category="bug")
    newest = await add_feedback(store, day, "How do I install on Windows?", 0.0, score=3, scale_min=1, scale_max=5)
    await add_feedback(store, day, None, None, score=5, scale_min=1, scale_max=5)
    await add_feedback(store, day - timedelta(days=1), "old words", 0.1)
    site = settings.site("docs")
    async with store.read() as session:
        summary = await build_summary(session, settings, site, "daily", day, day, WEDNESDAY)
    figures = {figure.kpi: figure for figure in summary.figures}
    assert (figures["feedback_count"].value, figures["feedback_count"].previous) == (4, 1)
    assert figures["mean_score"].value == 4
    assert summary.categories == {"unsorted": 2, "bug": 1, "praise": 1}
    assert summary.words[0] == ("install", 3)
    assert [(quote.why, quote.feedback_id) for quote in summary.quotes] == [
        ("most positive", best.id),
        ("most negative", worst.id),
        ("newest", newest.id),
    ]
    assert "@someone" in summary.quotes[0].text
    assert set(summary.asked) == {"eligible", "opted_in", "asked", "answered"}
    text = render(describe(summary, settings, Texts(settings.texts)))
    assert "Feedback: 4 · no clear change (before: 1)" in text
    assert "About: 1 bug, 1 praise, 2 unsorted" in text
    assert "Conversion rate: – (no visitors in this period)" in text
    assert "No open alerts." in text


async def test_a_summary_of_a_quiet_day_is_whole(settings, store):
    async with store.read() as session:
        summary = await build_summary(
            session, settings, settings.site("docs"), "weekly", date(2026, 3, 2), date(2026, 3, 8), WEDNESDAY
        )
    assert (summary.quotes, summary.words, summary.chart) == ([], [], None)
    assert (
        describe(summary, settings, Texts(settings.texts)).title == "Example Docs · weekly summary · 2 to 8 March 2026"
    )


async def test_the_chart_shows_sentiment_when_enough_days_have_it(settings, store):
    for number in range(5):
        await add_feedback(store, date(2026, 3, 10) - timedelta(days=number), "good", 0.1 * (number + 1))
    async with store.read() as session:
        summary = await build_summary(
            session, settings, settings.site("docs"), "daily", date(2026, 3, 10), date(2026, 3, 10), WEDNESDAY
        )
    assert (summary.chart.name, len(summary.chart.points)) == ("Mean sentiment", 14)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("thanks @ada_l and <@!99>!", "thanks @someone and @someone!"),
        ("install @types/node from me@docs.example", "install @types/node from me@docs.example"),
    ],
)
def test_names_in_quotes_are_hidden(text, hidden):
    assert hide_names(text) == hidden
