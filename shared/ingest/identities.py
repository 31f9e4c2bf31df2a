"""Who somebody is on a platform, on which days they were seen, and whether they may be asked.

All functions run inside a unit of work. An identity that was erased comes back opted out; only the person's own
explicit opt-in lifts that.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Update, case, delete, func, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.clock import local_day
from shared.config import Settings, SiteSettings, zone_of
from shared.decide.prompts import OptIn, cancel_prompts, make_due_by_opt_in, make_due_by_usage
from shared.identifiers import keyed_hash, new_id
from shared.ingest.event_properties import clean_free_text
from shared.ingest.protocols.foreign import Traits
from shared.store.dialect import insert_if_new
from shared.store.models import Identity, Person, Platform, Suppression, UsageDay
from shared.store.people import find_identity, identity_hash, is_suppressed, web_external_id

__all__ = [
    "ensure_identity",
    "find_identity",
    "keep_habits",
    "keep_traits",
    "note_usage",
    "note_web_usage",
    "opt_in",
    "opt_out",
    "web_visitor",
]
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,8}")
SEEN_EVERY = timedelta(minutes=10)  # finer would write at every event
ERASED = "erased"


async def ensure_identity(
    session: AsyncSession,
    key: bytes,
    platform: str,
    external_id: str,
    site: str,
    now: datetime,
    language: str | None = None,
    guild_id: str | None = None,
) -> tuple[Identity, Person]:
    """The identity and its person, made if new; language and Discord community are kept up to date."""
    language = _language_of(language)
    found = await find_identity(session, platform, external_id, hold=True)
    if found is None:
        await _add_identity(session, key, platform, external_id, site, now, language)
        found = await find_identity(session, platform, external_id, hold=True)
        if found is None:
            raise LookupError("an identity vanished while it was made")
    identity, person = found
    if language and identity.language != language:
        identity.language = language
    if guild_id and identity.guild_id != guild_id:
        identity.guild_id = guild_id
    return identity, person


async def _add_identity(
    session: AsyncSession, key: bytes, platform: str, external_id: str, site: str, now: datetime, language: str | None
) -> None:
    person = Person(id=new_id(now), site=site, created_at=now, language=language)
    if await is_suppressed(session, identity_hash(key, platform, external_id)):
        person.opted_out_at, person.opted_out_source = now, ERASED
    await insert_if_new(session, person)
    identity = Identity(
        id=new_id(now),
        person_id=person.id,
        platform=platform,
        external_id=external_id,
        site=site,
        created_at=now,
        language=language,
    )
    if not await insert_if_new(session, identity):  # another replica was first: its person is the one
        await session.execute(delete(Person).where(col(Person.id) == person.id))


async def note_usage(
    session: AsyncSession,
    settings: Settings,
    identity: Identity,
    person: Person,
    site: SiteSettings,
    now: datetime,
) -> None:
    """Counts today as a usage day, and makes the day-7 prompt due once the usage rules are met."""
    today = local_day(now, site.zone)
    await session.flush()  # what the caller changed on the person must not be lost by the refresh below
    if await insert_if_new(session, UsageDay(person_id=person.id, site=site.key, day=today)):
        await _count_day(session, person, today, now)
    elif person.last_seen_at is None or now - person.last_seen_at >= SEEN_EVERY:
        await session.execute(_update_person(person).values(last_seen_at=_latest(now)))
        await session.refresh(person)
    await make_due_by_usage(session, settings.prompts, person, site, now)


async def _count_day(session: AsyncSession, person: Person, today: date, now: datetime) -> None:
    same_day = select(func.count()).select_from(UsageDay)
    same_day = same_day.where(UsageDay.person_id == person.id, UsageDay.day == today)
    is_first_site = (await session.execute(same_day)).scalar_one() == 1  # a day on two sites is one day
    first, last = col(Person.first_usage_day), col(Person.last_usage_day)
    await session.execute(
        _update_person(person).values(
            first_usage_day=case((first.is_(None), today), (first > today, today), else_=first),
            last_usage_day=case((last.is_(None), today), (last < today, today), else_=last),
            usage_days=Person.usage_days + (1 if is_first_site else 0),
            last_seen_at=_latest(now),
        )
    )
    await session.refresh(person)


def _update_person(person: Person) -> Update:
    return update(Person).where(col(Person.id) == person.id).execution_options(synchronize_session=False)


def _latest(now: datetime) -> ColumnElement[datetime]:
    seen = col(Person.last_seen_at)
    return case((seen > now, seen), else_=now)


def web_visitor(key: bytes, site: str, consented_id: str) -> str:
    """The visitor of a consented id: the same on all days."""
    return keyed_hash(key, "visitor", site, consented_id)


async def note_web_usage(
    session: AsyncSession,
    settings: Settings,
    key: bytes,
    site: SiteSettings,
    consented_id: str,
    now: datetime,
    *,
    language: str | None = None,
    zone: str | None = None,
) -> tuple[str, str]:
    """The person and the visitor of a consented id that was just seen."""
    external_id = web_external_id(site.key, consented_id)
    identity, person = await ensure_identity(session, key, Platform.WEB, external_id, site.key, now, language)
    keep_habits(person, zone, language)
    await note_usage(session, settings, identity, person, site, now)
    return person.id, web_visitor(key, site.key, consented_id)


def keep_habits(person: Person, zone: str | None, language: str | None) -> None:
    """Zone and language as the browser or the person last told them; an unknown zone is ignored."""
    if zone and person.zone != zone and zone_of(zone, "UTC").key == zone:
        person.zone = zone
    if (language := _language_of(language)) and person.language != language:
        person.language = language


def _language_of(told: str | None) -> str | None:
    """A tag such as `de` or `pt-BR`; anything else that a sender calls its language is not kept."""
    return told if told and LANGUAGE.fullmatch(told) else None


async def keep_traits(session: AsyncSession, site: SiteSettings, traits: Sequence[Traits]) -> int:
    """Plan and segment of those whom we know by a consented id of the site; how many. Of others nothing is kept."""
    people = await _people_on_the_web(
        session, {web_external_id(site.key, sent) for said in traits for sent in said.ids}
    )
    kept = 0
    for said in traits:
        known = (people.get(web_external_id(site.key, sent)) for sent in said.ids)
        person = next(filter(None, known), None)
        if person is None:
            continue
        plan, segment = (clean_free_text(said_of).strip() for said_of in (said.plan or "", said.segment or ""))
        person.plan, person.segment = plan or person.plan, segment or person.segment
        kept += 1
    await session.flush()
    return kept


async def _people_on_the_web(session: AsyncSession, external_ids: set[str]) -> dict[str, Person]:
    """Those of the identities whom we know, by id; a request has at most some thousands."""
    query = select(Identity.external_id, Person).join(Person, Person.id == Identity.person_id)  # type: ignore[arg-type]
    query = query.where(Identity.platform == Platform.WEB, col(Identity.external_id).in_(external_ids))
    return {external_id: person for external_id, person in (await session.execute(query)).all()}


async def opt_in(
    session: AsyncSession,
    settings: Settings,
    key: bytes,
    platform: str,
    external_id: str,
    site: SiteSettings,
    now: datetime,
    source: str,
    zone: str | None = None,
    language: str | None = None,
    guild_id: str | None = None,
) -> OptIn:
    """ "Ask me in a week": explicit, so it lifts an opt-out and an erasure; it also counts as being seen."""
    hashed = identity_hash(key, platform, external_id)
    await session.execute(delete(Suppression).where(col(Suppression.identity_hash) == hashed))
    identity, person = await ensure_identity(session, key, platform, external_id, site.key, now, language, guild_id)
    keep_habits(person, zone, language)
    if person.opted_in_at is None or person.opted_out_at is not None:
        person.opted_in_at, person.opted_in_source = now, source
    person.opted_out_at = person.opted_out_source = None
    identity.dm_unreachable_at = identity.dm_unreachable_reason = None  # they ask for a message: worth a new try
    await session.flush()
    planned = await make_due_by_opt_in(session, settings.prompts, identity, person, site.key, now)
    await note_usage(session, settings, identity, person, site, now)
    return planned


async def opt_out(
    session: AsyncSession,
    settings: Settings,
    key: bytes,
    platform: str,
    external_id: str,
    site: SiteSettings,
    now: datetime,
    source: str,
) -> None:
    """Ends all questions at once, those that are queued too; known or not, nobody is asked afterwards."""
    _, person = await ensure_identity(session, key, platform, external_id, site.key, now)
    if person.opted_out_at is None:
        person.opted_out_at, person.opted_out_source = now, source
    person.opted_in_at = person.opted_in_source = None
    await session.flush()
    await cancel_prompts(session, person.id, platform, now)
