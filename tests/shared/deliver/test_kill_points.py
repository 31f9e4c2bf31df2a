"""The process dies at each point of a delivery; a new leader takes over (facts: the bar, 4a).

Prompts arrive at most once, alerts at least once, summaries once where the channel can be read.
"""

from datetime import timedelta

import pytest

from shared.messages import DirectReply, Notice, Summary, XReply, parse_message
from shared.store.models import OutboxState, PromptState
from shared.store.outbox import claim_due, enqueue
from tests.shared.deliver.journal_channel import JournalChannel, LookingChannel
from tests.shared.deliver.test_delivery_loop import make_alert

POINTS = ("before its cause is acknowledged", "before claim", "after claim", "after send before mark", "after mark")
KINDS = ("prompt_direct", "direct_reply", "alert", "notice", "summary", "x_reply")
LOOKED_UP = ("summary", "x_reply")  # before a repeat


async def put(delivery, kind: str) -> int:
    if kind == "prompt_direct":
        return await delivery.put_prompt()
    today = delivery.clock.now().date()
    message = {
        "alert": make_alert(delivery.clock.now()),
        "notice": Notice(title="Something", text="happened"),
        "direct_reply": DirectReply(identity_id="identity-ada", text="Thank you!"),
        "x_reply": XReply(in_reply_to="1", text="Thank you!"),
        "summary": Summary(
            site="docs",
            site_name="Docs",
            period="daily",
            start=today,
            end=today,
            zone="UTC",
            figures=[],
            categories={},
            words=[],
            quotes=[],
            asked={},
            open_alerts=[],
        ),
    }[kind]
    return await delivery.put(message)


async def repeat_cause(delivery, row_id: int) -> int | None:
    """Who caused the message heard nothing and does it again; the number of a second message."""
    row = await delivery.row(row_id)
    said, values = parse_message(row.payload), {"destination": row.destination, "dedupe_key": row.dedupe_key}
    return await delivery.store.writer.run(lambda session: enqueue(session, said, now=delivery.clock.now(), **values))


async def die_at(point: str, delivery, channel) -> None:
    """A first leader gets as far as `point` and is gone."""
    loop = await delivery.lead(channel)
    if point == "after mark":
        await loop.run_once()
        return
    if point in ("before its cause is acknowledged", "before claim"):
        return
    now, epoch = delivery.clock.now(), delivery.epoch
    rows = await delivery.store.writer.run(
        lambda session: claim_due(session, now, epoch, 60, sorted(channel.destinations))
    )
    if point == "after send before mark":
        for row in rows:
            await channel.send(row, None)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_kill_keeps_the_promise_of_the_kind(delivery, kind, point):
    channel = LookingChannel()
    row_id = await put(delivery, kind)
    await die_at(point, delivery, channel)
    if point == "before its cause is acknowledged":
        assert await repeat_cause(delivery, row_id) is None
    heir = await delivery.lead(channel)
    for _ in range(3):
        await heir.run_once()
        delivery.clock.advance(minutes=10)
    state, arrived = (await delivery.row(row_id)).state, len(channel.arrived)
    if kind == "prompt_direct":
        lost = point in ("after claim", "after send before mark")
        assert arrived == (0 if point == "after claim" else 1)
        assert state == (OutboxState.UNCERTAIN if lost else OutboxState.SENT)
        assert (await delivery.prompt()).state == (PromptState.UNCERTAIN if lost else PromptState.ASKED)
    else:
        repeated = kind not in LOOKED_UP and point == "after send before mark"
        assert (state, arrived) == (OutboxState.SENT, 2 if repeated else 1)


async def test_a_repeat_carries_the_same_nonce(delivery):
    channel = JournalChannel()
    await put(delivery, "alert")
    await die_at("after send before mark", delivery, channel)
    await (await delivery.lead(channel)).run_once()
    assert len({nonce for _, _, nonce in channel.arrived}) == 1


async def test_a_claim_that_was_never_settled_is_found_without_a_new_leader(delivery):
    channel = JournalChannel()
    loop = await delivery.lead(channel)
    await loop.run_once()
    await put(delivery, "alert")
    now, epoch = delivery.clock.now(), delivery.epoch
    await delivery.store.writer.run(lambda session: claim_due(session, now, epoch, 60, ["war_room"]))
    assert await loop.run_once() == 0
    delivery.clock.advance(minutes=2)
    assert await loop.run_once() == 1


async def test_a_late_mark_of_the_dead_leader_changes_nothing(delivery):
    channel = JournalChannel()
    row_id = await put(delivery, "alert")
    loop = await delivery.lead(channel)
    now, epoch = delivery.clock.now(), delivery.epoch
    (row,) = await delivery.store.writer.run(lambda session: claim_due(session, now, epoch, 60, ["war_room"]))
    heir = await delivery.lead(channel)
    await heir.run_once()
    sent_at = (await delivery.row(row_id)).sent_at
    delivery.clock.advance(minutes=1)
    await loop._deliver(row)
    assert (await delivery.row(row_id)).sent_at == sent_at
    assert sent_at + timedelta(minutes=1) == delivery.clock.now()
