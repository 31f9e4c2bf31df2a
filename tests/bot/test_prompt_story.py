"""From "Ask me in a week" to the stored words, by direct message, with closed messages, and across a restart."""

import asyncio

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.store.models import Feedback, Identity, Person, Prompt
from tests.bot.discord_stage import Stage
from tests.discord_server import Message, faults


async def opt_in(stage: Stage) -> None:
    standing = next(iter(stage.feedback_channel.messages.values()))
    outcome = await stage.press(stage.mia, standing, "Ask me in a week")
    assert outcome.ephemeral
    assert "around" in outcome.content


async def asked(stage: Stage) -> Message:
    """Mia opted in, a week passed, the question is in her messages."""
    await opt_in(stage)
    stage.clock.advance(days=7)
    assert await stage.enqueue_prompts() == 1
    await stage.deliver()
    return stage.messages_to(stage.mia)[-1]


async def test_opted_in_member_is_asked_after_a_week_and_answers(stage: Stage) -> None:
    question = await asked(stage)
    assert "Example Docs" in question.content
    outcome = await stage.press(stage.mia, question, "4")
    assert outcome.modal is not None
    await stage.submit(stage.mia, outcome, {"text": "Great docs, I love the clear examples!"})
    [feedback] = await stage.rows(Feedback)
    assert (feedback.score, feedback.scale_min, feedback.scale_max) == (4, 1, 5)
    assert feedback.text == "Great docs, I love the clear examples!"
    assert feedback.sentiment == "positive"
    [prompt] = await stage.rows(Prompt)
    assert prompt.state == "answered"
    assert prompt.asked_on == "discord_dm"
    assert question.content.startswith("Thank you!")
    assert not question.components


async def test_nobody_is_asked_before_the_week_is_over(stage: Stage) -> None:
    await opt_in(stage)
    stage.clock.advance(days=6)
    assert await stage.enqueue_prompts() == 0
    assert stage.messages_to(stage.mia) == []


async def test_score_is_stored_even_if_the_form_is_dismissed(stage: Stage) -> None:
    question = await asked(stage)
    await stage.press(stage.mia, question, "2")
    await stage.settle()
    [feedback] = await stage.rows(Feedback)
    assert (feedback.score, feedback.text) == (2, None)
    outcome = await stage.press(stage.mia, question, "Add words")
    await stage.submit(stage.mia, outcome, {"text": "The search is slow."})
    [feedback] = await stage.rows(Feedback)
    assert feedback.text == "The search is slow."


async def test_form_that_was_open_during_a_restart_still_works(stage: Stage) -> None:
    question = await asked(stage)
    outcome = await stage.press(stage.mia, question, "5")
    await stage.settle()
    await stage.restart_bot()
    answer = await stage.submit(stage.mia, outcome, {"text": "Still here after the restart."})
    assert answer.response is not None
    [feedback] = await stage.rows(Feedback)
    assert (feedback.score, feedback.text) == (5, "Still here after the restart.")


async def test_buttons_work_after_a_restart(stage: Stage) -> None:
    question = await asked(stage)
    await stage.restart_bot()
    outcome = await stage.press(stage.mia, question, "3")
    assert outcome.modal is not None


async def test_somebody_else_cannot_open_a_question(stage: Stage) -> None:
    stage.mia.dms_open = False
    await opt_in(stage)
    stage.clock.advance(days=7)
    await stage.enqueue_prompts()
    await stage.deliver()
    fallback = list(stage.feedback_channel.messages.values())[-1]
    leo = stage.server.add_member("leo", guild=stage.community)
    outcome = await stage.press(leo, fallback, "Answer")
    assert outcome.ephemeral
    assert "somebody else" in outcome.content


async def test_opting_in_again_after_the_question_does_not_promise_another(stage: Stage) -> None:
    await asked(stage)
    standing = next(iter(stage.feedback_channel.messages.values()))
    outcome = await stage.press(stage.mia, standing, "Ask me in a week")
    assert "only once" in outcome.content


@pytest.mark.slow
async def test_question_of_somebody_who_was_erased_has_ended(stage: Stage) -> None:
    question = await asked(stage)
    await stage.runtime.eraser.erase("discord", str(stage.mia.id), "self")
    outcome = await stage.press(stage.mia, question, "4")
    assert "has ended" in outcome.content
    assert await stage.rows(Feedback) == []


async def test_never_again_ends_all_questions(stage: Stage) -> None:
    question = await asked(stage)
    await stage.press(stage.mia, question, "Don't ask me again")
    assert "not ask you again" in question.content
    [person] = await stage.rows(Person)
    assert person.opted_out_at is not None


async def test_closed_messages_fall_back_to_a_button_in_the_feedback_channel(stage: Stage) -> None:
    stage.mia.dms_open = False
    await opt_in(stage)
    stage.clock.advance(days=7)
    await stage.enqueue_prompts()
    await stage.deliver()
    fallback = list(stage.feedback_channel.messages.values())[-1]
    assert fallback.mentions == [stage.mia]
    [identity] = await stage.rows(Identity)
    assert identity.dm_unreachable_at is not None
    shown = await stage.press(stage.mia, fallback, "Answer")
    assert shown.ephemeral
    form = await stage.press(stage.mia, shown, "1")
    await stage.submit(stage.mia, form, {"text": "Hard to find anything."})
    [feedback] = await stage.rows(Feedback)
    assert (feedback.score, feedback.text) == (1, "Hard to find anything.")


@pytest.mark.slow
async def test_the_button_that_mentions_somebody_waits_for_their_morning(stage: Stage) -> None:
    stage.mia.dms_open = False
    await opt_in(stage)
    stage.clock.advance(days=7)
    await stage.enqueue_prompts()
    stage.server.faults.add("POST", f"/channels/{stage.feedback_channel.id}/messages", faults.refused(403, 50013, "no"))
    await stage.deliver()
    stage.clock.advance(hours=9)  # the permission is given back when it is night for her
    await stage.deliver()
    assert len(stage.feedback_channel.messages) == 1
    stage.clock.advance(hours=12)
    await stage.deliver()
    assert len(stage.feedback_channel.messages) == 2


async def test_opening_messages_too_fast_pauses_all_openings(stage: Stage) -> None:
    await opt_in(stage)
    stage.clock.advance(days=7)
    stage.server.faults.add("POST", "/users/@me/channels", faults.opening_dms_too_fast())
    await stage.enqueue_prompts()
    await stage.deliver()
    assert stage.messages_to(stage.mia) == []
    assert any("direct" in str(post.embeds).lower() for post in stage.war_room_posts())
    assert await stage.enqueue_prompts() == 0
    stage.clock.advance(days=2)
    assert await stage.enqueue_prompts() == 1


async def test_lost_answer_of_discord_never_doubles_the_question(stage: Stage) -> None:
    await opt_in(stage)
    stage.clock.advance(days=7)
    stage.server.faults.add("POST", "/channels/*/messages", faults.dropped_after())
    await stage.enqueue_prompts()
    await stage.deliver()
    stage.clock.advance(minutes=10)
    await stage.deliver()
    assert len(stage.messages_to(stage.mia)) == 1
    [prompt] = await stage.rows(Prompt)
    assert prompt.state == "asked"


async def test_free_text_reply_answers_the_question_and_is_thanked_once(stage: Stage) -> None:
    await asked(stage)
    stage.server.dm(stage.mia, "Honestly, the install guide was confusing.")
    await stage.server.wait_for(lambda: True)
    while not await stage.rows(Feedback):
        await stage.settle()
    await stage.deliver()
    [prompt] = await stage.rows(Prompt)
    assert prompt.state == "answered"
    thanks = [m for m in stage.messages_to(stage.mia) if "reads every answer" in m.content]
    assert len(thanks) == 1


async def test_reply_written_while_the_bot_was_away_is_read_at_the_next_start(stage: Stage) -> None:
    await asked(stage)
    await stage.stop_bot()
    stage.server.dm(stage.mia, "I wrote this while you slept.")
    await stage.start_bot()
    [feedback] = await stage.rows(Feedback)
    assert feedback.text == "I wrote this while you slept."
    await stage.restart_bot()
    assert len(await stage.rows(Feedback)) == 1


async def test_messages_between_two_sessions_are_read(stage: Stage) -> None:
    await asked(stage)
    stage.server.gateway.is_silent = True
    stage.server.dm(stage.mia, "Said while the line was dead.")
    stage.server.gateway.is_silent = False
    stage.server.gateway.invalidate(resumable=False)
    async with asyncio.timeout(10):
        while not await stage.rows(Feedback):
            await asyncio.sleep(0.01)
    [feedback] = await stage.rows(Feedback)
    assert feedback.text == "Said while the line was dead."


async def doubtful(stage: Stage) -> None:
    """The question arrived, its answer was lost, and the next try is still to come."""
    await opt_in(stage)
    stage.clock.advance(days=7)
    stage.server.faults.add("POST", "/channels/*/messages", faults.dropped_after())
    await stage.enqueue_prompts()
    await stage.deliver()
    assert len(stage.messages_to(stage.mia)) == 1


async def test_question_taken_back_over_night_after_a_lost_answer_is_not_asked_twice(stage: Stage) -> None:
    await doubtful(stage)
    stage.clock.advance(hours=12)
    assert await stage.enqueue_prompts() == 0
    assert [prompt.state for prompt in await stage.rows(Prompt)] == ["waiting"]
    stage.clock.advance(hours=12)
    await stage.enqueue_prompts()
    await stage.deliver()
    assert len(stage.messages_to(stage.mia)) == 1
    assert [prompt.state for prompt in await stage.rows(Prompt)] == ["asked"]


async def test_question_answered_before_its_next_try_is_not_asked_twice(stage: Stage) -> None:
    await doubtful(stage)
    await stage.press(stage.mia, stage.messages_to(stage.mia)[0], "5")
    stage.clock.advance(minutes=1)
    await stage.deliver()
    assert len(stage.messages_to(stage.mia)) == 1
    assert [prompt.state for prompt in await stage.rows(Prompt)] == ["answered"]


async def test_who_opts_out_between_two_tries_is_not_written_to(stage: Stage) -> None:
    await opt_in(stage)
    stage.clock.advance(days=7)
    await stage.enqueue_prompts()
    opted_out = update(Person).values(opted_out_at=stage.clock.now())  # as it looks when the try was under way

    async def refuse(session: AsyncSession) -> None:
        await session.execute(opted_out)

    await stage.runtime.store.writer.run(refuse)
    await stage.deliver()
    assert stage.messages_to(stage.mia) == []
    assert len(stage.feedback_channel.messages) == 1
    assert [prompt.state for prompt in await stage.rows(Prompt)] == ["cancelled"]
