"""What an erasure does to our own posts: notes, summaries, buttons and what waits to be sent."""

from shared.messages import DirectReply, Summary, parse_message
from shared.store.models import Feedback, OutboxMessage, OutboxState
from shared.store.outbox import enqueue
from tests.shared.ingest.erasing import dump, erase, feedback_of, live, mark_all, post_summary
from tests.shared.ingest.intake import Desk


async def test_a_note_that_waits_is_dropped(desk: Desk) -> None:
    person_id = await live(desk)
    assert len(await desk.notes()) == 2  # Bea pressed 1 as well
    erased = await erase(desk, person_id)
    assert (len(await desk.notes()), erased.posts) == (1, 0)


async def test_a_note_whose_try_failed_may_stand_there_and_is_edited(desk: Desk) -> None:
    person_id = await live(desk)
    await mark_all(desk, state="pending", attempts=1)
    assert (await erase(desk, person_id)).posts == 1
    assert "xylophone" not in await dump(desk)


async def test_a_posted_quote_is_edited_in_its_lane(desk: Desk) -> None:
    person_id = await live(desk)
    mine, other = await feedback_of(desk, person_id), None
    other = next(row for row in await desk.rows(Feedback) if row.person_id != person_id)
    await post_summary(desk, mine, other)
    await mark_all(desk, state="sent", sent_through="discord", channel_id="5", message_id="6")
    erased = await erase(desk, person_id)
    removals = [row for row in await desk.rows(OutboxMessage) if row.kind == "post_removal"]
    assert (erased.posts, {row.lane for row in removals}) == (2, {"war_room"})
    assert {row.payload["message_id"] for row in removals} == {"6"}
    summary = next(row for row in await desk.rows(OutboxMessage) if row.kind == "summary")
    message = parse_message(summary.payload)
    assert isinstance(message, Summary)
    assert [(quote.text, quote.removed) for quote in message.quotes] == [("", True), ("I love it", False)]
    assert message.words == [("docs", 2)]


async def test_a_post_that_is_being_sent_is_edited_after_it(desk: Desk) -> None:
    person_id = await live(desk)
    await mark_all(desk, state="claimed")
    assert (await erase(desk, person_id)).posts == 1
    (removal,) = [row for row in await desk.rows(OutboxMessage) if row.kind == "post_removal"]
    assert (removal.payload["channel_id"], removal.lane) == ("", "war_room")


async def test_what_stood_on_a_console_cannot_be_edited(desk: Desk) -> None:
    person_id = await live(desk)
    await mark_all(desk, state="sent", sent_through="console")
    assert (await erase(desk, person_id)).posts == 0
    assert "xylophone" not in await dump(desk)


async def test_queued_messages_to_the_person_go(desk: Desk) -> None:
    await desk.opt_in("ada")
    desk.later(days=7)
    await desk.send_due()
    identity = await desk.identity()
    reply = DirectReply(identity_id=identity.id, text="Thank you, Ada")
    await desk.run(enqueue, reply, destination="discord_dm", dedupe_key="reply", now=desk.clock.now())
    await erase(desk, identity.person_id)
    assert await desk.rows(OutboxMessage) == []


async def test_a_button_that_named_the_person_is_taken_out_of_the_channel(desk: Desk) -> None:
    await desk.opt_in("ada")
    identity = await desk.identity()
    fallback = OutboxMessage(
        kind="prompt_fallback",
        destination="discord_channel",
        lane="channel:7",
        dedupe_key="f",
        site="docs",
        person_id=identity.person_id,
        created_at=desk.clock.now(),
        next_try_at=desk.clock.now(),
        payload={},
        state=OutboxState.SENT.value,
        sent_through="discord",
        channel_id="7",
        message_id="8",
    )
    await desk.change(fallback)
    assert (await erase(desk, identity.person_id)).posts == 1
    assert [row.kind for row in await desk.rows(OutboxMessage)] == ["post_removal"]
