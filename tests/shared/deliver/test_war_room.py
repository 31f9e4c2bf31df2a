"""One wording for every message, and the feed of them."""

import io
from datetime import UTC, date, datetime, timedelta

import pytest

from shared.deliver.console_channel import WORDS_ELSEWHERE, ConsoleChannel, sparkline
from shared.deliver.war_room import describe, read_feed, read_troubles
from shared.messages import (
    AlertPost,
    DirectReply,
    Figure,
    NegativeFeedback,
    Notice,
    Point,
    PostRemoval,
    QuotedFeedback,
    Series,
    Summary,
)
from shared.texts import Texts

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
HOURS = Series(
    name="Negative share",
    unit="share",
    points=[Point(at=NOW + timedelta(hours=n), value=0.1 * n) for n in range(4)],
)


@pytest.fixture
def told(settings):
    return lambda message, **options: describe(message, settings, Texts(settings.texts), **options)


def make_alert(**changes: object) -> AlertPost:
    figure = Figure(
        kpi="share_negative",
        title="Negative share",
        unit="share",
        direction="down",
        value=0.5,
        count=40,
        numerator=20,
        denominator=40,
    )
    values = {
        "phase": "fired",
        "alert_id": "alert-1",
        "site": "docs",
        "rule": "negative-share",
        "severity": "P2",
        "figure": figure,
        "compare": "above",
        "threshold": 0.4,
        "window_hours": 24,
        "fired_at": NOW,
        "definition": "Feedback that is negative.",
        "chart": HOURS,
    }
    return AlertPost(**(values | changes))


def make_note(**changes: object) -> NegativeFeedback:
    quote = {"feedback_id": "f1", "text": "this is\n**awful** @everyone", "why": "reported", "compound": -0.8}
    quote |= {"source": "web", "page": "/guide/install", "score": 1, "scale_max": 5}
    values = {"site": "docs", "category": "bug", "received_at": NOW, "words": [("awful", -2.0)]}
    return NegativeFeedback(quote=QuotedFeedback(**(quote | changes)), **values)


def make_summary(**changes: object) -> Summary:
    values = {
        "site": "docs",
        "site_name": "Example Docs",
        "period": "daily",
        "start": date(2026, 3, 10),
        "end": date(2026, 3, 10),
        "zone": "UTC",
        "figures": [],
        "categories": {},
        "words": [],
        "quotes": [],
        "asked": {},
        "open_alerts": [],
    }
    return Summary(**(values | changes))


def test_an_alert_says_value_limit_since_and_meaning(told):
    post = told(make_alert())
    assert post.title == "P2 Negative share · Example Docs"
    assert post.lines == (
        "Negative share: 50% (20 of 40) in the last 24 hours.",
        "The limit is 40%: it must not be above that.",
        "Firing since 12:00 UTC on 11 March. Rule: negative-share.",
        "What it counts: Feedback that is negative.",
    )
    assert (post.severity, post.chart) == ("bad", HOURS)
    assert "rising from 0% to 30%" in post.alt_text


def test_a_resolved_alert_says_how_long_it_lasted(told):
    post = told(make_alert(phase="resolved", resolved_at=NOW + timedelta(minutes=95)))
    assert post.title == "P2 resolved: Negative share · Example Docs"
    assert "It fired at 12:00 UTC on 11 March and lasted 1 h 35 min." in post.lines
    assert post.severity == "good"


def test_a_drop_names_the_same_weekday(told):
    figure = Figure(kpi="page_views", title="Page views", unit="count", direction="up", value=100, count=100)
    post = told(make_alert(compare="drop", threshold=0.5, expected=1234, figure=figure, chart=None))
    assert "The same weekday usually has 1,234; this is 92% less. The limit is a fall of 50%." in post.lines


def test_with_few_cases_the_limit_is_a_count_like_the_value(told):
    figure = Figure(
        kpi="share_negative", title="Negative share", unit="share", direction="down", value=8 / 18, count=18
    )
    above = told(make_alert(figure=figure)).lines
    assert above[:2] == ("Negative share: 8 of 18 in the last 24 hours.", "The limit is 40%: no more than 7 of 18.")
    below = told(make_alert(figure=figure, compare="below", threshold=0.5)).lines
    assert below[1] == "The limit is 50%: no fewer than 9 of 18."


def test_an_alert_of_the_installation_names_warroom(told):
    assert told(make_alert(site="", severity="P3")).title == "P3 Negative share · Warroom"


def test_unhappy_feedback_shows_words_mood_source_and_page(told):
    post = told(make_note())
    assert post.title == "Unhappy feedback · Example Docs"
    assert post.lines == (
        "“this is **awful** @everyone”",
        "score 1 of 5 · sentiment −0.80 · bug · from the docs page",
        "Words that counted: awful −2.0",
        "Page: /guide/install",
    )


def test_erased_words_are_gone(told):
    post = told(make_note(text="", removed=True))
    assert post.lines[0] == "Removed at the author's request."
    assert "guide" not in " ".join(post.lines)


def test_a_weekly_summary_names_its_days(told):
    week = make_summary(period="weekly", start=date(2026, 2, 23), end=date(2026, 3, 1), missed=2)
    post = told(week)
    assert post.title == "Example Docs · weekly summary · 23 February to 1 March 2026"
    assert post.lines[-1] == "Warroom was not running: 2 earlier weeks were not reported."


@pytest.mark.parametrize(("asked", "words"), [(0, "0 were asked"), (1, "1 was asked"), (2, "2 were asked")])
def test_who_was_asked_is_counted_in_the_right_form(told, asked, words):
    lines = told(make_summary(asked={"eligible": 2, "opted_in": 1, "asked": asked, "answered": 0})).lines
    assert f"Day-7 question: 2 became eligible, 1 opted in, {words}, 0 answered" in lines


def test_a_vote_is_told_as_what_was_said(told):
    assert told(make_note(score=0, scale_max=1)).lines[1].startswith("did not find it helpful · ")


def test_a_post_that_is_days_late_says_so_in_hours(told):
    assert told(make_note(), late_minutes=4_325).lines[-1] == "Delayed by 72 h 5 min."


def test_a_late_post_says_so(told):
    assert told(make_alert(), late_minutes=12).lines[-1] == "Delayed by 12 min."
    assert told(Notice(title="Title", text="Text"), late_minutes=1).lines == ("Text",)


def test_every_kind_can_be_described(told):
    reply = DirectReply(identity_id="identity", text="secret words")
    assert told(reply).title == "Direct reply"
    assert "secret" not in str(told(reply))


async def test_the_console_writes_plain_lines_and_a_sparkline(settings, delivery):
    stream = io.StringIO()
    loop = await delivery.lead(ConsoleChannel(settings, stream), channel_pace_seconds=0)
    await delivery.put(make_alert())
    await delivery.put(make_note(text="\x1b[31mred\x1b[0m\u202e and more"))
    await delivery.put(PostRemoval(outbox_id=1, channel_id="1", message_id="1"))
    for _ in range(3):
        await loop.run_once()
    written = stream.getvalue()
    assert "■ P2 Negative share · Example Docs\n│ Negative share: 50% (20 of 40) in the last 24 hours." in written
    assert "│ ▁▃▆█" in written
    assert "and more" in written
    assert "\x1b" not in written
    assert "\u202e" not in written
    assert [row.state for row in await delivery.rows()] == ["sent"] * 3


async def test_a_log_in_place_of_a_console_holds_nobodys_words(settings, delivery):
    """Nobody can erase from it; the outbox and the dashboard have the words."""
    stream = io.StringIO()
    loop = await delivery.lead(ConsoleChannel(settings, stream, is_log=True), channel_pace_seconds=0)
    note = make_note()
    await delivery.put(note)
    await delivery.put(make_summary(quotes=[note.quote], words=[("awful", 3)]))
    await delivery.put(make_alert())
    for _ in range(3):
        await loop.run_once()
    written = stream.getvalue()
    assert "awful" not in written
    assert "■ Unhappy feedback · Example Docs\n│ score 1 of 5" in written
    assert written.count(WORDS_ELSEWHERE) == 2
    assert "awful" in str([row.payload for row in await delivery.rows()])


def test_a_sparkline_shows_gaps():
    points = [Point(at=NOW, value=value) for value in (0.0, None, 1.0)]
    assert sparkline(Series(name="x", unit="share", points=points)) == "▁·█"
    assert sparkline(Series(name="x", unit="share", points=[])) == ""


async def test_the_feed_is_newest_first_and_pages(settings, delivery, store):
    texts = Texts(settings.texts)
    ids = [await delivery.put(Notice(title=f"Notice {n}", text="…")) for n in range(3)]
    await delivery.put(make_alert())
    await delivery.put(PostRemoval(outbox_id=1, channel_id="1", message_id="1"))
    await delivery.put(DirectReply(identity_id="i", text="private"), destination="discord_dm", lane="dm:i")
    async with store.read() as session:
        whole = await read_feed(session, settings, texts)
        older = await read_feed(session, settings, texts, before_id=ids[2], limit=1)
        newer = await read_feed(session, settings, texts, after_id=ids[2])
        alerts = await read_feed(session, settings, texts, kinds=["alert", "direct_reply"])
        docs = await read_feed(session, settings, texts, site="blog")
    assert [item.post.title for item in whole[1:]] == ["Notice 2", "Notice 1", "Notice 0"]
    assert [item.id for item in older] == [ids[1]]
    assert [item.kind for item in newer] == ["alert"]
    assert [item.kind for item in alerts] == ["alert"]
    assert [item.site for item in docs] == ["", "", ""]


async def test_the_feed_says_how_late_a_post_was(settings, delivery, store):
    from tests.shared.deliver.journal_channel import JournalChannel

    await delivery.put(make_alert())
    delivery.clock.advance(minutes=9)
    await (await delivery.lead(JournalChannel())).run_once()
    async with store.read() as session:
        (item,) = await read_feed(session, settings, Texts(settings.texts))
    assert (item.state, item.post.lines[-1]) == ("sent", "Delayed by 9 min.")


async def test_dead_letters_are_visible_without_their_words(settings, delivery, store):
    from shared.deliver.channel import PermanentFailure
    from tests.shared.deliver.journal_channel import JournalChannel

    channel = JournalChannel()
    channel.before["war_room"].append(PermanentFailure("no such channel", "channel_gone"))
    row_id = await delivery.put(make_note())
    await (await delivery.lead(channel)).run_once()
    async with store.read() as session:
        (trouble,) = await read_troubles(session, settings.delivery.attempts)
    assert (trouble.id, trouble.state, trouble.last_error) == (row_id, "dead", "no such channel")
    assert "awful" not in str(trouble)
