"""Keeps what other monitoring systems tell: one row for each alert that began, moved on as it is told again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.ingest.protocols.alertmanager import ExternalAlert
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


async def take_alerts(
    session: AsyncSession, site: str, source: str, alerts: Sequence[ExternalAlert], now: datetime
) -> Told:
    """Stores new alerts and moves known ones on; one that is resolved is not opened again for the same beginning."""
    told = Told()
    for alert in sorted(alerts, key=lambda alert: (alert.fingerprint, alert.starts_at or now)):
        starts_at = await _beginning_of(session, site, source, alert, now)
        if await insert_if_new(session, _make_row(site, source, alert, starts_at, now)):
            told.new += 1
        elif await _move_on(session, site, source, alert, starts_at, now):
            told.changed += 1
        else:
            told.repeated += 1
    return told


async def _beginning_of(session: AsyncSession, site: str, source: str, alert: ExternalAlert, now: datetime) -> datetime:
    """Which alert of these labels is meant.

    One that is told without a beginning is the open one. So is one that ends and names a beginning that nobody told
    us: Alertmanager does that when somebody sets an end that lies before the beginning.
    """
    if alert.starts_at is not None and alert.status == FIRING:
        return alert.starts_at
    query = select(ExternalEvent.starts_at).where(
        ExternalEvent.site == site,
        ExternalEvent.source == source,
        ExternalEvent.fingerprint == alert.fingerprint,
    )
    query = query.where(or_(col(ExternalEvent.status) == FIRING, col(ExternalEvent.starts_at) == alert.starts_at))
    query = query.order_by(col(ExternalEvent.starts_at).desc()).limit(OPEN_AT_ONCE)
    beginnings = list((await session.execute(query)).scalars())
    if alert.starts_at in beginnings or not beginnings:
        return alert.starts_at or now
    return beginnings[0]


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
    same = (
        col(ExternalEvent.site) == site,
        col(ExternalEvent.source) == source,
        col(ExternalEvent.fingerprint) == alert.fingerprint,
        col(ExternalEvent.starts_at) == starts_at,
    )
    again = {"times_told": ExternalEvent.times_told + 1, "updated_at": now}
    still_open = (*same, col(ExternalEvent.status) == FIRING)
    news = {"status": alert.status, "ends_at": alert.ends_at, "annotations": dict(alert.annotations), **again}
    moved = await session.execute(update(ExternalEvent).where(*still_open).values(**news))
    if moved.rowcount == 1:  # type: ignore[attr-defined]
        return alert.status == RESOLVED
    await session.execute(update(ExternalEvent).where(*same).values(**again))
    return False
