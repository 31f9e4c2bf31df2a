"""Finds people by their identities; the one form of a web identity and of the suppression hash."""

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import select

from shared.identifiers import keyed_hash
from shared.store.models import Identity, Person, Suppression


def web_external_id(site: str, consented_id: str) -> str:
    """A browser's consented id is known on one site only."""
    return f"{site}/{consented_id}"


def identity_hash(key: bytes, platform: str, external_id: str) -> str:
    """The keyed hash that outlives an erased identity."""
    return keyed_hash(key, "identity", platform, external_id)


async def find_identity(
    session: AsyncSession, platform: str, external_id: str, *, hold: bool = False
) -> tuple[Identity, Person] | None:
    """The identity and the person behind it.

    With `hold` nobody erases the person before the unit of work ends: on PostgreSQL rows that it adds would
    otherwise outlive a person whom another unit removes at the same moment.
    """
    query = select(Identity, Person).join(Person, Person.id == Identity.person_id)  # type: ignore[arg-type]
    query = query.where(Identity.platform == platform, Identity.external_id == external_id)
    if hold:
        query = query.with_for_update(read=True, key_share=True, of=Person)
    found = (await session.execute(query)).first()
    return (found[0], found[1]) if found else None


async def is_suppressed(session: AsyncSession, hashed: str) -> bool:
    """Whether this identity was erased and has not opted in again since."""
    return (await session.execute(select(Suppression).where(Suppression.identity_hash == hashed))).first() is not None
