"""The record of who did what; rows are only ever added."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shared.store.models import AuditEntry


async def record(
    session: AsyncSession,
    actor: str,
    action: str,
    target: str,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Adds one entry; `actor` is `member:<id>`, `key:<id>`, `cli` or `system`, never a name or an address."""
    session.add(AuditEntry(at=now, actor=actor, action=action, target=target, details=dict(details or {})))
