"""The outbox: enqueue inside the unit of the cause, claim with a lease, mark what happened.

A message of a lane is claimed only when nothing older of that lane waits or is being sent, so each
lane keeps its order. A claim carries the leader's epoch; marking checks that it is still ours.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, Dialect, and_, exists, func, or_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from shared.identifiers import message_nonce
from shared.messages import DOUBT, Doubt, Message, NegativeFeedback, Summary
from shared.store.dialect import insert_on
from shared.store.event_tables import Steps, run_in_session
from shared.store.models import OutboxMessage, OutboxState, Quote
from shared.store.ready_statements import ReadyStatement
from shared.store.writer import note_topic

TOPIC = "outbox"
UNFINISHED = (OutboxState.PENDING.value, OutboxState.CLAIMED.value)


async def enqueue(
    session: AsyncSession,
    message: Message,
    *,
    destination: str,
    dedupe_key: str,
    now: datetime,
    lane: str | None = None,
    person_id: str | None = None,
    send_at: datetime | None = None,
) -> int | None:
    """Adds a message to the outbox; its row id, or None when the dedupe key was used before.

    `lane` defaults to the destination; messages of one lane are sent in order.
    """
    steps = enqueue_steps(
        session.get_bind().dialect,
        message,
        destination=destination,
        dedupe_key=dedupe_key,
        now=now,
        lane=lane,
        person_id=person_id,
        send_at=send_at,
    )
    row_id = await run_in_session(session, steps)
    if row_id is not None:
        note_topic(session, TOPIC)
    return row_id


def enqueue_steps(
    dialect: Dialect,
    message: Message,
    *,
    destination: str,
    dedupe_key: str,
    now: datetime,
    lane: str | None = None,
    person_id: str | None = None,
    send_at: datetime | None = None,
) -> Steps[int | None]:
    """The same as steps; whoever runs them tells the listeners of `TOPIC`."""
    statements = _statements_for(dialect)
    values = {
        "kind": message.kind,
        "destination": destination,
        "lane": lane or destination,
        "dedupe_key": dedupe_key,
        "site": message.site if hasattr(message, "site") else "",
        "person_id": person_id,
        "payload": message.model_dump(mode="json"),
        "state": OutboxState.PENDING.value,
        "created_at": now,
        "next_try_at": send_at or now,
        "attempts": 0,
    }
    made = yield statements.insert.with_values(values)
    if not made:
        return None
    row_id = int(made[0][0])
    for feedback_id in quoted_feedback(message):
        yield statements.quote.with_values({"outbox_id": row_id, "feedback_id": feedback_id})
    return row_id


@dataclass(frozen=True)
class _Statements:
    insert: ReadyStatement
    quote: ReadyStatement


NEW_MESSAGE = (
    "kind",
    "destination",
    "lane",
    "dedupe_key",
    "site",
    "person_id",
    "payload",
    "state",
    "created_at",
    "next_try_at",
    "attempts",
)
_made: dict[str, _Statements] = {}


def _statements_for(dialect: Dialect) -> _Statements:
    if (found := _made.get(dialect.name)) is None:
        insert = insert_on(dialect, OutboxMessage).on_conflict_do_nothing(index_elements=["dedupe_key"])
        found = _made[dialect.name] = _Statements(
            insert=ReadyStatement(insert.returning(col(OutboxMessage.id)), dialect, NEW_MESSAGE),
            quote=ReadyStatement(insert_on(dialect, Quote), dialect, ("outbox_id", "feedback_id")),
        )
    return found


def quoted_feedback(message: Message) -> list[str]:
    """The feedback whose words a message shows."""
    if isinstance(message, Summary):
        return sorted({quote.feedback_id for quote in message.quotes})
    if isinstance(message, NegativeFeedback):
        return [message.quote.feedback_id]
    return []


async def claim_due(
    session: AsyncSession,
    now: datetime,
    epoch: int,
    lease_seconds: float,
    destinations: Sequence[str],
    limit: int = 20,
    instance: str = "",
    skip_lanes: Collection[str] = (),
    patience: int | None = None,
) -> list[OutboxMessage]:
    """Claims the oldest due message of each free lane of these destinations.

    A message that was tried `patience` times is parked: it is tried on, but the later ones of its lane
    need not wait for it any more.
    """
    older = aliased(OutboxMessage)
    blocked = exists().where(
        and_(
            col(older.lane) == col(OutboxMessage.lane),
            col(older.state).in_(UNFINISHED),
            col(older.id) < col(OutboxMessage.id),
            *([col(older.attempts) < patience] if patience is not None else []),
        )
    )
    due = (
        select(OutboxMessage)
        .where(
            OutboxMessage.state == OutboxState.PENDING.value,
            OutboxMessage.next_try_at <= now,
            col(OutboxMessage.destination).in_(list(destinations)),
            col(OutboxMessage.lane).not_in(list(skip_lanes)),
            ~blocked,
        )
        .order_by(col(OutboxMessage.id))
        .limit(limit)
    )
    claimed: list[OutboxMessage] = []
    lanes: set[str] = set()  # parked messages block nobody, yet a lane has one message on its way
    for row in (await session.execute(due)).scalars().all():
        if row.lane in lanes:
            continue
        changed: CursorResult[object] = await session.execute(  # type: ignore[assignment]
            update(OutboxMessage)
            .where(col(OutboxMessage.id) == row.id, col(OutboxMessage.state) == OutboxState.PENDING.value)
            .values(
                state=OutboxState.CLAIMED.value,
                claimed_until=now + timedelta(seconds=lease_seconds),
                claim_epoch=epoch,
                attempts=OutboxMessage.attempts + 1,
                nonce=message_nonce(row.id or 0, instance),
            )
            .execution_options(synchronize_session=False)
        )
        if changed.rowcount == 1:
            await session.refresh(row)
            lanes.add(row.lane)
            claimed.append(row)
    return claimed


async def mark(
    session: AsyncSession, row: OutboxMessage, epoch: int, state: OutboxState, now: datetime, **values: object
) -> bool:
    """Moves a claimed message on; False when the claim is no longer ours."""
    if state is OutboxState.SENT:
        values.setdefault("sent_at", now)
    changed: CursorResult[object] = await session.execute(  # type: ignore[assignment]
        update(OutboxMessage)
        .where(
            col(OutboxMessage.id) == row.id,
            col(OutboxMessage.state) == OutboxState.CLAIMED.value,
            col(OutboxMessage.claim_epoch) == epoch,
        )
        .values(state=state.value, claimed_until=None, **values)
        .execution_options(synchronize_session=False)
    )
    note_topic(session, TOPIC)
    return changed.rowcount == 1


async def take_back_lost_claims(session: AsyncSession, now: datetime, epoch: int) -> list[OutboxMessage]:
    """Claims of a dead holder: resent or left uncertain, as the kind's policy says.

    Returns the rows that became uncertain.
    """
    lost = and_(
        col(OutboxMessage.state) == OutboxState.CLAIMED.value,
        or_(col(OutboxMessage.claimed_until) < now, col(OutboxMessage.claim_epoch) < epoch),
    )
    never = [kind for kind, doubt in DOUBT.items() if doubt is Doubt.NEVER_RESEND]
    uncertain = list(
        (await session.execute(select(OutboxMessage).where(lost, col(OutboxMessage.kind).in_(never)))).scalars()
    )
    await session.execute(
        update(OutboxMessage)
        .where(lost, col(OutboxMessage.kind).in_(never))
        .values(state=OutboxState.UNCERTAIN.value, last_error="the process ended while sending")
    )
    await session.execute(
        update(OutboxMessage)
        .where(lost, col(OutboxMessage.kind).not_in(never))
        .values(state=OutboxState.PENDING.value, next_try_at=now, claimed_until=None)
    )
    note_topic(session, TOPIC)
    return uncertain


async def count_by_state(session: AsyncSession) -> dict[str, int]:
    """How many messages are in each state."""
    rows = await session.execute(select(OutboxMessage.state, func.count()).group_by(OutboxMessage.state))
    return {state: count for state, count in rows.all()}
