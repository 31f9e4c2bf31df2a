"""Keeps what other monitoring systems tell: one row for each alert that began, moved on as it is told again.

Alertmanager's webhook knows an alert by its labels and its beginning; one that begins again has ended before. Its API
knows it by its labels alone: Prometheus and others say a beginning of their own, and until when it fires at least.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import ColumnElement, func, or_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.derive.rollups.intake import TOLD_ALERT
from shared.errors import BodyTooLarge
from shared.ingest.intake_meter import IntakeMeter, reason_of
from shared.ingest.protocols.alertmanager import WEBHOOK, ExternalAlert, ParsedAlerts
from shared.store.dialect import insert_if_new
from shared.store.models import ExternalEvent

OPEN_AT_ONCE = 100
FIRING, RESOLVED = "firing", "resolved"


@dataclass
class Told:
    """What a message did: alerts that are new, that changed, that said what was known."""

    new: int = 0
    changed: int = 0
    repeated: int = 0


class AlertReceipt:
    """Accounts for the alerts of one request: received = stored + repeated + the others by reason.

    Used as a context: the error that leaves it is the reason of what is not accounted for by then.
    """

    def __init__(self, meter: IntakeMeter, site: str) -> None:
        self._meter = meter
        self._site = site
        self.parsed = ParsedAlerts()
        self.outcome = Told()
        self.reason: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        told = self.outcome
        counts = {"stored": told.new, "repeated": told.changed + told.repeated, "invalid": self.parsed.bad}
        missing = len(self.parsed.good) - told.new - told.changed - told.repeated
        if isinstance(error, BodyTooLarge):
            counts["too_large"] = error.messages
        elif missing:
            counts[self.reason or reason_of(error)] = missing
        elif error is not None and not self.parsed.bad:
            counts["unreadable"] = 1
        outcome = {(TOLD_ALERT, key): count for key, count in counts.items() if count}
        if outcome:
            self._meter.account(self._site, {(TOLD_ALERT, "received"): sum(counts.values()), **outcome})


async def take_alerts(
    session: AsyncSession, site: str, source: str, alerts: Sequence[ExternalAlert], now: datetime
) -> Told:
    """Stores new alerts and moves known ones on."""
    told = Told()
    await end_passed(session, now)
    for alert in sorted(alerts, key=lambda alert: (alert.fingerprint, alert.starts_at or now)):
        starts_at = await _beginning_of(session, site, source, alert, now)
        if await insert_if_new(session, _make_row(site, source, alert, starts_at, now)):
            told.new += 1
            await _end_earlier(session, site, source, alert)
        elif await _move_on(session, site, source, alert, starts_at, now):
            told.changed += 1
        else:
            told.repeated += 1
    return told


async def end_passed(session: AsyncSession, now: datetime) -> int:
    """Alerts whose end was told beforehand and has come; how many."""
    passed = (col(ExternalEvent.status) == FIRING, col(ExternalEvent.ends_at) <= now)
    ended = await session.execute(update(ExternalEvent).where(*passed).values(status=RESOLVED))
    return int(ended.rowcount)  # type: ignore[attr-defined]


async def _end_earlier(session: AsyncSession, site: str, source: str, alert: ExternalAlert) -> None:
    """Of alerts with the same labels only the one that began last may still fire; when the others ended is unknown."""
    same = _with_labels_of(site, source, alert)
    last = select(func.max(ExternalEvent.starts_at)).where(*same).scalar_subquery()
    earlier = (*same, col(ExternalEvent.status) == FIRING, col(ExternalEvent.starts_at) < last)
    await session.execute(update(ExternalEvent).where(*earlier).values(status=RESOLVED))


def _with_labels_of(site: str, source: str, alert: ExternalAlert) -> tuple[ColumnElement[bool], ...]:
    return (
        col(ExternalEvent.site) == site,
        col(ExternalEvent.source) == source,
        col(ExternalEvent.fingerprint) == alert.fingerprint,
    )


async def _beginning_of(session: AsyncSession, site: str, source: str, alert: ExternalAlert, now: datetime) -> datetime:
    """Which alert of these labels is meant.

    One that is told without a beginning is the open one. So is one that ends and names a beginning that nobody told
    us: Alertmanager does that when somebody sets an end that lies before the beginning. By the API the open one is
    meant whatever beginning is told.
    """
    if alert.starts_at is not None and alert.status == FIRING and source == WEBHOOK:
        return alert.starts_at
    query = select(ExternalEvent.starts_at, ExternalEvent.status).where(*_with_labels_of(site, source, alert))
    query = query.where(or_(col(ExternalEvent.status) == FIRING, col(ExternalEvent.starts_at) == alert.starts_at))
    query = query.order_by(col(ExternalEvent.starts_at).desc()).limit(OPEN_AT_ONCE)
    known = (await session.execute(query)).all()
    still_open = [starts_at for starts_at, status in known if status == FIRING]
    is_named = any(starts_at == alert.starts_at for starts_at, _ in known)
    if not still_open or (is_named and alert.status == RESOLVED):
        return alert.starts_at or now
    return still_open[0]


def _make_row(site: str, source: str, alert: ExternalAlert, starts_at: datetime, now: datetime) -> ExternalEvent:
    return ExternalEvent(
        site=site,
        source=source,
        fingerprint=alert.fingerprint,
        name=alert.name,
        status=alert.status,
        severity=alert.severity,
        starts_at=starts_at,
        ends_at=alert.ends_at,
        link=alert.link,
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        received_at=now,
        updated_at=now,
    )


async def _move_on(
    session: AsyncSession, site: str, source: str, alert: ExternalAlert, starts_at: datetime, now: datetime
) -> bool:
    """Whether the state changed; that it was told again is counted either way."""
    same = (*_with_labels_of(site, source, alert), col(ExternalEvent.starts_at) == starts_at)
    again = {"times_told": ExternalEvent.times_told + 1, "updated_at": now}
    may_move = same if _opens_again(source, alert, now) else (*same, col(ExternalEvent.status) == FIRING)
    news = {"status": alert.status, "ends_at": alert.ends_at, "annotations": dict(alert.annotations), **again}
    moved = await session.execute(update(ExternalEvent).where(*may_move).values(**news))
    if moved.rowcount == 1:  # type: ignore[attr-defined]
        return alert.status == RESOLVED
    await session.execute(update(ExternalEvent).where(*same).values(**again))
    return False


def _opens_again(source: str, alert: ExternalAlert, now: datetime) -> bool:
    """Whether an alert that had ended fires once more.

    A webhook's firing may have been overtaken by its own end. Who tells the API until when it fires was only not
    heard for a while, and if this is late too, it ends by itself.
    """
    is_firing_until = alert.status == FIRING and alert.ends_at is not None and alert.ends_at > now
    return source != WEBHOOK and is_firing_until
