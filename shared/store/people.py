"""Finds people by their identities; the one form of a web identity, of the suppression hash, and of servers' users."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.identifiers import keyed_hash
from shared.store.column_types import MARK
from shared.store.dialect import is_marked
from shared.store.models import Event, Identity, Person, Suppression, VisitorDay

USER = "user"  # beside the platforms: somebody whom servers name by an id of their own


@dataclass(frozen=True)
class Owner:
    """Whose visits: of a person whom we know, or of a user whom servers name. The one or the other is set.

    Such a user has events, but no visitor-days.
    """

    person_id: str | None = None
    user: str | None = None  # the visitor

    def __post_init__(self) -> None:
        if (self.person_id is None) == (self.user is None):
            raise ValueError("visits belong to a person or to a user; of neither they would be everybody's")

    def owns(self, table: type[Event] | type[VisitorDay]) -> ColumnElement[bool]:
        """Whether a row is theirs; each by an index of its own."""
        if self.user is not None:
            return and_(is_marked("visitor"), col(table.visitor) == self.user)
        return col(table.person_id) == self.person_id

    def owns_not(self, table: type[Event] | type[VisitorDay]) -> ColumnElement[bool]:
        """Whether a row is somebody else's."""
        column = col(table.person_id) if self.user is None else col(table.visitor)
        return or_(column.is_(None), column != (self.person_id if self.user is None else self.user))


def web_external_id(site: str, consented_id: str) -> str:
    """A browser's consented id is known on one site only."""
    return f"{site}/{consented_id}"


def identity_hash(key: bytes, platform: str, external_id: str) -> str:
    """The keyed hash that outlives an erased identity."""
    return keyed_hash(key, "identity", platform, external_id)


def user_visitor(key: bytes, site: str, user_id: str) -> str:
    """The visitor of a user whom a site's servers name: the same on all days, and marked, so that it is found."""
    return MARK + keyed_hash(key, "identified", site, user_id)


def user_hash(key: bytes, visitor: str) -> str:
    """The keyed hash that outlives an erased user; its mark tells that nobody could ask them anything."""
    return MARK + keyed_hash(key, "erased user", visitor)


def is_user_hash(hashed: str) -> bool:
    return hashed.startswith(MARK)  # which is no hex digit


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


async def has_events(session: AsyncSession, owner: Owner) -> bool:
    """Whether an event is theirs."""
    return bool((await session.execute(select(exists().where(owner.owns(Event))))).scalar_one())


async def is_suppressed(session: AsyncSession, hashed: str) -> bool:
    """Whether this identity was erased and has not opted in again since."""
    return (await session.execute(select(Suppression).where(Suppression.identity_hash == hashed))).first() is not None
