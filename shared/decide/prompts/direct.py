"""Asks by direct message: hands due prompts of people who opted in to the outbox, within the platform's caps.

A prompt that could not be sent in time (the platform was down, night has come, opening is paused) is taken back
and waits again; one that may have arrived is never sent again.
"""

from datetime import datetime, timedelta

from sqlalchemy import and_, delete, func, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.config import PromptSettings, Settings
from shared.decide.prompts.dm_pause import dm_opening_is_paused
from shared.decide.prompts.rules import Way
from shared.decide.prompts.waiting import Waiting, end_if_over, judge, move, prompts_with_people
from shared.messages import PromptDirect
from shared.store.models import Identity, OutboxMessage, OutboxState, Person, Platform, Prompt, PromptState
from shared.store.outbox import UNFINISHED, enqueue

KIND = "prompt_direct"
PAGE = 200
WAYS: dict[str, Way] = {Platform.DISCORD.value: "discord_dm", Platform.X.value: "x_dm"}


async def enqueue_due_prompts(session: AsyncSession, settings: Settings, now: datetime, limit: int) -> int:
    """Claims up to `limit` due prompts and enqueues their direct messages; how many."""
    await _take_back_untimely(session, settings, now)
    may_open = await _openings_left(session, settings.prompts, now)
    enqueued, after = 0, ""
    while enqueued < limit:
        page = await _due_page(session, now, after)
        for waiting, identity in page:
            opens = identity.dm_channel_id is None
            if enqueued == limit or (opens and not may_open):
                continue
            if await _enqueue_if_due(session, settings, waiting, identity, now):
                enqueued += 1
                may_open -= opens
        if len(page) < PAGE:
            break
        after = page[-1][0].prompt.id
    return enqueued


async def _due_page(session: AsyncSession, now: datetime, after: str) -> list[tuple[Waiting, Identity]]:
    """People who opted in, can be reached and have a due prompt; ids grow with time, so the oldest come first."""
    is_home = or_(col(Prompt.identity_id).is_(None), col(Prompt.identity_id) == col(Identity.id))
    query = (
        prompts_with_people()
        .add_columns(Identity)
        .join(Identity, and_(col(Identity.person_id) == col(Person.id), is_home))
        .where(
            col(Prompt.state) == PromptState.WAITING.value,
            col(Prompt.due_at) <= now,
            col(Prompt.id) > after,
            col(Person.opted_in_at).is_not(None),
            col(Person.opted_out_at).is_(None),
            col(Identity.dm_unreachable_at).is_(None),
            or_(
                col(Identity.platform) == Platform.DISCORD.value,
                and_(col(Identity.platform) == Platform.X.value, col(Identity.dm_channel_id).is_not(None)),
            ),
        )
        .order_by(col(Prompt.id))
        .limit(PAGE)
    )
    return [(Waiting(*row[:3]), row[3]) for row in (await session.execute(query)).all()]


async def _enqueue_if_due(
    session: AsyncSession, settings: Settings, waiting: Waiting, identity: Identity, now: datetime
) -> bool:
    prompt, way = waiting.prompt, WAYS[identity.platform]
    verdict = judge(settings, waiting, way, now)
    await end_if_over(session, prompt.id, verdict, now)
    if verdict.decision != "ask":
        return False
    claimed = {"state": PromptState.CLAIMED.value, "identity_id": identity.id}
    if not await move(session, prompt.id, [PromptState.WAITING], **claimed):
        return False
    message = PromptDirect(
        prompt_id=prompt.id,
        identity_id=identity.id,
        site=prompt.site,
        language=identity.language or waiting.person.language,
        opens_conversation=identity.dm_channel_id is None,
    )
    outbox_id = await enqueue(
        session,
        message,
        destination=way,
        dedupe_key=f"prompt:{prompt.id}",
        now=now,
        lane=f"dm:{identity.id}",
        person_id=waiting.person.id,
    )
    if outbox_id is None:  # it was in the outbox before and may have been sent
        await move(session, prompt.id, [PromptState.CLAIMED], state=PromptState.UNCERTAIN.value, ended_at=now)
        return False
    return await move(session, prompt.id, [PromptState.CLAIMED], outbox_id=outbox_id)


async def _openings_left(session: AsyncSession, rules: PromptSettings, now: datetime) -> int:
    """How many new Discord conversations may be opened now: by the minute, by the day, none during a pause.

    What still waits counts too: after an outage the questions must not leave all at once. So does one that was
    refused after it was tried, because the conversation was opened for it.
    """
    if await dm_opening_is_paused(session, now):
        return 0
    opened = select(func.count()).select_from(OutboxMessage)
    opened = opened.where(
        OutboxMessage.kind == KIND,
        OutboxMessage.destination == "discord_dm",
        col(OutboxMessage.payload)["opens_conversation"].as_boolean(),
        or_(col(OutboxMessage.state) != OutboxState.SKIPPED.value, col(OutboxMessage.attempts) > 0),
    )

    async def left(cap: int, window: timedelta) -> int:
        since = now - window
        is_recent = or_(col(OutboxMessage.created_at) > since, col(OutboxMessage.sent_at) > since)
        used = opened.where(or_(is_recent, col(OutboxMessage.state).in_(UNFINISHED)))
        return max(0, cap - int((await session.execute(used)).scalar_one()))

    in_minute = await left(rules.dm_opens_per_minute, timedelta(minutes=1))
    return min(in_minute, await left(rules.dm_opens_per_day, timedelta(days=1)))


async def _take_back_untimely(session: AsyncSession, settings: Settings, now: datetime) -> None:
    """Questions that still wait in the outbox but may not be asked any more go back to waiting."""
    query = prompts_with_people().add_columns(Identity)
    query = query.join(OutboxMessage, col(OutboxMessage.id) == col(Prompt.outbox_id))
    query = query.join(Identity, col(Identity.id) == col(Prompt.identity_id))
    query = query.where(
        col(Prompt.state) == PromptState.CLAIMED.value,
        col(OutboxMessage.kind) == KIND,
        col(OutboxMessage.state) == OutboxState.PENDING.value,
    )
    for prompt, person, last_other, identity in (await session.execute(query)).all():
        verdict = judge(settings, Waiting(prompt, person, last_other), WAYS[identity.platform], now)
        if verdict.decision != "ask":
            await put_back(session, prompt.id, prompt.outbox_id)


async def put_back(session: AsyncSession, prompt_id: str, outbox_id: int | None, *, claimed: bool = False) -> bool:
    """A question that surely was not sent waits again; `claimed`: also one that the caller itself is sending."""
    states = [OutboxState.PENDING.value, *([OutboxState.CLAIMED.value] if claimed else [])]
    gone = delete(OutboxMessage).where(col(OutboxMessage.id) == outbox_id, col(OutboxMessage.state).in_(states))
    removed = await session.execute(gone.execution_options(synchronize_session=False))
    if not removed.rowcount:  # type: ignore[attr-defined]
        return False
    return await move(session, prompt_id, [PromptState.CLAIMED], state=PromptState.WAITING.value, outbox_id=None)
