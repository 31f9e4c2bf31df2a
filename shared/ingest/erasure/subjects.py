"""Who is meant: an identity that somebody asks about, and what the hashes in the erase log stand for.

A platform's identity stands for the person behind it. `user SITE/ID` stands for the user whom the site's servers name
by that id, and for the person behind a browser that the servers know by the same id: plan and segment that the servers
tell are kept there. Not the other way round: what a browser calls itself proves nothing about a server's user.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.errors import InvalidInput
from shared.ingest.protocols.foreign import user_of
from shared.store.database import Store
from shared.store.dialect import is_marked
from shared.store.models import Event, Identity, Platform
from shared.store.people import (
    USER,
    Owner,
    find_identity,
    has_events,
    identity_hash,
    is_user_hash,
    user_hash,
    user_visitor,
)

KINDS = (*(platform.value for platform in Platform), USER)
ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Who:
    """Of whom something is stored: a person whom we know, a user whom servers name, or somebody who is both."""

    person_id: str | None = None
    user: str | None = None  # their visitor

    @property
    def target(self) -> str:
        """How the record of what was done calls them."""
        return self.person_id or f"{USER}:{self.user}"


@dataclass
class Found:
    """Whom a set of hashes stands for."""

    people: set[str] = field(default_factory=set)
    users: set[str] = field(default_factory=set)  # their visitors

    @classmethod
    def of(cls, who: Who) -> "Found":
        return cls(
            set() if who.person_id is None else {who.person_id},
            set() if who.user is None else {who.user},
        )


def check_identity(platform: str, external_id: str) -> tuple[str, str]:
    """The identity somebody asks about; raises `InvalidInput` when it can be none."""
    if platform not in KINDS:
        raise InvalidInput(f"There is no platform {platform!r}; it is one of {', '.join(KINDS)}.")
    site, slash, own_id = external_id.partition("/")
    if platform == Platform.WEB and not slash:
        raise InvalidInput("A browser's id is SITE/ID, for example docs/5b2f0c9d41e8.")
    if platform == USER:
        user_id = user_of(own_id)
        if not site or user_id is None:
            raise InvalidInput("A user of a server is SITE/ID, for example docs/user-42.")
        return USER, f"{site}/{user_id}"
    return platform, external_id


async def find_who(session: AsyncSession, key: bytes, platform: str, external_id: str) -> Who | None:
    """Who stands behind a checked identity; None when nothing is stored about them."""
    if platform != USER:
        found = await find_identity(session, platform, external_id)
        return Who(person_id=found[1].id) if found else None
    visitor = _visitor_of(key, external_id)
    browser = await find_identity(session, Platform.WEB.value, external_id)
    is_stored = await has_events(session, Owner(user=visitor))
    if browser is None and not is_stored:
        return None
    return Who(browser[1].id if browser else None, visitor)


def hash_of(key: bytes, platform: str, external_id: str) -> str:
    """What stands in the erase log for a checked identity."""
    if platform == USER:
        return user_hash(key, _visitor_of(key, external_id))
    return identity_hash(key, platform, external_id)


async def hashes_of(session: AsyncSession, key: bytes, who: Who) -> list[str]:
    """What stands in the erase log for somebody: each of their identities."""
    known = await session.execute(select(Identity).where(col(Identity.person_id) == (who.person_id or "")))
    hashes = [identity_hash(key, one.platform, one.external_id) for one in known.scalars()]
    return hashes + ([user_hash(key, who.user)] if who.user is not None else [])


async def match_hashes(store: Store, key: bytes, hashes: set[str]) -> dict[str, Found]:
    """Whom each hash stands for. Hashes cannot be turned back, so everybody who is stored is tried."""
    found = {hashed: Found() for hashed in hashes}
    if any(not is_user_hash(hashed) for hashed in hashes):
        async for platform, external_id, person_id in _all_identities(store):
            hashed = identity_hash(key, platform, external_id)
            if hashed in found:
                found[hashed].people.add(person_id)
    if any(is_user_hash(hashed) for hashed in hashes):
        async for visitor in _all_users(store):
            hashed = user_hash(key, visitor)
            if hashed in found:
                found[hashed].users.add(visitor)
    return found


async def _all_identities(store: Store) -> AsyncIterator[tuple[str, str, str]]:
    """Platform, id there, and person of every identity."""
    columns = (col(Identity.id), col(Identity.platform), col(Identity.external_id), col(Identity.person_id))
    last = ""
    while True:
        query = select(*columns).where(col(Identity.id) > last).order_by(col(Identity.id))
        async with store.read() as session:
            rows = (await session.execute(query.limit(ROWS_AT_ONCE))).all()
        if not rows:
            return
        for _, platform, external_id, person_id in rows:
            yield platform, external_id, person_id
        last = rows[-1][0]


async def _all_users(store: Store) -> AsyncIterator[str]:
    """The visitors of all users whom servers name, out of their index."""
    visitor = Event.__table__.columns.visitor  # type: ignore[attr-defined]
    last: str | None = None
    while True:
        query = select(visitor).where(is_marked("visitor")).distinct().order_by(visitor).limit(ROWS_AT_ONCE)
        async with store.read() as session:
            users = (await session.execute(query if last is None else query.where(visitor > last))).scalars().all()
        if not users:
            return
        for user in users:
            yield user
        last = users[-1]


def _visitor_of(key: bytes, external_id: str) -> str:
    site, _, user_id = external_id.partition("/")
    return user_visitor(key, site, user_id)
