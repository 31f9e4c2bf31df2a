"""Leases: who is the leader. The epoch grows with each change of holder and is checked in each claim."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.store.dialect import insert_if_new
from shared.store.models import Lease

LEADER = "leader"


@dataclass(frozen=True)
class HeldLease:
    name: str
    holder: str
    epoch: int
    expires_at: datetime


async def take_lease(
    session: AsyncSession, name: str, holder: str, now: datetime, seconds: float, *, force: bool = False
) -> HeldLease | None:
    """The lease, if it is free, expired or already ours; `force` takes it from a holder known to be dead."""
    expires = now + timedelta(seconds=seconds)
    if await insert_if_new(session, Lease(name=name, holder=holder, epoch=1, expires_at=expires)):
        return HeldLease(name, holder, 1, expires)
    current = (await session.execute(select(Lease).where(Lease.name == name))).scalar_one()
    if current.holder != holder and current.expires_at > now and not force:
        return None
    epoch = current.epoch if current.holder == holder else current.epoch + 1
    changed: CursorResult[object] = await session.execute(  # type: ignore[assignment]
        update(Lease)
        .where(col(Lease.name) == name, col(Lease.epoch) == current.epoch, col(Lease.holder) == current.holder)
        .values(holder=holder, epoch=epoch, expires_at=expires)
        .execution_options(synchronize_session=False)
    )
    return HeldLease(name, holder, epoch, expires) if changed.rowcount == 1 else None


async def renew_lease(session: AsyncSession, lease: HeldLease, now: datetime, seconds: float) -> HeldLease | None:
    """The lease with a later end, or None when somebody else holds it now."""
    expires = now + timedelta(seconds=seconds)
    changed: CursorResult[object] = await session.execute(  # type: ignore[assignment]
        update(Lease)
        .where(col(Lease.name) == lease.name, col(Lease.holder) == lease.holder, col(Lease.epoch) == lease.epoch)
        .values(expires_at=expires)
    )
    return HeldLease(lease.name, lease.holder, lease.epoch, expires) if changed.rowcount == 1 else None


async def release_lease(session: AsyncSession, lease: HeldLease, now: datetime) -> None:
    """Gives the lease up, so that a standby need not wait for its end."""
    await session.execute(
        update(Lease)
        .where(col(Lease.name) == lease.name, col(Lease.holder) == lease.holder, col(Lease.epoch) == lease.epoch)
        .values(expires_at=now)
    )


async def holds_lease(session: AsyncSession, name: str, epoch: int) -> bool:
    """Whether this epoch is still the current one; asked inside each claim."""
    current = (await session.execute(select(Lease.epoch).where(Lease.name == name))).scalar_one_or_none()
    return current == epoch
