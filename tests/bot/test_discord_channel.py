"""Posts into the War Room: alerts that change, notes with buttons, repeats that are found, failures with a meaning."""

from datetime import timedelta
from typing import Any

import aiohttp
import discord
import pytest

from bot.channels.discord_failures import translate
from bot.prompt_answers import discord_sender
from shared.deliver.channel import PermanentFailure, RetryLater
from shared.deliver.reports import build_summary
from shared.ingest.feedback import NewFeedback
from shared.messages import WAR_ROOM, AlertPost, Figure, Message, Notice, Point, PostRemoval, Series, Summary
from shared.store.models import Feedback, OutboxMessage
from shared.store.outbox import enqueue
from tests.bot.discord_stage import Stage
from tests.discord_server import faults
from tests.discord_server.posting import delete_message

FIGURE = Figure(
    kpi="share_negative", title="Share negative", unit="share", direction="down", value=0.5, count=40, previous=0.2
)


@pytest.fixture
def database_url() -> str:
    """One database is enough here: the stories of members run on both."""
    return ""


def make_alert(stage: Stage, phase: Any = "fired", first: int | None = None) -> AlertPost:
    now = stage.clock.now()
    points = [Point(at=now - timedelta(hours=hour), value=0.1 * hour) for hour in range(5, 0, -1)]
    return AlertPost(
        phase=phase,
        alert_id="a" * 26,
        site="docs",
        rule="negative-share",
        severity="P2",
        figure=FIGURE,
        compare="above",
        threshold=0.4,
        window_hours=24,
        fired_at=now,
        resolved_at=now if phase == "resolved" else None,
        definition="Negative feedback ÷ judged feedback.",
        chart=Series(name="share_negative", unit="share", points=points),
        reply_to_outbox=first,
    )


def make_summary() -> Summary:
    day = discord.utils.utcnow().date()
    return Summary(
        site="docs",
        site_name="Example Docs",
        period="daily",
        start=day,
        end=day,
        zone="UTC",
        figures=[FIGURE],
        categories={"bug": 2},
        words=[("search", 3)],
        quotes=[],
        asked={"eligible": 1, "opted_in": 1, "asked": 1, "answered": 0},
        open_alerts=[],
    )


async def post(stage: Stage, message: Message, key: str) -> int:
    """Enqueues for the War Room and delivers; the row's id."""
    row_id = await stage.runtime.store.writer.run(
        lambda session: enqueue(session, message, destination=WAR_ROOM, dedupe_key=key, now=stage.clock.now())
    )
    assert row_id is not None
    await stage.deliver()
    return row_id


@pytest.mark.slow
async def test_alert_has_a_chart_with_words(stage: Stage) -> None:
    await post(stage, make_alert(stage), "one")
    [message] = stage.war_room_posts()
    [embed] = message.embeds
    assert embed["image"]["url"] == "attachment://chart.png"
    assert message.files["chart.png"].startswith(b"\x89PNG")
    assert message.attachments[0]["description"]


async def test_a_summary_has_all_its_parts_and_one_chart_with_words(stage: Stage) -> None:
    """Words of people are quotations, escaped; what a line is about is bold."""
    today = stage.clock.now().date()
    for number, (text, score) in enumerate(
        [("I love **this**, great search!", 5), ("Awful search, broken, I hate it.", 1)]
    ):
        new = NewFeedback(site="docs", text=text, score=score, category="praise" if score == 5 else "bug")
        await stage.runtime.feedback.take(new, discord_sender(stage.mia.id, f"said-{number}", "en"))
    async with stage.runtime.store.read() as session:
        site = stage.settings.site("docs")
        assert site is not None
        built = await build_summary(session, stage.settings, site, "daily", today, today, stage.clock.now())
    await post(stage, built, "one")
    message = next(found for found in stage.war_room_posts() if "daily summary" in str(found.embeds))
    description = message.embeds[0]["description"]
    for part in (
        "**Feedback:** 2",
        "**Mean score \\(1 to 5\\):** 3.0",
        "**Mean sentiment:**",
        "**Click-through rate:**",
        "**Conversion rate:**",
        "**About:** 1 bug, 1 praise",
        "**Most used words:** search \\(2\\)",
        "> “I love \\*\\*this\\*\\*, great search!”",
        "> “Awful search, broken, I hate it.”",
        "**Day-7 question:** 0 became eligible, 0 opted in, 0 were asked, 0 answered",
        "No open alerts.",
    ):
        assert part in description, part
    assert message.embeds[0]["image"]["url"] == "attachment://chart.png"
    [picture] = message.attachments
    assert "Mean sentiment" in picture["description"] or "Feedback" in picture["description"]


@pytest.mark.slow
async def test_alert_is_edited_within_its_first_hour(stage: Stage) -> None:
    first = await post(stage, make_alert(stage), "one")
    stage.clock.advance(minutes=59)
    await post(stage, make_alert(stage, "resolved", first), "two")
    [message] = stage.war_room_posts()
    assert message.edited_at is not None
    assert len(message.attachments) == 1


@pytest.mark.slow
async def test_a_late_change_says_how_late_it_is(stage: Stage) -> None:
    """Measured on the change's own row; the first post was in time."""
    first = await post(stage, make_alert(stage), "one")
    update = make_alert(stage, "updated", first)
    await stage.runtime.store.writer.run(
        lambda session: enqueue(session, update, destination=WAR_ROOM, dedupe_key="two", now=stage.clock.now())
    )
    stage.clock.advance(minutes=7)
    await stage.deliver()
    [message] = stage.war_room_posts()
    assert message.embeds[0]["description"].endswith("Delayed by 7 min.")


@pytest.mark.slow
async def test_later_changes_are_a_reply(stage: Stage) -> None:
    first = await post(stage, make_alert(stage), "one")
    stage.clock.advance(minutes=61)
    await post(stage, make_alert(stage, "resolved", first), "two")
    fired, resolved = stage.war_room_posts()
    assert resolved.reference is fired
    assert fired.edited_at is None


@pytest.mark.slow
async def test_alert_whose_post_was_deleted_is_posted_anew(stage: Stage) -> None:
    first = await post(stage, make_alert(stage), "one")
    delete_message(stage.server, stage.war_room_posts()[0])
    await post(stage, make_alert(stage, "updated", first), "two")
    assert len(stage.war_room_posts()) == 1


async def test_summary_whose_answer_was_lost_is_found_instead_of_repeated(stage: Stage) -> None:
    stage.server.nonce_memory_seconds = 0.0
    stage.server.faults.add("POST", "/channels/*/messages", faults.dropped_after())
    await post(stage, make_summary(), "one")
    stage.clock.advance(minutes=5)
    await stage.deliver()
    [row] = await stage.rows(OutboxMessage)
    [message] = stage.war_room_posts()
    assert (row.state, row.message_id) == ("sent", str(message.id))


@pytest.mark.slow
async def test_alert_whose_answer_was_lost_is_not_doubled_by_its_nonce(stage: Stage) -> None:
    stage.server.faults.add("POST", "/channels/*/messages", faults.dropped_after())
    await post(stage, make_alert(stage), "one")
    stage.clock.advance(minutes=1)
    await stage.deliver()
    assert len(stage.war_room_posts()) == 1
    [row] = await stage.rows(OutboxMessage)
    assert row.state == "sent"


async def test_nobody_is_ever_mentioned(stage: Stage) -> None:
    notice = Notice(title="@everyone <@&1>", text=f"hello @here {stage.ada.mention}", severity="bad")
    await post(stage, notice, "one")
    [message] = stage.war_room_posts()
    assert not message.mentions
    assert not message.mention_everyone
    assert "@everyone" not in str(message.embeds)


@pytest.mark.slow
async def test_removing_a_post_that_is_gone_is_done(stage: Stage) -> None:
    first = await post(stage, make_alert(stage), "one")
    [message] = stage.war_room_posts()
    delete_message(stage.server, message)
    removal = PostRemoval(outbox_id=first, channel_id=str(stage.war_room_channel.id), message_id=str(message.id))
    await post(stage, removal, "two")
    assert {row.state for row in await stage.rows(OutboxMessage)} == {"sent"}


@pytest.mark.slow
async def test_missing_permission_is_tried_again(stage: Stage) -> None:
    stage.server.faults.add("POST", "/channels/*/messages", faults.missing_permissions())
    await post(stage, make_alert(stage), "one")
    [row] = await stage.rows(OutboxMessage)
    assert row.state == "pending"
    stage.clock.advance(minutes=5)
    await stage.deliver()
    assert len(stage.war_room_posts()) == 1


async def note_about_direct_message(stage: Stage) -> Any:
    """Mia wrote something very negative to the bot; the note about it."""
    stage.server.dm(stage.mia, "This is the worst, most horrible and awful tool, I hate it!")
    while not await stage.rows(Feedback):
        await stage.settle()
    await stage.deliver()
    return next(message for message in stage.war_room_posts() if message.components)


async def test_operator_marks_a_note_as_seen(stage: Stage) -> None:
    note = await note_about_direct_message(stage)
    await stage.press(stage.ada, note, "Seen")
    seen = note.components[0]["components"][0]
    assert (seen["label"], seen["disabled"]) == ("Seen ✓", True)
    [feedback] = await stage.rows(Feedback)
    assert feedback.status == "seen"


@pytest.mark.parametrize("label", ["Seen", "Reply"])
async def test_viewer_and_cy_may_not_act_on_a_note(stage: Stage, label: str) -> None:
    note = await note_about_direct_message(stage)
    for user in (stage.bea, stage.cy):
        outcome = await stage.press(user, note, label)
        assert outcome.ephemeral
        assert outcome.content == "This command is for the team."
    [feedback] = await stage.rows(Feedback)
    assert feedback.status == "new"


@pytest.mark.slow
async def test_reply_reaches_the_author_across_a_restart(stage: Stage) -> None:
    note = await note_about_direct_message(stage)
    form = await stage.press(stage.ada, note, "Reply")
    await stage.restart_bot()
    outcome = await stage.submit(stage.ada, form, {"text": "Sorry! What went wrong? **Ada**"})
    assert "on its way" in outcome.content
    await stage.deliver()
    received = stage.messages_to(stage.mia)[-1]
    assert received.content.startswith("Sorry! What went wrong?")
    [feedback] = await stage.rows(Feedback)
    assert feedback.status == "answered"


async def test_author_of_a_form_in_the_direct_conversation_can_be_answered(stage: Stage) -> None:
    form = await stage.server.slash(stage.mia, "feedback send")
    await stage.submit(stage.mia, form, {"text": "This is the worst, most horrible and awful tool!"})
    await stage.deliver()
    [note] = stage.war_room_posts()
    reply = await stage.press(stage.ada, note, "Reply")
    await stage.submit(stage.ada, reply, {"text": "We are sorry."})
    await stage.deliver()
    assert stage.messages_to(stage.mia)[-1].content == "We are sorry."
    assert stage.server.dm_open_calls == []


async def test_note_opens_the_dashboard(stage: Stage) -> None:
    note = await note_about_direct_message(stage)
    links = [button["url"] for row in note.components for button in row["components"] if button.get("url")]
    [feedback] = await stage.rows(Feedback)
    assert len(links) == 1
    assert feedback.id in links[0]


def http_error(status: int, code: int) -> discord.HTTPException:
    class Response:
        reason = "scripted"

        def __init__(self) -> None:
            self.status = status

    kind = {403: discord.Forbidden, 404: discord.NotFound}.get(status, discord.HTTPException)
    return kind(Response(), {"code": code, "message": "scripted"})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "code", "opening", "meaning"),
    [
        (403, 50007, False, "dm_closed"),
        (403, 50278, True, "dm_closed"),
        (400, 40003, True, "dm_too_fast"),
        (403, 20026, True, "dm_too_fast"),
        (403, 0, True, "dm_too_fast"),
        (404, 10003, False, "channel_gone"),
        (400, 50035, False, "refused"),
    ],
)
def test_permanent_failures_have_a_code(status: int, code: int, opening: bool, meaning: str) -> None:
    failure = translate(http_error(status, code), opening_dm=opening)
    assert isinstance(failure, PermanentFailure)
    assert failure.code == meaning


@pytest.mark.parametrize(
    "error",
    [http_error(429, 0), http_error(500, 0), http_error(401, 0), http_error(403, 50013), discord.RateLimited(9)],
)
def test_passing_failures_are_tried_later(error: Exception) -> None:
    assert isinstance(translate(error), RetryLater)


def test_a_broken_line_is_doubt() -> None:
    error = aiohttp.ServerDisconnectedError()
    assert translate(error) is error
