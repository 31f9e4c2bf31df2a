"""Delivery: order, pace, retries, dead letters, and what becomes of prompts."""

import asyncio

import pytest

from shared.deliver.channel import DM_CLOSED, DM_TOO_FAST, ChannelDirectory, PermanentFailure, RetryLater
from shared.deliver.delivery_loop import DeliveryLoop
from shared.messages import AlertPost, Figure, XReply
from shared.store.models import OutboxState, PromptState
from tests.shared.deliver.journal_channel import JournalChannel


async def test_a_message_is_sent_and_marked(delivery):
    channel = JournalChannel()
    loop = await delivery.lead(channel)
    row_id = await delivery.put()
    assert await loop.run_once() == 1
    row = await delivery.row(row_id)
    assert (row.state, row.sent_through, row.message_id) == ("sent", "journal", f"message-{row_id}")
    assert row.sent_at == delivery.clock.now()
    assert await loop.run_once() == 0


async def test_messages_of_a_lane_go_one_by_one_in_order(delivery):
    channel = JournalChannel()
    loop = await delivery.lead(channel, channel_pace_seconds=0)
    ids = [await delivery.put() for _ in range(5)]
    for _ in ids:
        await loop.run_once()
    assert channel.rows("war_room") == ids
    assert channel.most_at_once["war_room"] == 1


async def test_a_lane_keeps_its_pace_and_others_do_not_wait(delivery):
    channel = JournalChannel()
    loop = await delivery.lead(channel, channel_pace_seconds=1.0)
    for lane in ("war_room", "war_room", "channel:1"):
        await delivery.put(lane=lane)
    await loop.run_once()
    assert sorted(channel.lanes()) == ["channel:1", "war_room"]
    assert await loop.run_once() == 0
    delivery.clock.advance(seconds=1)
    assert await loop.run_once() == 1


async def test_a_failed_message_waits_longer_each_time_and_keeps_its_place(delivery):
    channel = JournalChannel()
    channel.before["war_room"].extend([RetryLater("down")] * 3)
    loop = await delivery.lead(channel, retry_seconds=5)
    first, second = await delivery.put(), await delivery.put()
    waits = []
    for _ in range(3):
        await loop.run_once()
        row = await delivery.row(first)
        waits.append((row.next_try_at - delivery.clock.now()).total_seconds())
        assert await loop.run_once() == 0
        delivery.clock.advance(seconds=waits[-1])
    assert waits == [5, 10, 20]
    await loop.run_once()
    delivery.clock.advance(seconds=1)
    await loop.run_once()
    assert channel.rows("war_room") == [first, second]


async def test_the_platform_names_the_pause(delivery):
    channel = JournalChannel()
    channel.before["war_room"].append(RetryLater("limited", 77.5))
    loop = await delivery.lead(channel)
    row = await delivery.row(await delivery.put())
    await loop.run_once()
    row = await delivery.row(row.id)
    assert (row.next_try_at - delivery.clock.now()).total_seconds() == 77.5
    assert row.last_error == "limited"


async def test_a_poison_message_is_parked_and_lets_the_others_pass(delivery):
    channel = JournalChannel()
    loop = await delivery.lead(channel, attempts=3)
    poison, healthy = await delivery.put(), await delivery.put()
    channel.before["war_room"].extend([RetryLater("always 500")] * 3)
    for _ in range(3):
        await loop.run_once()
        delivery.clock.advance(seconds=30)
    await loop.run_once()
    assert channel.rows("war_room")[0] in (poison, healthy)
    channel.before["war_room"].clear()
    delivery.clock.advance(seconds=600)
    await loop.run_once()
    assert set(channel.rows("war_room")) == {poison, healthy}


async def test_a_poison_lane_never_holds_up_another(delivery):
    channel = JournalChannel()
    channel.before["channel:1"].extend([RetryLater("always 500")] * 50)
    loop = await delivery.lead(channel, channel_pace_seconds=0)
    await delivery.put(lane="channel:1")
    ids = [await delivery.put(lane="channel:2") for _ in range(3)]
    for _ in ids:
        await loop.run_once()
    assert channel.rows("channel:2") == ids


async def test_a_message_given_up_is_a_dead_letter_and_the_team_hears_of_it(delivery):
    channel = JournalChannel()
    channel.before["channel:1"].extend([RetryLater("always 500")] * 50)
    loop = await delivery.lead(channel, attempts=2, give_up_hours=1)
    row_id = await delivery.put(lane="channel:1", destination="discord_channel")
    for _ in range(3):
        await loop.run_once()
        delivery.clock.advance(minutes=31)
    row = await delivery.row(row_id)
    assert (row.state, row.last_error) == (OutboxState.DEAD, "always 500")
    (notice,) = await delivery.rows(dedupe_key=f"dead:{row_id}")
    assert "given up after 3 tries: always 500" in notice.payload["text"]


async def test_a_refused_message_is_dead_at_once(delivery):
    channel = JournalChannel()
    channel.before["war_room"].append(PermanentFailure("no such channel", "channel_gone"))
    loop = await delivery.lead(channel)
    row_id = await delivery.put()
    await loop.run_once()
    assert (await delivery.row(row_id)).state == OutboxState.DEAD
    assert len(await delivery.rows()) == 1  # no notice into the very channel that failed


async def test_a_message_that_cannot_be_read_is_dead(delivery, store):
    from sqlalchemy import update

    from shared.store.models import OutboxMessage

    loop = await delivery.lead(JournalChannel())
    row_id = await delivery.put()
    await store.writer.run(lambda session: session.execute(update(OutboxMessage).values(payload={"kind": "notice"})))
    await loop.run_once()
    row = await delivery.row(row_id)
    assert (row.state, row.last_error) == (OutboxState.DEAD, "the stored message cannot be read")


async def test_nothing_is_claimed_without_a_channel_for_it(delivery):
    loop = await delivery.lead(JournalChannel("war_room"))
    row_id = await delivery.put(destination="x_dm", lane="dm:1")
    assert await loop.run_once() == 0
    assert (await delivery.row(row_id)).attempts == 0


async def test_a_reply_on_x_goes_stale(delivery):
    channel = JournalChannel("x_reply")
    loop = await delivery.lead(channel)
    row_id = await delivery.put(XReply(in_reply_to="1", text="Thanks"), destination="x_reply")
    delivery.clock.advance(hours=25)
    await loop.run_once()
    assert (await delivery.row(row_id)).state == OutboxState.SKIPPED
    assert channel.tries == []


async def test_a_deposed_leader_claims_nothing(delivery):
    channel = JournalChannel()
    old = await delivery.lead(channel)
    await delivery.put()
    new = await delivery.lead(channel)
    assert await old.run_once() == 0
    assert await new.run_once() == 1


async def test_who_is_not_leader_does_nothing(delivery, settings, clock, store):
    await delivery.lead(JournalChannel())
    directory = ChannelDirectory()
    directory.attach(JournalChannel())
    await delivery.put()
    standby = DeliveryLoop(settings, clock, store, directory, lambda: delivery.epoch, lambda: False)
    assert await standby.run_once() == 0


async def test_an_asked_prompt_is_marked_with_its_message(delivery):
    loop = await delivery.lead(JournalChannel())
    row_id = await delivery.put_prompt()
    await loop.run_once()
    prompt = await delivery.prompt()
    assert (prompt.state, prompt.asked_on, prompt.message_id) == ("asked", "discord_dm", f"message-{row_id}")


async def test_a_doubtful_prompt_is_uncertain_and_never_repeated(delivery):
    channel = JournalChannel()
    channel.after["dm:identity-ada"].append(ConnectionResetError("gone"))
    loop = await delivery.lead(channel)
    row_id = await delivery.put_prompt()
    await loop.run_once()
    delivery.clock.advance(days=2)
    await loop.run_once()
    assert len(channel.arrived) == 1
    assert (await delivery.row(row_id)).state == OutboxState.UNCERTAIN
    assert (await delivery.prompt()).state == PromptState.UNCERTAIN


async def test_a_prompt_that_surely_did_not_arrive_is_tried_again(delivery):
    channel = JournalChannel()
    channel.before["dm:identity-ada"].append(RetryLater("down"))
    loop = await delivery.lead(channel)
    await delivery.put_prompt()
    await loop.run_once()
    delivery.clock.advance(seconds=5)
    await loop.run_once()
    assert len(channel.arrived) == 1
    assert (await delivery.prompt()).state == PromptState.ASKED


async def test_closed_direct_messages_put_the_question_back_for_another_way(delivery):
    channel = JournalChannel()
    channel.before["dm:identity-ada"].append(PermanentFailure("direct messages are closed", DM_CLOSED))
    loop = await delivery.lead(channel)
    row_id = await delivery.put_prompt()
    await loop.run_once()
    assert (await delivery.row(row_id)).state == OutboxState.SKIPPED
    assert (await delivery.prompt()).state == PromptState.WAITING


async def test_opening_too_fast_pauses_all_openings_and_tells_the_team(delivery):
    channel = JournalChannel("discord_dm")
    channel.before["dm:identity-ada"].append(PermanentFailure("too fast (40003)", DM_TOO_FAST))
    loop = await delivery.lead(channel)
    await delivery.put_prompt("ada")
    delivery.clock.advance(seconds=1)
    await loop.run_once()
    assert (await delivery.prompt("ada")).state == PromptState.WAITING
    (notice,) = await delivery.rows(kind="notice")
    assert notice.payload["severity"] == "bad"


async def test_an_alert_without_a_clear_answer_is_sent_again_with_the_same_nonce(delivery):
    channel = JournalChannel()
    channel.after["war_room"].append(ConnectionResetError("gone"))
    loop = await delivery.lead(channel)
    row_id = await delivery.put(make_alert(delivery.clock.now()))
    await loop.run_once()
    delivery.clock.advance(seconds=5)
    await loop.run_once()
    assert [(row, nonce) for _, row, nonce in channel.arrived] == [(row_id, channel.arrived[0][2])] * 2
    assert (await delivery.row(row_id)).state == OutboxState.SENT


async def test_a_hanging_channel_is_left_and_others_go_on(delivery):
    channel = JournalChannel()
    channel.hanging.add("channel:1")
    loop = await delivery.lead(channel, send_timeout_seconds=0.3, channel_pace_seconds=0)
    hanging = await delivery.put(lane="channel:1")
    await delivery.put(lane="war_room")
    await loop.run_once()
    assert channel.lanes().count("war_room") == 1
    assert (await delivery.row(hanging)).last_error == "no answer within 0 s"


async def test_run_wakes_when_something_is_written_and_finishes_on_stop(delivery):
    channel = JournalChannel()
    loop = await delivery.lead(channel, channel_pace_seconds=0)
    task = asyncio.create_task(loop.run())
    ids = [await delivery.put() for _ in range(3)]
    while len(channel.arrived) < len(ids):
        await asyncio.sleep(0.005)
    await loop.stop()
    await task
    assert channel.rows("war_room") == ids
    assert [(await delivery.row(row_id)).state for row_id in ids] == ["sent"] * 3


async def test_run_wakes_when_a_channel_is_connected(delivery, settings, clock, store):
    await delivery.lead()
    directory = ChannelDirectory()
    loop = DeliveryLoop(settings, clock, store, directory, lambda: delivery.epoch, lambda: True)
    await delivery.put()
    task = asyncio.create_task(loop.run())
    await asyncio.sleep(0)
    channel = JournalChannel()
    directory.attach(channel)
    while not channel.arrived:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def make_alert(now) -> AlertPost:
    figure = Figure(kpi="page_views", title="Page views", unit="count", direction="up", value=3, count=3)
    return AlertPost(
        phase="fired",
        alert_id="alert-1",
        site="docs",
        rule="page-views-drop",
        severity="P2",
        figure=figure,
        compare="drop",
        threshold=0.5,
        expected=300,
        window_hours=24,
        fired_at=now,
        definition="Pages shown.",
    )
