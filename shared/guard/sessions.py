"""Signing in without passwords: members, one-time links and sessions, all stored as digests.

A link's token stands in the fragment of its address, so that no server or preview ever sees it; one
button redeems it. A session ends when idle, at its latest end, when its member is disabled, or when
the member's role changes.
"""

from datetime import datetime, timedelta

from sqlalchemy import CursorResult, and_, delete, func, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.config import ROLES, DashboardSettings
from shared.errors import Conflict, FieldProblem, InvalidInput, NotFound, NotSignedIn
from shared.identifiers import new_id, random_token, token_digest
from shared.store.models import Member, Session, SignInLink

LINK_SENTENCE = "This link has been used or is too old. Ask for a new one with `warroom sign-in NAME` or /dashboard."
TOUCH_EVERY = timedelta(seconds=60)
NAME_CHARACTERS = 60


async def ensure_member(
    session: AsyncSession, name: str, role: str | None, now: datetime, discord_id: str | None = None
) -> Member:
    """The member of that name (or Discord id), made if new; without an admin a new one by name becomes it.

    A name never stands for a Discord account's member: people choose their names there themselves.
    A given role replaces the stored one and ends the member's sessions.
    """
    name = name.strip()
    if not name or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise InvalidInput("A member needs a name.", [FieldProblem("name", f"1 to {NAME_CHARACTERS} characters")])
    if role is not None and role not in ROLES:
        raise InvalidInput(f"There is no role {role!r}.", [FieldProblem("role", "one of " + ", ".join(ROLES))])
    named = and_(col(Member.name) == name, col(Member.discord_id).is_(None))
    known = col(Member.discord_id) == discord_id if discord_id else named
    member = (await session.execute(select(Member).where(known))).scalar_one_or_none()
    if member is None:
        return await _add_member(session, name, role, now, discord_id)
    if member.disabled_at is not None:
        raise Conflict(f"{member.name} is disabled; enable the member first.")
    if role is not None and role != member.role:
        await change_role(session, member.id, role)
    return member


async def _add_member(
    session: AsyncSession, name: str, role: str | None, now: datetime, discord_id: str | None
) -> Member:
    is_first = discord_id is None and await first_admin(session) is None
    if role is None and not is_first:
        raise InvalidInput(
            f"{name} is not a member yet: say which role.", [FieldProblem("role", "one of " + ", ".join(ROLES))]
        )
    taken = (await session.execute(select(Member.id).where(Member.name == name))).first()
    if taken and discord_id is None:
        raise Conflict(f"A member who signs in with Discord is called {name} already; choose another name.")
    unique_name = f"{name} ({discord_id})" if taken else name
    first_role = "admin" if is_first else role or "viewer"
    member = Member(id=new_id(now), name=unique_name, role=first_role, created_at=now, discord_id=discord_id)
    session.add(member)
    await session.flush()
    return member


async def change_role(session: AsyncSession, member_id: str, role: str) -> None:
    """Sets a member's role and ends their sessions; the last admin cannot be demoted."""
    member = await get_member(session, member_id)
    if role not in ROLES:
        raise InvalidInput(f"There is no role {role!r}.", [FieldProblem("role", "one of " + ", ".join(ROLES))])
    if member.role == "admin" and role != "admin":
        await _keep_an_admin(session, member_id)
    member.role = role
    session.add(member)
    await session.execute(delete(Session).where(col(Session.member_id) == member_id))


async def disable_member(session: AsyncSession, member_id: str, now: datetime) -> None:
    """Ends a member's access at once: sessions and open links go."""
    member = await get_member(session, member_id)
    if member.role == "admin":
        await _keep_an_admin(session, member_id)
    member.disabled_at = now
    session.add(member)
    await session.execute(delete(Session).where(col(Session.member_id) == member_id))
    await session.execute(delete(SignInLink).where(col(SignInLink.member_id) == member_id))


async def enable_member(session: AsyncSession, member_id: str) -> None:
    member = await get_member(session, member_id)
    member.disabled_at = None
    session.add(member)


async def _keep_an_admin(session: AsyncSession, leaving_id: str) -> None:
    others = select(func.count()).select_from(Member)
    others = others.where(Member.role == "admin", col(Member.disabled_at).is_(None), Member.id != leaving_id)
    if not (await session.execute(others)).scalar_one():
        raise Conflict("This is the last admin; make somebody else admin first.")


async def first_admin(session: AsyncSession) -> Member | None:
    """The longest-standing admin who may sign in."""
    query = select(Member).where(Member.role == "admin", col(Member.disabled_at).is_(None)).order_by(col(Member.id))
    return (await session.execute(query.limit(1))).scalar_one_or_none()


async def get_member(session: AsyncSession, member_id: str) -> Member:
    member = (await session.execute(select(Member).where(Member.id == member_id))).scalar_one_or_none()
    if member is None:
        raise NotFound("There is no such member.")
    return member


async def create_link(session: AsyncSession, member: Member, now: datetime, minutes: int) -> str:
    """A one-time sign-in token; only its digest is stored."""
    token = random_token()
    expires = now + timedelta(minutes=minutes)
    session.add(SignInLink(token_digest=token_digest(token), member_id=member.id, created_at=now, expires_at=expires))
    return token


def link_address(base_url: str, token: str) -> str:
    """The address to open; the token stays in the browser until the button is pressed."""
    return f"{base_url}/app/sign-in#{token}"


async def redeem_link(
    session: AsyncSession, token: str, now: datetime, rules: DashboardSettings
) -> tuple[Session, str]:
    """A new session and its cookie token for a link that is fresh and unused."""
    used: CursorResult[object] = await session.execute(  # type: ignore[assignment]
        update(SignInLink)
        .where(
            col(SignInLink.token_digest) == token_digest(token),
            col(SignInLink.used_at).is_(None),
            col(SignInLink.expires_at) > now,
        )
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    if used.rowcount != 1:
        raise NotSignedIn(LINK_SENTENCE)
    wanted = select(Member).join(SignInLink, col(SignInLink.member_id) == Member.id)
    member = (await session.execute(wanted.where(SignInLink.token_digest == token_digest(token)))).scalar_one()
    return await start_session(session, member, now, rules, how="link")


async def start_session(
    session: AsyncSession, member: Member, now: datetime, rules: DashboardSettings, how: str
) -> tuple[Session, str]:
    """A new session with a new token, whoever was signed in before."""
    if member.disabled_at is not None:
        raise NotSignedIn("This member is disabled.")
    token = random_token()
    started = Session(
        token_digest=token_digest(token),
        id=new_id(now),
        member_id=member.id,
        role=member.role,
        csrf_token=random_token(),
        created_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(hours=rules.session_hours),
        how=how,
    )
    session.add(started)
    await session.flush()
    return started, token


async def find_session(
    session: AsyncSession, token: str, now: datetime, rules: DashboardSettings
) -> tuple[Session, Member] | None:
    """The living session of a cookie token and its member."""
    query = select(Session, Member).join(Member, col(Member.id) == Session.member_id)
    found = (await session.execute(query.where(Session.token_digest == token_digest(token)))).first()
    if found is None:
        return None
    signed_in, member = found
    idle = now - signed_in.last_seen_at > timedelta(minutes=rules.session_idle_minutes)
    ended = idle or signed_in.expires_at <= now or member.disabled_at is not None or member.role != signed_in.role
    return None if ended else (signed_in, member)


def needs_touch(signed_in: Session, now: datetime) -> bool:
    """Whether the time of last use is old enough to be worth a write."""
    return now - signed_in.last_seen_at > TOUCH_EVERY


async def touch_session(session: AsyncSession, session_id: str, now: datetime) -> None:
    await session.execute(update(Session).where(col(Session.id) == session_id).values(last_seen_at=now))


async def end_session(session: AsyncSession, session_id: str) -> None:
    await session.execute(delete(Session).where(col(Session.id) == session_id))


async def remove_ended(session: AsyncSession, now: datetime, rules: DashboardSettings) -> int:
    """Deletes sessions and links that can no longer be used."""
    idle_since = now - timedelta(minutes=rules.session_idle_minutes)
    old_sessions: CursorResult[object] = await session.execute(  # type: ignore[assignment]
        delete(Session).where((col(Session.expires_at) <= now) | (col(Session.last_seen_at) <= idle_since))
    )
    old_links: CursorResult[object] = await session.execute(  # type: ignore[assignment]
        delete(SignInLink).where(col(SignInLink.expires_at) <= now - timedelta(days=1))
    )
    return old_sessions.rowcount + old_links.rowcount
