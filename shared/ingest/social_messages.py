"""Messages on Discord and X as feedback: replies in a direct conversation, saved messages, mentions.

Each carries the platform's message id, so that live reading and catching up after an outage store it once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.ingest.feedback import FeedbackIntake, FeedbackOutcome, FeedbackSender, NewFeedback
from shared.store.models import Feedback, Prompt, PromptState
from shared.store.people import find_identity

OPEN = (PromptState.ASKED.value, PromptState.UNCERTAIN.value, PromptState.CLAIMED.value)
WORDS_FOLLOW_WITHIN = timedelta(days=7)
# "4", "4/5", "4 out of 5", "4: works well". "3 things are broken" is no score.
_SCORE = re.compile(r"\s*([1-5])(?:\s*/\s*5|\s+(?:out )?of 5)?(?:\s*$|\s*[.,:;!)–—-]\s|\s*\n)")


@dataclass(frozen=True)
class SocialMessage:
    """One message of one author. `saved_by` is the platform id of who passed somebody else's words on."""

    platform: Literal["discord", "x"]
    author_id: str
    message_id: str
    text: str
    site: str
    language: str | None = None
    guild_id: str | None = None
    reply_to: Mapping[str, Any] = field(default_factory=dict)
    saved_by: str | None = None


async def take_direct_message(intake: FeedbackIntake, message: SocialMessage, now: datetime) -> FeedbackOutcome:
    """An answer to the open question if there is one, words after a pressed score, or feedback of its own."""
    async with intake.store.read() as session:
        prompt = await find_prompt_for_reply(session, message.platform, message.author_id, now)
    return await intake.take(_new_feedback(intake, message, prompt), _sender(message))


async def take_mention(intake: FeedbackIntake, message: SocialMessage) -> FeedbackOutcome:
    """A public message that addresses us: feedback, and a sign of usage."""
    return await intake.take(_new_feedback(intake, message, None), _sender(message))


async def take_saved_message(intake: FeedbackIntake, message: SocialMessage) -> FeedbackOutcome:
    """Somebody's words, passed on by them or by the team: no usage of the author, and the saver's limit counts."""
    return await intake.take(_new_feedback(intake, message, None), _sender(message))


async def find_prompt_for_reply(session: AsyncSession, platform: str, external_id: str, now: datetime) -> Prompt | None:
    """The question that a free text answers: one that is open, or one whose answer lacks its words."""
    known = await find_identity(session, platform, external_id)
    if known is None:
        return None
    asked = select(Prompt).where(Prompt.person_id == known[1].id).order_by(col(Prompt.asked_at).desc())
    is_open = (await session.execute(asked.where(col(Prompt.state).in_(OPEN)))).scalars().first()
    if is_open is not None:
        return is_open
    wordless = asked.join(Feedback, col(Feedback.prompt_id) == col(Prompt.id)).where(
        Prompt.state == PromptState.ANSWERED.value,
        col(Prompt.answered_at) > now - WORDS_FOLLOW_WITHIN,
        col(Feedback.text).is_(None),
    )
    return (await session.execute(wordless)).scalars().first()


def read_score(text: str) -> tuple[int | None, str | None]:
    """A score from 1 to 5 at the beginning of a free answer, when it can be nothing else, and the words if any."""
    found = _SCORE.match(text)
    if found is None:
        return None, text
    return int(found[1]), None if found.end() == len(text) else text


def _new_feedback(intake: FeedbackIntake, message: SocialMessage, prompt: Prompt | None) -> NewFeedback:
    text = message.text.strip()[: intake.settings.limits.text_characters]
    score, words = read_score(text) if prompt is not None else (None, text)
    return NewFeedback(
        site=prompt.site if prompt else message.site,
        text=words,
        score=score,
        survey=prompt.survey if prompt else None,
        prompt=prompt.id if prompt else None,
        language=message.language,
    )


def _sender(message: SocialMessage) -> FeedbackSender:
    passed_on = message.saved_by is not None
    return FeedbackSender(
        source=message.platform,
        platform=message.platform,
        external_id=message.author_id,
        message_key=f"message:{message.message_id}",
        reply_to=message.reply_to,
        language=message.language,
        guild_id=message.guild_id,
        counts_as_usage=not passed_on,
        limited_as=f"{message.platform}:{message.saved_by}" if passed_on else None,
    )
