"""What the team does with feedback: seen, answered, closed, a reply into an open conversation.

Dashboard and bot call the same functions inside their units; every act is in the record of who did what.
"""

from datetime import datetime

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.errors import Conflict, FieldProblem, InvalidInput, NotFound
from shared.guard import audit
from shared.messages import DirectReply
from shared.store.models import Feedback, FeedbackStatus, Identity, Person, Platform
from shared.store.outbox import enqueue
from shared.store.writer import note_topic

TOPIC = "feedback"
GONE = "This feedback is no longer there; its author may have erased it."
UNREACHABLE = "The author cannot be reached: there is no open conversation."
DIRECT_DESTINATIONS = {Platform.DISCORD.value: "discord_dm", Platform.X.value: "x_dm"}
REPLY_CHARACTERS = 1500


async def require_feedback(session: AsyncSession, feedback_id: str) -> Feedback:
    feedback = (await session.execute(select(Feedback).where(Feedback.id == feedback_id))).scalar_one_or_none()
    if feedback is None:
        raise NotFound(GONE)
    return feedback


async def set_status(session: AsyncSession, feedback_id: str, status: str, actor: str, now: datetime) -> bool:
    """Moves feedback to a status; seen never takes back answered or closed. Whether something changed."""
    if status not in {known.value for known in FeedbackStatus}:
        raise InvalidInput(f"There is no status {status!r}.", [FieldProblem("status", "new, seen, answered or closed")])
    feedback = await require_feedback(session, feedback_id)
    is_step_back = status == FeedbackStatus.SEEN and feedback.status != FeedbackStatus.NEW
    if feedback.status == status or is_step_back:
        return False
    await _write_status(session, feedback_id, status, actor, now)
    await audit.record(session, actor, f"feedback.{status}", feedback_id, now)
    return True


async def open_conversation(session: AsyncSession, feedback: Feedback) -> Identity | None:
    """An identity of the author with a conversation that is open already: nobody new is written to.

    On X a STOP closes it for the team, too.
    """
    if feedback.person_id is None:
        return None
    person = col(Person.id) == col(Identity.person_id)
    query = (
        select(Identity)
        .join(Person, person)
        .where(
            or_(col(Identity.platform) != Platform.X.value, col(Person.opted_out_at).is_(None)),
            Identity.person_id == feedback.person_id,
            col(Identity.dm_channel_id).is_not(None),
            col(Identity.dm_unreachable_at).is_(None),
            col(Identity.platform).in_(list(DIRECT_DESTINATIONS)),
        )
    )
    return (await session.execute(query.order_by(col(Identity.created_at)))).scalars().first()


async def reply(
    session: AsyncSession, feedback_id: str, text: str, actor: str, now: datetime, once_key: str
) -> int | None:
    """Queues the team's words for the author; None when the same reply was queued before."""
    text = text.strip()
    if not text or len(text) > REPLY_CHARACTERS:
        raise InvalidInput("The reply is not sent.", [FieldProblem("text", f"1 to {REPLY_CHARACTERS} characters")])
    feedback = await require_feedback(session, feedback_id)
    identity = await open_conversation(session, feedback)
    if identity is None:
        raise Conflict(UNREACHABLE)
    queued = await enqueue(
        session,
        DirectReply(identity_id=identity.id, text=text, feedback_id=feedback_id),
        destination=DIRECT_DESTINATIONS[identity.platform],
        dedupe_key=f"reply:{feedback_id}:{once_key}",
        now=now,
        lane=f"dm:{identity.id}",
        person_id=identity.person_id,
    )
    if queued is not None:
        await _write_status(session, feedback_id, FeedbackStatus.ANSWERED.value, actor, now)
        await audit.record(session, actor, "feedback.reply", feedback_id, now)
    return queued


async def _write_status(session: AsyncSession, feedback_id: str, status: str, actor: str, now: datetime) -> None:
    await session.execute(
        update(Feedback)
        .where(col(Feedback.id) == feedback_id)
        .values(status=status, status_by=actor, status_at=now)
        .execution_options(synchronize_session=False)
    )
    note_topic(session, TOPIC)
