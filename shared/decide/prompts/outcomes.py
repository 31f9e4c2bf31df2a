"""What became of a question: asked, uncertain, answered, dismissed, refused by the platform, lapsed.

Each change is a compare-and-set, so a repeat or a late report changes nothing.
"""

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import CursorResult, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.config import CommunitySettings, PromptSettings, Settings
from shared.decide.prompts.direct import KIND, put_back
from shared.decide.prompts.dm_pause import dm_opening_is_paused, set_pause
from shared.decide.prompts.opt_out import cancel_prompts
from shared.decide.prompts.waiting import move
from shared.errors import NotFound
from shared.messages import WAR_ROOM, Notice, PromptFallback
from shared.store.models import Identity, OutboxMessage, OutboxState, Person, Platform, Prompt, PromptState
from shared.store.outbox import enqueue

REACHED = (PromptState.ASKED, PromptState.UNCERTAIN, PromptState.CLAIMED)
ERROR_CHARACTERS = 200


async def mark_asked(
    session: AsyncSession, prompt_id: str, how: str, channel_id: str | None, message_id: str | None, now: datetime
) -> bool:
    """The question has reached the person. `how`: discord_dm, discord_channel, x_dm …"""
    values = {"asked_at": now, "asked_on": how, "channel_id": channel_id, "message_id": message_id}
    before = [PromptState.CLAIMED, PromptState.UNCERTAIN]
    if not await move(session, prompt_id, before, state=PromptState.ASKED.value, ended_at=None, **values):
        return False
    prompt = await get_prompt(session, prompt_id)
    asked = update(Person).where(col(Person.id) == prompt.person_id).values(last_prompted_at=now)
    await session.execute(asked.execution_options(synchronize_session=False))
    if how.endswith("_dm") and channel_id:
        known = update(Identity).where(col(Identity.id) == prompt.identity_id, col(Identity.dm_channel_id).is_(None))
        await session.execute(known.values(dm_channel_id=channel_id).execution_options(synchronize_session=False))
    return True


async def mark_uncertain(session: AsyncSession, prompt_id: str, error: str, now: datetime) -> bool:
    """It may or may not have arrived: never sent again, and counted as asked for the pause."""
    values = {"asked_at": now, "ended_at": now, "last_error": error[:ERROR_CHARACTERS]}
    return await move(session, prompt_id, [PromptState.CLAIMED], state=PromptState.UNCERTAIN.value, **values)


async def withdraw(session: AsyncSession, prompt_id: str, reason: str, now: datetime) -> bool:
    """Its person refused or went while it was being sent: not sent, and not sent any other way."""
    values = {"ended_at": now, "last_error": reason[:ERROR_CHARACTERS], "outbox_id": None}
    return await move(session, prompt_id, [PromptState.CLAIMED], state=PromptState.CANCELLED.value, **values)


async def fall_back_from_dm(
    session: AsyncSession, settings: Settings, prompt_id: str, reason: str, now: datetime
) -> bool:
    """Direct messages are closed: a button in the community's feedback channel, else the next own command."""
    prompt = await _find(session, prompt_id)
    if prompt is None or prompt.state != PromptState.CLAIMED.value:
        return False
    identity = (await session.execute(select(Identity).where(Identity.id == prompt.identity_id))).scalar_one()
    identity.dm_unreachable_at, identity.dm_unreachable_reason = now, reason[:ERROR_CHARACTERS]
    await session.flush()
    community = _home_community(settings, prompt, identity)
    if community is None:
        values = {"state": PromptState.WAITING.value, "last_error": reason[:ERROR_CHARACTERS]}
        return await move(session, prompt_id, [PromptState.CLAIMED], **values)
    return await _enqueue_fallback(session, prompt, identity, community, now)


def _home_community(settings: Settings, prompt: Prompt, identity: Identity) -> CommunitySettings | None:
    """The community where the person was seen; with only one community on the site it must be that one."""
    if identity.platform != Platform.DISCORD.value:
        return None
    known = [community for community in settings.discord.communities if community.site == prompt.site]
    if identity.guild_id is not None:
        known = [community for community in known if str(community.guild) == identity.guild_id]
    return known[0] if len(known) == 1 and known[0].feedback_channel else None


async def _enqueue_fallback(
    session: AsyncSession, prompt: Prompt, identity: Identity, community: CommunitySettings, now: datetime
) -> bool:
    channel_id = str(community.feedback_channel)
    message = PromptFallback(
        prompt_id=prompt.id,
        identity_id=identity.id,
        site=prompt.site,
        guild_id=str(community.guild),
        channel_id=channel_id,
        language=identity.language,
    )
    outbox_id = await enqueue(
        session,
        message,
        destination="discord_channel",
        dedupe_key=f"prompt-fallback:{prompt.id}",
        now=now,
        lane=f"channel:{channel_id}",
        person_id=prompt.person_id,
    )
    if outbox_id is None:
        return False
    return await move(session, prompt.id, [PromptState.CLAIMED], outbox_id=outbox_id)


async def pause_dm_opening(
    session: AsyncSession, settings: Settings, now: datetime, reason: str, prompt_id: str | None = None
) -> None:
    """The platform said "too fast": no new conversation for a day, and the team hears of it once.

    `prompt_id` is the question that was refused: it surely was not sent and waits again.
    """
    already = await dm_opening_is_paused(session, now)
    until = now + timedelta(hours=settings.prompts.dm_pause_hours)
    await set_pause(session, until, reason[:ERROR_CHARACTERS], now)
    refused = await _find(session, prompt_id) if prompt_id is not None else None
    if prompt_id is not None and refused is not None:
        await put_back(session, prompt_id, refused.outbox_id, claimed=True)
    await _take_back_openings(session)
    if not already:
        text = (
            f"Discord refused to open a direct message ({reason[:ERROR_CHARACTERS]}). No new conversation is opened "
            f"before {until:%Y-%m-%d %H:%M} UTC; due questions wait until then."
        )
        notice = Notice(title="Direct messages are paused", text=text, severity="bad")
        dedupe_key = f"dm-pause:{now.isoformat()}"
        await enqueue(session, notice, destination=WAR_ROOM, dedupe_key=dedupe_key, now=now)


async def _take_back_openings(session: AsyncSession) -> None:
    query = select(Prompt.id, Prompt.outbox_id).join(OutboxMessage, col(OutboxMessage.id) == col(Prompt.outbox_id))
    query = query.where(
        Prompt.state == PromptState.CLAIMED.value,
        OutboxMessage.kind == KIND,
        OutboxMessage.state == OutboxState.PENDING.value,
        col(OutboxMessage.payload)["opens_conversation"].as_boolean(),
    )
    for prompt_id, outbox_id in (await session.execute(query)).all():
        await put_back(session, prompt_id, outbox_id)


async def note_answer(session: AsyncSession, prompt_id: str, now: datetime) -> bool:
    """The person has answered, however the question looked from here."""
    before = [*REACHED, PromptState.DISMISSED, PromptState.LAPSED, PromptState.WAITING]
    values = {"state": PromptState.ANSWERED.value, "answered_at": now, "ended_at": now}
    return await move(session, prompt_id, before, **values)


async def dismiss(
    session: AsyncSession, settings: Settings, prompt_id: str, how: Literal["later", "never"], now: datetime
) -> bool:
    """ "Not now" waits and asks once more on the docs page; "never" and the last "not now" end it."""
    prompt = await get_prompt(session, prompt_id)
    person = (await session.execute(select(Person).where(Person.id == prompt.person_id))).scalar_one()
    rules = settings.prompts
    asks_again = how == "later" and prompt.asked_on == "web" and person.dismissals + 1 < rules.dismissals
    until = now + timedelta(days=rules.snooze_days)
    values: dict[str, object] = {"state": PromptState.DISMISSED.value, "ended_at": now}
    if asks_again:
        values = {"state": PromptState.WAITING.value, "due_at": until}
    if not await move(session, prompt_id, REACHED, **values):
        return False
    await session.execute(
        update(Person)
        .where(col(Person.id) == person.id)
        .values(dismissals=Person.dismissals + 1, snoozed_until=until)
        .execution_options(synchronize_session=False)
    )
    if how == "never":
        await _opt_out_by_dismissal(session, prompt, now)
    return True


async def _opt_out_by_dismissal(session: AsyncSession, prompt: Prompt, now: datetime) -> None:
    await session.execute(
        update(Person)
        .where(col(Person.id) == prompt.person_id, col(Person.opted_out_at).is_(None))
        .values(opted_out_at=now, opted_out_source=prompt.asked_on)
        .execution_options(synchronize_session=False)
    )
    await cancel_prompts(session, prompt.person_id, prompt.asked_on or "", now)


async def lapse_old(session: AsyncSession, settings: Settings, now: datetime) -> int:
    """Gives up what has waited too long; how many."""
    rules: PromptSettings = settings.prompts
    lapsed: CursorResult[object] = await session.execute(  # type: ignore[assignment]
        update(Prompt)
        .where(
            col(Prompt.state) == PromptState.WAITING.value,
            col(Prompt.due_at) <= now - timedelta(days=rules.lapse_days),
        )
        .values(state=PromptState.LAPSED.value, ended_at=now, last_error="waited_too_long")
        .execution_options(synchronize_session=False)
    )
    ended = [OutboxState.DEAD.value, OutboxState.UNCERTAIN.value, OutboxState.SKIPPED.value]
    given_up = select(col(OutboxMessage.id)).where(col(OutboxMessage.state).in_(ended))
    lost: CursorResult[object] = await session.execute(  # type: ignore[assignment]
        update(Prompt)
        .where(col(Prompt.state) == PromptState.CLAIMED.value, col(Prompt.outbox_id).in_(given_up))
        .values(state=PromptState.UNCERTAIN.value, asked_at=now, ended_at=now, last_error="could not be delivered")
        .execution_options(synchronize_session=False)
    )
    return lapsed.rowcount + lost.rowcount


async def get_prompt(session: AsyncSession, prompt_id: str) -> Prompt:
    found = await _find(session, prompt_id)
    if found is None:
        raise NotFound("There is no such question.")
    return found


async def _find(session: AsyncSession, prompt_id: str) -> Prompt | None:
    """None when its person was erased meanwhile."""
    query = select(Prompt).where(Prompt.id == prompt_id).execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()
