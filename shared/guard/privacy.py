"""Who a visitor is without knowing who: a keyed hash whose salt lives for one local day of the site.

Limits by address have such a salt too, and an import has one until it ends.

Addresses and user agents exist only inside these calls. On SQLite the salts are in a 0600 file beside
the database, on PostgreSQL in an UNLOGGED table that dumps leave out; both are gone within 48 hours.
"""

import asyncio
import json
import logging
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock, local_day
from shared.config import Settings
from shared.errors import CannotStore
from shared.identifiers import keyed_hash
from shared.store import dialect
from shared.store.database import Store

logger = logging.getLogger(__name__)

SALT_FILE = "salts.json"
SALT_BYTES = 32
ONE_DAY = timedelta(days=1)
SALT_HOURS = 48  # after the end of its day a salt lives no longer than this
OF_LIMITS = ""  # in place of a site: limits by address belong to none
UNKNOWN = "unknown"
SOCKET_ADDRESS = re.compile(r"(?:(?:[1-9]?\d|1\d\d|2[0-4]\d|25[0-5])(?:\.(?!$)|$)){4}", re.ASCII)
Network = IPv4Network | IPv6Network


class VisitorHasher:
    """Turns an address and a user agent into the visitor of one day."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._file = settings.store.data_dir / SALT_FILE if settings.uses_sqlite else None
        self._sites = settings.all_sites()
        self._store = store
        self._clock = clock
        self._salts: dict[tuple[str, date], bytes] = {}
        self._loading = asyncio.Lock()

    async def visitor(self, site: str, zone: str, address: str, user_agent: str, now: datetime) -> str:
        """32 hex digits that are the same for one site, local day, address and agent, and for nothing else."""
        salt = await self._salt(site, local_day(now, zone))
        return keyed_hash(salt, site, address, user_agent)

    def has_salt(self, site: str, day: date) -> bool:
        """Whether `known_visitor` knows the visitors of a local day."""
        return (site, day) in self._salts

    async def have_salt(self, site: str, day: date) -> None:
        """Loads or makes the salt of a local day."""
        await self._salt(site, day)

    def known_visitor(self, site: str, day: date, address: str, user_agent: str) -> str | None:
        """`visitor` of a local day, or None when its salt is not at hand."""
        salt = self._salts.get((site, day))
        return None if salt is None else keyed_hash(salt, site, address, user_agent)

    async def address_bucket(self, address: str, now: datetime) -> str:
        """What stands for an address in a limit: the same on one UTC day, and nobody's once its salt is gone.

        At midnight UTC a limit by address starts anew.
        """
        return address_bucket(await self._salt(OF_LIMITS, now.date()), address)

    @staticmethod
    def on_another_day(visitor: str, day: date) -> str:
        """The visitor of a late report about a day whose salt is gone: joins no two days."""
        return keyed_hash(visitor.encode(), day.isoformat())

    async def _salt(self, site: str, day: date) -> bytes:
        known = self._salts.get((site, day))
        if known is not None:
            return known
        async with self._loading:
            if (site, day) not in self._salts:
                self._salts[site, day] = await self._load_or_make(site, day)
                self._forget_old(site, day)
            return self._salts[site, day]

    async def _load_or_make(self, site: str, day: date) -> bytes:
        fresh = secrets.token_bytes(SALT_BYTES)
        if self._file is not None:
            try:
                return await asyncio.to_thread(keep_salt_in_file, self._file, site, day, fresh)
            except OSError as error:  # disk full, folder read-only
                raise CannotStore from error
        return await self._store.writer.run(lambda session: dialect.keep_salt(session, site, day, fresh))

    def _forget_old(self, site: str, day: date) -> None:
        """Only this site's: at any moment two sites may be on different days."""
        oldest = {site: day - ONE_DAY}
        self._salts = {key: salt for key, salt in self._salts.items() if key[1] >= oldest.get(key[0], date.min)}

    async def import_salt(self, name: str) -> bytes:
        """The salt of visitors in an import, the same until it ends, also for a run that goes on where one was cut off.

        Of an import that never ends it is destroyed like any salt; what goes on later has a new one.
        """
        today = self._clock.now().date()
        kept = {day for day in await self.days_with_salts(name) if day >= today - ONE_DAY}
        return await self._salt(name, min(kept, default=today))

    async def end_import(self, name: str) -> None:
        """Destroys its salt: from here on nobody can be found by the id that they had elsewhere."""
        async with self._loading:
            self._salts = {key: salt for key, salt in self._salts.items() if key[0] != name}
            if self._file is not None:
                try:
                    await asyncio.to_thread(remove_old_from_file, self._file, {name: date.max}, date.min)
                except OSError as error:  # disk full, folder read-only
                    raise CannotStore from error
            else:
                await self._store.writer.run(lambda session: _remove_old_rows(session, {name: date.max}, date.min))

    async def days_with_salts(self, site: str | None = None) -> set[date]:
        """The days whose visitors could still be computed, of a site or of anything."""
        if self._file is not None:
            salts = await asyncio.to_thread(_read_salts, self._file)
            return {date.fromisoformat(day) for name in salts if site in (None, name) for day in salts[name]}
        async with self._store.read() as session:
            return await dialect.days_with_salts(session, site)

    async def destroy_old(self) -> int:
        """Removes the salts of the days before a site's yesterday, so none lives longer than two days; how many."""
        now = self._clock.now()
        oldest = {site.key: local_day(now, site.zone) - ONE_DAY for site in self._sites}
        others = now.date() - ONE_DAY
        async with self._loading:
            self._salts = {key: salt for key, salt in self._salts.items() if key[1] >= oldest.get(key[0], others)}
            if self._file is not None:
                return await asyncio.to_thread(remove_old_from_file, self._file, oldest, others)
            return await self._store.writer.run(lambda session: _remove_old_rows(session, oldest, others))


async def _remove_old_rows(session: AsyncSession, oldest: Mapping[str, date], others: date) -> int:
    removed = await dialect.remove_salts_before(session, others)
    for site, day in sorted(oldest.items()):
        removed += await dialect.remove_salts_before(session, day, site)
    if removed:
        await dialect.rewrite_salts(session)
    return removed


def keep_salt_in_file(path: Path, site: str, day: date, fresh: bytes) -> bytes:
    """The stored salt of that day, or `fresh` once it is stored."""
    salts = _read_salts(path)
    stored = salts.get(site, {}).get(day.isoformat())
    if stored is not None:
        return bytes.fromhex(stored)
    salts.setdefault(site, {})[day.isoformat()] = fresh.hex()
    _write_salts(path, _without_old(salts, {site: day - ONE_DAY}, date.min))
    return fresh


def remove_old_from_file(path: Path, oldest: Mapping[str, date], others: date) -> int:
    """Rewrites the file without the salts of days before a site's oldest one."""
    salts = _read_salts(path)
    kept = _without_old(salts, oldest, others)
    removed = sum(map(len, salts.values())) - sum(map(len, kept.values()))
    if removed:
        _write_salts(path, kept)
    return removed


def _without_old(
    salts: dict[str, dict[str, str]], oldest: Mapping[str, date], others: date
) -> dict[str, dict[str, str]]:
    kept = {
        site: {day: salt for day, salt in days.items() if date.fromisoformat(day) >= oldest.get(site, others)}
        for site, days in salts.items()
    }
    return {site: days for site, days in kept.items() if days}


def _read_salts(path: Path) -> dict[str, dict[str, str]]:
    """What the file holds; of a damaged one nothing, because new salts only count today's visitors once more."""
    try:
        salts: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8"))
        if not all(_is_salt(day, salt) for days in salts.values() for day, salt in days.items()):
            raise ValueError
        return salts
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError):
        logger.warning("%s is damaged; new salts are made", path.name)
        return {}


def _is_salt(day: str, salt: str) -> bool:
    return date.fromisoformat(day).isoformat() == day and len(bytes.fromhex(salt)) == SALT_BYTES


def _write_salts(path: Path, salts: dict[str, dict[str, str]]) -> None:
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        json.dump(salts, handle)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(path)


def address_bucket(key: bytes, address: str) -> str:
    """A keyed hash of the address for limits: IPv6 by /64, mapped IPv4 as IPv4."""
    return keyed_hash(key, "address", _network_part(address))


def _network_part(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Network((int(parsed), 64), strict=False))
    return str(parsed)


def client_address(peer: str | None, forwarded_for: str | None, proxies: Sequence[Network]) -> str:
    """The right-most address that is not one of the configured proxies; the peer when none is configured."""
    if not forwarded_for and peer and SOCKET_ADDRESS.fullmatch(peer):
        return peer  # as a socket writes it
    hops = [part.strip() for part in (forwarded_for or "").split(",") if part.strip()]
    address = _parse(peer)
    if address is None:
        return UNKNOWN
    while hops and _is_among(address, proxies):
        following = _parse(hops.pop())
        if following is None:
            break
        address = following
    return str(address)


def is_proxy(peer: str | None, proxies: Sequence[Network]) -> bool:
    """Whether a connection comes from one of the configured proxies, whose forwarded headers count."""
    address = _parse(peer)
    return address is not None and _is_among(address, proxies)


def _is_among(address: IPv4Address | IPv6Address, proxies: Sequence[Network]) -> bool:
    return any(address in network for network in proxies if network.version == address.version)


def passed_on_address(values: Sequence[str]) -> str:
    """The left-most address of `X-Forwarded-For`, for senders that we trust to write one of their own there.

    Proxies between them and us append theirs behind it.
    """
    return str(_parse(",".join(values).partition(",")[0]) or UNKNOWN)


def _parse(text: str | None) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1` or `[2001:db8::1]:5678`."""
    bare = (text or "").strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        parsed = ip_address(bare)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed
