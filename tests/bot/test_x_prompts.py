"""START, seven days, one question, one answer; STOP ends it; nobody else is ever written to."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.x_inbox import normalise, read_score
from shared.clock import ManualClock
from shared.decide.inbox import reply
from shared.errors import Conflict
from shared.messages import DirectReply, PromptDirect
from shared.store.models import Feedback, Identity, OutboxMessage, Person, Prompt
from shared.store.outbox import enqueue
from tests.bot.x_stage import XStage, open_x_stage
from tests.x_server import User


@pytest.fixture
async def stage(tmp_path: Path, database_url: str, clock: ManualClock) -> AsyncIterator[XStage]:
    async with open_x_stage(tmp_path / "data", database_url, clock) as opened:
        yield opened


def texts_to(stage: XStage, user: User) -> list[str]:
    return [message.text for message in stage.server.dms_to(user)]


async def start_and_wait(stage: XStage) -> None:
    """Ada has said START, and a week has passed."""
    stage.server.dm(stage.ada, "START")
    await stage.turn()
    stage.clock.advance(days=7)
    await stage.turn()


async def ask(stage: XStage) -> None:
    await start_and_wait(stage)
    assert await stage.enqueue_prompts() == 1
    await stage.turn()


async def prompt_state(stage: XStage) -> str:
    (prompt,) = await stage.rows(Prompt)
    return prompt.state


async def test_start_is_welcomed_once_with_the_privacy_link(stage: XStage) -> None:
    stage.server.dm(stage.ada, " Start! ")
    await stage.turn()
    stage.server.dm(stage.ada, "start")
    await stage.turn()
    first, second = texts_to(stage, stage.ada)
    assert first.endswith("How we treat your data: https://warroom.example/privacy")
    assert second == stage.runtime.texts.say("en", "opt_in_already")
    (prompt,) = await stage.rows(Prompt)
    assert prompt.due_at - stage.clock.now() > timedelta(days=6, hours=23)
    (identity,) = await stage.rows(Identity)
    assert identity.dm_channel_id == stage.server.dms_to(stage.ada)[0].conversation_id
    assert identity.privacy_link_sent_at is not None


async def test_after_a_week_one_question_and_one_answer_with_score_and_words(stage: XStage) -> None:
    await ask(stage)
    assert texts_to(stage, stage.ada)[1].startswith("You have been with Example Docs for a week.")
    assert await prompt_state(stage) == "asked"
    stage.server.dm(stage.ada, "4 love it")
    await stage.turn()
    (feedback,) = await stage.rows(Feedback)
    (prompt,) = await stage.rows(Prompt)
    assert (feedback.score, feedback.scale_max, feedback.text) == (4, 5, "love it")
    assert (feedback.prompt_id, prompt.state, prompt.asked_on) == (prompt.id, "answered", "x_dm")
    assert texts_to(stage, stage.ada)[2] == stage.runtime.texts.say("en", "thanks")
    assert await stage.enqueue_prompts() == 0


async def test_words_that_follow_the_number_belong_to_it(stage: XStage) -> None:
    await ask(stage)
    stage.server.dm(stage.ada, "2")
    await stage.turn()
    stage.server.dm(stage.ada, "the search finds nothing")
    await stage.turn()
    (feedback,) = await stage.rows(Feedback)
    assert (feedback.score, feedback.text) == (2, "the search finds nothing")


async def test_an_answer_read_twice_is_one(stage: XStage) -> None:
    await ask(stage)
    answer = stage.server.dm(stage.ada, "5 great")
    await stage.turn()
    (message,) = [m for m in (await stage.client.messages(5)).entries if m.id == answer]
    await stage.line._inbox.take_message(message)
    await stage.deliver()
    assert len(await stage.rows(Feedback)) == 1
    assert len(texts_to(stage, stage.ada)) == 3


async def test_stop_cancels_at_once_what_is_queued(stage: XStage) -> None:
    await start_and_wait(stage)
    assert await stage.enqueue_prompts() == 1
    stage.server.dm(stage.ada, "Stop.")
    stage.clock.advance(seconds=80)
    await stage.line.read_due()
    assert await prompt_state(stage) == "cancelled"
    await stage.deliver()
    assert texts_to(stage, stage.ada)[1:] == [stage.runtime.texts.say("en", "x_stopped")]


async def test_a_second_stop_and_later_words_get_no_answer(stage: XStage) -> None:
    await start_and_wait(stage)
    for text in ("stop", "STOP", "and your docs are bad", "stop"):
        stage.server.dm(stage.ada, text)
        await stage.turn()
    assert len(texts_to(stage, stage.ada)) == 2
    assert [row.text for row in await stage.rows(Feedback)] == ["and your docs are bad"]


async def test_start_after_stop_begins_anew_without_the_link(stage: XStage) -> None:
    for text in ("START", "STOP", "START"):
        stage.server.dm(stage.ada, text)
        await stage.turn()
    (person,) = await stage.rows(Person)
    assert person.opted_in_at is not None
    assert person.opted_out_at is None
    assert [("https://" in text) for text in texts_to(stage, stage.ada)] == [True, False, False]
    assert await prompt_state(stage) == "waiting"


async def test_an_older_start_never_lifts_a_newer_stop(stage: XStage) -> None:
    stage.server.dm(stage.ada, "START")
    stage.clock.advance(seconds=5)
    stage.server.dm(stage.ada, "STOP")
    await stage.turn()
    hers = [message for message in (await stage.client.messages(5)).entries if message.sender_id == stage.ada.id]
    for message in hers:
        await stage.line._inbox.take_message(message)
    (person,) = await stage.rows(Person)
    assert person.opted_in_at is None


async def test_who_wrote_without_start_gets_no_message(stage: XStage) -> None:
    stage.server.dm(stage.ada, "your search is slow")
    stage.clock.advance(days=10)
    await stage.turn()
    stage.server.dm(stage.ada, "it is still slow")
    await stage.turn()
    await stage.enqueue_prompts()
    await stage.turn()
    assert texts_to(stage, stage.ada) == []
    assert [row.text for row in await stage.rows(Feedback)] == ["it is still slow"]


@pytest.mark.parametrize("kind", ["question", "reply"])
async def test_nobody_is_written_to_who_did_not_write_first(stage: XStage, kind: str) -> None:
    stage.server.mention(stage.ada, "hello")
    await stage.turn()
    (identity,) = await stage.rows(Identity)
    message = PromptDirect(prompt_id="p", identity_id=identity.id, site="docs")
    reply = DirectReply(identity_id=identity.id, text="Hello from the team")
    await stage.runtime.store.writer.run(
        lambda session: enqueue(
            session, reply, destination="x_dm", dedupe_key="forced", now=stage.clock.now(), person_id=identity.person_id
        )
    )
    if kind == "question":
        with pytest.raises(Exception, match="did not open a conversation"):
            await stage.line.channel.send((await stage.rows(OutboxMessage))[-1], message)
    await stage.turn()
    assert stage.server.dms_to(stage.ada) == []
    assert stage.server.journal.count_calls("POST", f"/2/dm_conversations/with/{stage.ada.id}/messages") == 0


async def test_the_team_answers_into_an_open_conversation(stage: XStage) -> None:
    stage.server.dm(stage.ada, "how do I install it?")
    await stage.turn()
    (identity,) = await stage.rows(Identity)
    answer = DirectReply(identity_id=identity.id, text="With pip.")
    await stage.runtime.store.writer.run(
        lambda session: enqueue(session, answer, destination="x_dm", dedupe_key="team", now=stage.clock.now())
    )
    stage.server.fail_next("POST", "/2/dm_conversations/*", drop="after")
    await stage.turn()
    await stage.turn()
    (text,) = texts_to(stage, stage.ada)
    assert text.startswith("With pip.\nHow we treat your data:")


@pytest.mark.slow
async def test_after_a_stop_the_team_is_told_that_nobody_can_be_answered(stage: XStage) -> None:
    stage.server.dm(stage.ada, "how do I install it?")
    await stage.turn()
    (feedback,) = await stage.rows(Feedback)
    stage.server.dm(stage.ada, "STOP")
    await stage.turn()
    with pytest.raises(Conflict, match="cannot be reached"):
        await stage.runtime.store.writer.run(
            lambda session: reply(session, feedback.id, "With pip.", "member:bea", stage.clock.now(), "once")
        )


async def test_a_question_that_may_have_arrived_is_never_sent_again(stage: XStage) -> None:
    await start_and_wait(stage)
    await stage.enqueue_prompts()
    stage.server.fail_next("POST", "/2/dm_conversations/*", drop="after")
    await stage.turn()
    assert await prompt_state(stage) == "uncertain"
    await stage.turn()
    assert len(texts_to(stage, stage.ada)) == 2
    stage.server.dm(stage.ada, "3")
    await stage.turn()
    assert await prompt_state(stage) == "answered"


async def test_somebody_who_blocked_us_is_not_tried_again(stage: XStage) -> None:
    await start_and_wait(stage)
    stage.server.block(stage.ada)
    await stage.enqueue_prompts()
    await stage.turn()
    (identity,) = await stage.rows(Identity)
    assert identity.dm_unreachable_at is not None
    assert await stage.enqueue_prompts() == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4 love it", (4, "love it")),
        ("4", (4, None)),
        ("5/5 perfect", (5, "perfect")),
        ("3 out of 5: ok", (3, "ok")),
        ("2️⃣ meh", (2, "meh")),
        ("4.5 stars", (None, "4.5 stars")),
        ("4/10", (None, "4/10")),
        ("4-5 times a day", (None, "4-5 times a day")),
        ("10", (None, "10")),
        ("love it", (None, "love it")),
    ],
)
def test_a_number_at_the_beginning_is_the_score(text: str, expected: tuple[int | None, str | None]) -> None:
    assert read_score(text) == expected


@pytest.mark.parametrize("text", ["stop", "STOP!", " Please stop. ", "stop now", "“Stop”"])
def test_stop_is_understood(text: str) -> None:
    assert normalise(text) == "stop"


def test_a_sentence_is_not_a_stop() -> None:
    assert normalise("The end of the page is broken") != "end"
