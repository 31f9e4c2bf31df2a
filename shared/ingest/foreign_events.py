"""Takes what a foreign format was read into: events by the same way in as our own, traits of people whom we know."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from shared.config import Settings, SiteSettings
from shared.derive.rollups.intake import DROP, RECEIVED
from shared.errors import BodyTooLarge, InvalidInput, LimitReached, NotAllowed, UnsupportedBody
from shared.guard.principals import Principal
from shared.ingest.event_fields import TrackEvent
from shared.ingest.events import EventIntake, Sender
from shared.ingest.identities import keep_traits
from shared.ingest.intake_meter import INSTALLATION, IntakeMeter
from shared.ingest.protocols.foreign import Parsed
from shared.ingest.track_body import count_cut
from shared.store.database import Store

USERS_AT_ONCE = 100  # far below what may wait for the writer
UNKNOWN_SITE = "unknown_site"
NOT_ALLOWED = "not_allowed"
TOO_LARGE = "too_large"


class ForeignIntake:
    """The way in for events of foreign clients."""

    def __init__(self, settings: Settings, store: Store, meter: IntakeMeter, events: EventIntake) -> None:
        self._settings = settings
        self._store = store
        self._meter = meter
        self._events = events

    def find_site(self, *names: str | None) -> SiteSettings | None:
        """The site that one of the names means, as its host or its key."""
        for name in filter(None, names):
            found = self._settings.site_of_host(name) or self._settings.site(name)
            if found is not None:
                return found
        return None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around the reading of a body: one that cannot be read, or is too large, is accounted for as one event.

        Too many messages in one body are accounted for one by one. A body of a type that is not taken is none.
        """
        try:
            yield
        except BodyTooLarge as error:
            self._leave_out(INSTALLATION, TOO_LARGE, error.messages)
            raise
        except UnsupportedBody:
            raise
        except InvalidInput:
            self._events.note_unreadable()
            raise

    def check_key(self, sites: Iterable[SiteSettings], sender: Sender) -> None:
        """Before anything of a request for several sites is stored: all of it is for the key's own site, or none is.

        What the sender sends is then counted once, at the first site that the key may not send to.
        """
        for site in sites:
            if not _may_send(sender, site):
                self._leave_out(site.key, NOT_ALLOWED, 1)
                raise NotAllowed(f"This key belongs to another site than {site.key}; nothing of this was kept.")

    async def take(self, site: SiteSettings | None, parsed: Parsed, sender: Sender) -> None:
        """Returns when everything is stored or left out for a counted reason.

        Raises `NotAllowed` for a key of another site, `LimitReached` for a key over its limit and `CannotStore`: the
        sender sends all of it again, and what was stored already is a repeat. What a browser says of its user is
        not believed: only a key's word makes two events those of one user.
        """
        if site is None:
            self._leave_out(INSTALLATION, UNKNOWN_SITE, parsed.size)
            return
        if not _may_send(sender, site):  # also of what holds no events, but traits
            self._leave_out(site.key, NOT_ALLOWED, parsed.size)
            raise NotAllowed(f"This key belongs to another site than {site.key}.")
        if sender.key is not None:
            self._check_limit(site, sender.key, parsed)
        for reason, count in parsed.left_out.items():
            self._leave_out(site.key, reason, count)
        cut = count_cut([said.event for said in parsed.events], self._settings.limits)
        self._meter.ignore_fields(site.key, cut + sum(said.ignored for said in parsed.events))
        groups: dict[str | None, list[TrackEvent]] = defaultdict(list)
        for said in parsed.events:
            groups[said.user if sender.key is not None else None].append(said.event)
        waiting = list(groups.items())
        for start in range(0, len(waiting), USERS_AT_ONCE):
            await self._take_groups(site, waiting[start : start + USERS_AT_ONCE], sender)
        if parsed.traits and sender.key is not None:
            await self._store.writer.run(partial(keep_traits, site=site, traits=parsed.traits))

    def _check_limit(self, site: SiteSettings, key: Principal, parsed: Parsed) -> None:
        """For all of a request at once: of what is sent again without ids nothing may be in the store."""
        try:
            self._events.check_key_limit(key, len(parsed.events))
        except LimitReached:
            self._leave_out(site.key, "limit", parsed.size)
            raise

    async def _take_groups(
        self, site: SiteSettings, groups: Sequence[tuple[str | None, list[TrackEvent]]], sender: Sender
    ) -> None:
        """All at once, so that they are committed together; the first real error when all are done."""
        takings = [self._take_group(site, user, events, sender) for user, events in groups]
        for result in await asyncio.gather(*takings, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def _take_group(
        self, site: SiteSettings, user: str | None, events: Sequence[TrackEvent], sender: Sender
    ) -> None:
        try:
            await self._events.take_events(site, events, sender, identified=user, is_counted=sender.key is not None)
        except InvalidInput:
            return  # counted there; nothing of this user is good, yet the rest of the request may be

    def _leave_out(self, site: str, reason: str, count: int) -> None:
        self._meter.account(site, {(RECEIVED, ""): count, (DROP, reason): count})


def _may_send(sender: Sender, site: SiteSettings) -> bool:
    presented = sender.key or sender.passed_on_by
    return presented is None or presented.site == site.key
