"""Keys of servers: shown once, stored as a digest, limited to one site and to scopes, revocable.

A key looks like `wr_<8 characters>_<secret>` and is presented as `Authorization: Bearer <key>`.
"""

import hmac
import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.errors import FieldProblem, InvalidInput, NotFound
from shared.guard.principals import Principal
from shared.identifiers import new_id, random_token, token_digest
from shared.store.models import ApiKey

FORWARD_SCOPE = "events:forward"
SCOPES = {
    "events:write": "send events",
    "feedback:write": "send feedback",
    "prompts:write": "make a person due for the day-7 question",
    "privacy:write": "export and erase people",
    "alerts:write": "send alerts of another monitoring system",
    FORWARD_SCOPE: "pass on what readers of a docs site send; their addresses are believed",
}
NAME_CHARACTERS = 60
TOUCH_EVERY = timedelta(minutes=1)
_KEY = re.compile(r"wr_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}", re.ASCII)
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


async def create_key(
    session: AsyncSession, name: str, site: str, scopes: Collection[str], created_by: str, now: datetime
) -> tuple[ApiKey, str]:
    """A new key and its text, which is never to be seen again."""
    problems = []
    name = name.strip()
    if not name or len(name) > NAME_CHARACTERS or not name.isprintable():
        problems.append(FieldProblem("name", f"1 to {NAME_CHARACTERS} characters"))
    if not scopes or not set(scopes) <= SCOPES.keys():
        problems.append(FieldProblem("scopes", "at least one of " + ", ".join(SCOPES)))
    if problems:
        raise InvalidInput("A key needs a name and known scopes.", problems)
    prefix = "".join(secrets.choice(_LETTERS) for _ in range(8))
    shown_once = f"wr_{prefix}_{random_token()}"
    key = ApiKey(
        id=new_id(now),
        name=name,
        site=site,
        prefix=prefix,
        key_digest=token_digest(shown_once),
        scopes=sorted(set(scopes)),
        created_at=now,
        created_by=created_by,
    )
    session.add(key)
    await session.flush()
    return key, shown_once


async def find_key(session: AsyncSession, presented: str, now: datetime) -> Principal | None:
    """Who a presented key belongs to; only reads, see `touch_key`."""
    if not _KEY.fullmatch(presented):
        return None
    digest = token_digest(presented)
    found = (await session.execute(select(ApiKey).where(ApiKey.key_digest == digest))).scalar_one_or_none()
    if found is None or not hmac.compare_digest(found.key_digest, digest):
        return None
    if found.revoked_at is not None and found.revoked_at <= now:
        return None
    return Principal("key", found.id, found.name, site=found.site, scopes=frozenset(found.scopes))


async def touch_key(session: AsyncSession, key_id: str, now: datetime) -> None:
    """Notes the last use, at most once a minute."""
    is_stale = or_(col(ApiKey.last_used_at).is_(None), col(ApiKey.last_used_at) < now - TOUCH_EVERY)
    await session.execute(update(ApiKey).where(col(ApiKey.id) == key_id, is_stale).values(last_used_at=now))


async def revoke_key(session: AsyncSession, key_id: str, now: datetime) -> None:
    """Ends a key at once; revoking twice changes nothing."""
    if (await session.execute(select(ApiKey.id).where(ApiKey.id == key_id))).first() is None:
        raise NotFound("There is no such key.")
    still_valid = col(ApiKey.revoked_at).is_(None)
    await session.execute(update(ApiKey).where(col(ApiKey.id) == key_id, still_valid).values(revoked_at=now))
