"""A mention is feedback, usage and exactly one reply, whatever is repeated, refused or cut."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import ManualClock
from shared.messages import parse_message
from shared.store.models import Feedback, OutboxMessage, Person, ReadMark, UsageDay
from shared.store.outbox import claim_due
from tests.bot.x_stage import XStage, open_x_stage
from tests.x_server.text import has_url


@pytest.fixture
async def stage(tmp_path: Path, database_url: str, clock: ManualClock) -> AsyncIterator[XStage]:
    async with open_x_stage(tmp_path / "data", database_url, clock) as opened:
        yield opened


async def replies(stage: XStage) -> list[OutboxMessage]:
    return [row for row in await stage.rows(OutboxMessage) if row.kind == "x_reply"]


async def test_a_mention_becomes_feedback_usage_and_one_reply(stage: XStage) -> None:
    mention = stage.server.mention(stage.ada, "I love the new quickstart")
    await stage.turn()
    (feedback,) = await stage.rows(Feedback)
    assert (feedback.text, feedback.source, feedback.sentiment) == ("I love the new quickstart", "x", "positive")
    (usage,) = await stage.rows(UsageDay)
    assert usage.person_id == feedback.person_id
    (reply,) = stage.server.replies_to(mention)
    assert reply.text.startswith("@ada Thank you")
    assert "START" in reply.text
    assert not has_url(reply.text)
    (row,) = await replies(stage)
    assert (row.state, row.message_id, row.dedupe_key) == ("sent", reply.id, f"x-reply:{mention}")
    assert stage.runtime.parts.all()["x"].state == "ok"


async def test_reading_again_changes_nothing(stage: XStage) -> None:
    mention = stage.server.mention(stage.ada, "The search is broken")
    await stage.turn()
    await forget_marks(stage)
    stage.connect()
    await stage.turn()
    await stage.turn()
    assert len(await stage.rows(Feedback)) == len(await replies(stage)) == 1
    assert len(stage.server.replies_to(mention)) == 1


async def forget_marks(stage: XStage) -> None:
    """As if the process had ended before it noted how far it came."""

    async def unit(session: AsyncSession) -> None:
        await session.execute(delete(ReadMark))

    await stage.runtime.store.writer.run(unit)


async def test_only_what_is_new_is_read(stage: XStage) -> None:
    first = stage.server.mention(stage.ada, "first")
    await stage.turn()
    second = stage.server.mention(stage.ada, "second")
    await stage.turn()
    await stage.turn()
    asked = [call.query.get("since_id") for call in stage.server.journal.calls if call.path.endswith("/mentions")]
    assert asked[-2:] == [first, second]
    assert [row.text for row in await stage.rows(Feedback)] == ["first", "second"]


async def test_every_reply_has_its_own_words(stage: XStage) -> None:
    bea = stage.server.add_user("bea")
    mentions = [stage.server.mention(user, "nice docs") for user in (stage.ada, bea, stage.ada, stage.ada)]
    await stage.turn()
    assert [len(stage.server.replies_to(mention)) for mention in mentions] == [1, 1, 1, 1]
    assert stage.server.journal.refusals == []


async def test_two_bots_that_thank_each_other_come_to_an_end(stage: XStage) -> None:
    for number in range(9):
        stage.server.mention(stage.ada, f"thank you too, number {number}")
    await stage.turn()
    assert len(stage.server.tweets()) == 5


async def test_a_mention_without_words_is_usage_only(stage: XStage) -> None:
    mention = stage.server.mention(stage.ada, "")
    await stage.turn()
    assert await stage.rows(Feedback) == []
    assert len(await stage.rows(UsageDay)) == len(stage.server.replies_to(mention)) == 1


async def test_a_passed_on_post_is_not_for_us(stage: XStage) -> None:
    stage.server.post(stage.ada, "RT @bea: @warroom_bot is great")
    await stage.turn()
    assert await stage.rows(Person) == [] == stage.server.tweets()


async def test_after_stop_there_is_no_reply(stage: XStage) -> None:
    stage.server.dm(stage.ada, "STOP")
    mention = stage.server.mention(stage.ada, "but the docs are still bad")
    await stage.turn()
    assert len(await stage.rows(Feedback)) == 1
    assert stage.server.replies_to(mention) == [] == stage.server.dms_to(stage.ada)


async def test_a_stop_in_a_mention_counts(stage: XStage) -> None:
    stage.server.mention(stage.ada, "Unsubscribe!")
    await stage.turn()
    (person,) = await stage.rows(Person)
    assert person.opted_out_at is not None
    assert await stage.rows(Feedback) == [] == stage.server.tweets()


async def test_a_stop_overtakes_a_reply_that_waits(stage: XStage) -> None:
    mention = stage.server.mention(stage.ada, "hello")
    stage.clock.advance(seconds=80)
    await stage.line.read_due()
    stage.server.dm(stage.ada, "stop please")
    stage.clock.advance(seconds=80)
    await stage.line.read_due()
    await stage.deliver()
    assert stage.server.replies_to(mention) == []
    assert [row.state for row in await replies(stage)] == ["skipped"]


async def test_old_mentions_are_feedback_but_get_no_reply(stage: XStage) -> None:
    await stage.turn()
    stage.server.mention(stage.ada, "first")
    await stage.turn()
    stage.server.mention(stage.ada, "written while we were away")
    stage.clock.advance(days=3)
    await stage.turn()
    assert len(await stage.rows(Feedback)) == 2
    assert len(stage.server.tweets()) == 1


async def test_what_is_older_than_the_first_look_is_left_alone(stage: XStage) -> None:
    stage.server.mention(stage.ada, "long ago")
    stage.clock.advance(days=2)
    await stage.turn()
    assert await stage.rows(Feedback) == []


async def test_a_crash_after_posting_does_not_post_twice(stage: XStage) -> None:
    mention = stage.server.mention(stage.ada, "hello")
    stage.clock.advance(seconds=80)
    await stage.line.read_due()
    stage.server.fail_next("POST", "/2/tweets", drop="after")
    await stage.deliver()
    assert [row.state for row in await replies(stage)] == ["pending"]
    await stage.turn()
    (row,) = await replies(stage)
    assert (row.state, row.message_id) == ("sent", stage.server.replies_to(mention)[0].id)
    assert stage.server.journal.count_calls("POST", "/2/tweets") == 1


async def test_a_process_that_died_after_posting_left_one_reply(stage: XStage) -> None:
    mention = stage.server.mention(stage.ada, "hello")
    stage.clock.advance(seconds=80)
    await stage.line.read_due()
    now, store = stage.clock.now(), stage.runtime.store
    (row,) = await store.writer.run(lambda session: claim_due(session, now, stage.epoch, 60, ["x_reply"]))
    await stage.line.channel.send(row, parse_message(row.payload))
    await stage.lead("second")
    stage.connect()
    await stage.turn()
    (row,) = await replies(stage)
    assert (row.state, row.message_id) == ("sent", stage.server.replies_to(mention)[0].id)
    assert stage.server.journal.count_calls("POST", "/2/tweets") == 1


async def test_duplicate_content_counts_as_delivered(stage: XStage) -> None:
    mention = stage.server.mention(stage.ada, "hello")
    stage.clock.advance(seconds=80)
    await stage.line.read_due()
    (row,) = await replies(stage)
    earlier = await stage.client.reply(row.payload["text"], mention)
    await stage.deliver()
    (row,) = await replies(stage)
    assert (row.state, row.message_id) == ("sent", earlier)


async def test_a_deleted_mention_is_let_go_without_noise(stage: XStage) -> None:
    mention = stage.server.mention(stage.ada, "oops")
    stage.clock.advance(seconds=80)
    await stage.line.read_due()
    stage.server.delete_tweet(mention)
    await stage.deliver()
    assert [(row.kind, row.state) for row in await stage.rows(OutboxMessage)] == [("x_reply", "skipped")]


async def test_a_limit_puts_the_reply_off_until_it_opens(stage: XStage) -> None:
    mention = stage.server.mention(stage.ada, "hello")
    stage.clock.advance(seconds=80)
    await stage.line.read_due()
    stage.server.use_up_limit("create tweet")
    await stage.deliver()
    (row,) = await replies(stage)
    assert row.state == "pending"
    assert row.next_try_at - stage.clock.now() > timedelta(minutes=14)
    stage.clock.advance(minutes=16)
    await stage.deliver()
    assert len(stage.server.replies_to(mention)) == 1
