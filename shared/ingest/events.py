"""Takes events in: check, clean, drop by rule, store once, count, all before the sender hears "thanks"."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock, day_start, local_day
from shared.config import Settings, SiteSettings
from shared.errors import FieldProblem, InvalidInput, LimitReached, NotAllowed
from shared.event_catalogue import DECLARED, UNDECLARED
from shared.guard.principals import Principal
from shared.guard.privacy import VisitorHasher
from shared.guard.rate_limits import TrackLimiter
from shared.ingest.custom_room import CustomRoom, with_clean_name
from shared.ingest.event_fields import BEHIND, BEHIND_WITH_KEY, Received, TrackEvent, find_problem, make_row
from shared.ingest.event_groups import EventGroups, store_alone
from shared.ingest.identities import note_web_usage
from shared.ingest.intake_meter import INSTALLATION, IntakeMeter, Receipt
from shared.ingest.noise_filter import is_bot
from shared.ingest.track_body import About, Batch, RefusedBatch, about_problems, read_body
from shared.store.database import Store
from shared.store.event_tables import NO_RARE
from shared.store.people import user_visitor

ONE_DAY = timedelta(days=1)
TOO_OLD = "too_old"
TOO_MANY_NAMES = "too many names today that the catalogue of events does not know"


class Sender(msgspec.Struct, frozen=True):
    """Who sent it; address and user agent live no longer than this object."""

    address: str = ""
    user_agent: str = ""
    opted_out: str | None = None  # gpc or dnt
    key: Principal | None = None
    passed_on_by: Principal | None = None  # the docs site that speaks for this browser


@dataclass(frozen=True)
class Dropped:
    """An event of a batch that was left out, and why."""

    index: int
    field: str
    reason: str


class TrackOutcome(msgspec.Struct, frozen=True):
    """What became of a request; `rule` names the rule that dropped all of it."""

    stored: int = 0
    repeated: int = 0
    dropped: list[Dropped] = []
    rule: str | None = None


class _SiteDay(msgspec.Struct, frozen=True):
    """A site's local day, when it begins and when it ends."""

    day: date
    starts: datetime
    ends: datetime
    starts_ms: float


class _Checked(msgspec.Struct, frozen=True):
    """The good events of a batch, which of them (by index) nobody declared, and what was left out."""

    good: list[TrackEvent] = []
    undeclared: dict[int, TrackEvent] = {}
    dropped: list[Dropped] = []


class EventIntake:
    """The way in for events."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        store: Store,
        hasher: VisitorHasher,
        limiter: TrackLimiter,
        meter: IntakeMeter,
        key: bytes,
    ) -> None:
        self._groups = EventGroups(store, settings.store.queue_limit)
        self._settings = settings
        self._clock = clock
        self._store = store
        self._hasher = hasher
        self._limiter = limiter
        self._meter = meter
        self._key = key
        self._days: dict[str, _SiteDay] = {}  # of now, by site
        self.custom = CustomRoom(settings, clock, meter)

    async def take(self, body: bytes, sender: Sender) -> TrackOutcome:
        """Stores a batch or one flat event.

        Raises `InvalidInput` when nothing in it is good, `LimitReached` for a key over its limit,
        `NotAllowed` for a key of another site, `CannotStore` when the store cannot take it.
        """
        received_at = self._clock.monotonic()
        try:
            batch = read_body(body, self._settings)
        except RefusedBatch as refused:
            self._note_refused(refused)
            raise
        except InvalidInput:
            self.note_unreadable()
            raise
        site = self._settings.site(batch.site)
        if site is None:
            return self._drop_all("unknown_site", len(batch.events))
        oldest = BEHIND_WITH_KEY if sender.key is not None else None  # a browser whose clock is wrong is here now
        return await self._take(site, batch, sender, received_at, oldest)

    def note_unreadable(self) -> None:
        """Counts a body that nothing could be read from as one event."""
        self._drop_all("unreadable", 1)

    def _note_refused(self, refused: RefusedBatch) -> None:
        """Counts every event of a batch that was refused as a whole."""
        if self._settings.site(refused.site) is None:
            self._drop_all("unreadable", refused.events)
            return
        with Receipt(self._meter, refused.site, refused.events) as receipt:
            receipt.drop("invalid", refused.events)

    def _drop_all(self, reason: str, events: int) -> TrackOutcome:
        with Receipt(self._meter, INSTALLATION, events) as receipt:
            receipt.drop(reason, events)
        return TrackOutcome(rule=reason)

    async def take_events(
        self,
        site: SiteSettings,
        events: Sequence[TrackEvent],
        sender: Sender,
        *,
        person: str | None = None,
        language: str | None = None,
        zone: str | None = None,
        identified: str | None = None,
        is_counted: bool = False,
    ) -> TrackOutcome:
        """As `take`, for events that are read already: rules, check, limits, visitor, store, all before it returns.

        `identified` is a server's own id of its user: the visitor is then a keyed hash of it that is the same
        on all days, never the id itself. Events that are said to be older than we believe are left out. With
        `is_counted` they were held against the limit of their key already, by `check_key_limit`.
        """
        problems = about_problems({"person": person, "language": language, "zone": zone})
        if problems:
            with Receipt(self._meter, site.key, len(events)):
                raise InvalidInput("The events were refused.", problems)
        batch = Batch(site.key, events, About(person, language, zone, identified))
        oldest = BEHIND_WITH_KEY if sender.key is not None else BEHIND
        return await self._take(site, batch, sender, self._clock.monotonic(), oldest, is_counted)

    def check_key_limit(self, key: Principal, events: int, now: datetime | None = None) -> None:
        """Raises `LimitReached` when a key may not send so many more in this minute."""
        if not self._limiter.allow_key(key.id, events, now):
            raise LimitReached("This key has sent too many events; please wait a minute.", 60)

    async def _take(
        self,
        site: SiteSettings,
        batch: Batch,
        sender: Sender,
        received_at: float,
        oldest: timedelta | None,
        is_counted: bool = False,
    ) -> TrackOutcome:
        with Receipt(self._meter, site.key, len(batch.events)) as receipt:
            if rule := self._dropping_rule(site, sender):
                receipt.drop(rule, len(batch.events))
                return TrackOutcome(rule=rule)
            self._meter.ignore_fields(site.key, batch.unknown_fields + batch.cut_texts)
            now = self._clock.now()
            checked = self._check(batch, receipt, (now - oldest).timestamp() * 1000 if oldest is not None else 0)
            if not checked.good:
                return TrackOutcome(dropped=checked.dropped)
            visitor = await self._visitor(site, sender, now) if sender.key is None else None
            if not is_counted and not self._is_within_limit(visitor, sender, len(checked.good), now):
                receipt.drop("limit", len(checked.good))
                return TrackOutcome(rule="limit")
            good = self._with_room(site, checked, receipt)
            rows = await self._rows(batch.about, site, sender, good, visitor, now)
            if batch.about.person is not None:
                stored = await self._store_as_person(batch.about, site, rows, batch.about.person)
            else:
                stored = await self._groups.store_rows(site.key, rows) if rows else 0
            receipt.store(stored, len(rows) - stored, self._clock.monotonic() - received_at)
        return TrackOutcome(stored, len(rows) - stored, checked.dropped)

    def _dropping_rule(self, site: SiteSettings, sender: Sender) -> str | None:
        presented = sender.key or sender.passed_on_by
        if presented is not None and presented.site != site.key:
            raise NotAllowed(f"This key belongs to another site than {site.key}.")
        if sender.key is not None:
            return None
        if sender.opted_out:
            return sender.opted_out
        return "bot" if is_bot(sender.user_agent, site.key) else None

    def _check(self, batch: Batch, receipt: Receipt, oldest_ms: float) -> _Checked:
        """Each event on its own: its fields, then what the catalogue says of it, then its age."""
        checked, limits, catalogue = _Checked(), self._settings.limits, self._settings.event_catalogue
        too_old: list[Dropped] = []
        for index, event in enumerate(batch.events):
            problem = event if isinstance(event, FieldProblem) else find_problem(event, limits)
            if problem is None:
                good = cast(TrackEvent, event)
                judgement = catalogue.judge(good)
                if good.at is not None and good.at < oldest_ms and judgement.verdict != "invalid":
                    too_old.append(Dropped(index, "at", "too long ago"))
                elif judgement is DECLARED:
                    checked.good.append(good)
                elif judgement is UNDECLARED:
                    good = with_clean_name(good, catalogue)
                    checked.good.append(good)
                    checked.undeclared[index] = good
                else:
                    problem = FieldProblem(judgement.field, judgement.problem)
            if problem is not None:
                checked.dropped.append(Dropped(index, problem.field, problem.reason))
        if checked.dropped or too_old:
            self._note_bad(batch, checked, too_old, receipt)
        return checked

    def _note_bad(self, batch: Batch, checked: _Checked, too_old: Sequence[Dropped], receipt: Receipt) -> None:
        """Raises `InvalidInput` when all of them are bad."""
        receipt.judge("invalid", len(checked.dropped))
        if not checked.good and not too_old:
            places = [FieldProblem(batch.place(bad.index, bad.field), bad.reason) for bad in checked.dropped]
            raise InvalidInput("No event could be taken.", places)
        receipt.drop("invalid", len(checked.dropped))
        receipt.drop(TOO_OLD, len(too_old))
        checked.dropped.extend(too_old)

    def _with_room(self, site: SiteSettings, checked: _Checked, receipt: Receipt) -> list[TrackEvent]:
        """The good events without those of a new name that nobody declared, once there are too many such names."""
        receipt.judge("declared", len(checked.good) - len(checked.undeclared))
        if not checked.undeclared:
            return checked.good
        receipt.judge("undeclared", len(checked.undeclared))
        refused = {id(event) for event in self.custom.refuse_too_many(site, list(checked.undeclared.values()))}
        for index, event in checked.undeclared.items():
            if id(event) in refused:
                checked.dropped.append(Dropped(index, "name", TOO_MANY_NAMES))
        receipt.drop("too_many_names", len(refused))
        return [event for event in checked.good if id(event) not in refused]

    def _is_within_limit(self, visitor: str | None, sender: Sender, events: int, now: datetime) -> bool:
        if visitor is not None:
            return self._limiter.allow_visitor(visitor, events, now)
        if sender.key is not None:
            self.check_key_limit(sender.key, events, now)
        return True

    async def _visitor(self, site: SiteSettings, sender: Sender, now: datetime) -> str:
        today = self._day_of(site, now).day
        known = self._hasher.known_visitor(site.key, today, sender.address, sender.user_agent)
        return known or await self._visitor_at(site, sender, now)

    async def _visitor_at(self, site: SiteSettings, sender: Sender, moment: datetime) -> str:
        return await self._hasher.visitor(site.key, site.zone, sender.address, sender.user_agent, moment)

    async def _rows(
        self,
        about: About,
        site: SiteSettings,
        sender: Sender,
        events: Sequence[TrackEvent],
        visitor: str | None,
        now: datetime,
    ) -> list[dict[str, Any]]:
        """Rows with the visitor of the day they belong to; a late beacon crosses midnight with yesterday's salt."""
        today = self._day_of(site, now)
        others: dict[date, str] = {}
        if about.identified is not None:
            visitor = user_visitor(self._key, site.key, about.identified)
        elif about.person is not None:
            visitor = None
        elif visitor is not None and any([event.at is not None and event.at < today.starts_ms for event in events]):
            others[today.day - ONE_DAY] = await self._visitor_at(site, sender, now - ONE_DAY)
        is_daily = visitor is not None and about.identified is None

        def visitor_on(day: date) -> str | None:
            if visitor is None or not is_daily:
                return visitor
            return others.get(day) or self._hasher.on_another_day(visitor, day)

        with_key = sender.key is not None
        received = Received(site, now, today.day, today.starts, today.ends, visitor, visitor_on, with_key=with_key)
        return [make_row(event, received, self._settings) for event in events]

    def _day_of(self, site: SiteSettings, now: datetime) -> _SiteDay:
        known = self._days.get(site.key)
        if known is None or not known.starts <= now < known.ends:
            day = local_day(now, site.zone)
            starts, ends = day_start(day, site.zone), day_start(day + ONE_DAY, site.zone)
            known = self._days[site.key] = _SiteDay(day, starts, ends, starts.timestamp() * 1000)
        return known

    async def _store_as_person(
        self, about: About, site: SiteSettings, rows: Sequence[dict[str, Any]], person: str
    ) -> int:
        """In a unit of its own, because the person's usage moves with the rows."""
        now = self._clock.now()

        async def unit(session: AsyncSession) -> int:
            person_id, visitor = await note_web_usage(
                session, self._settings, self._key, site, person, now, language=about.language, zone=about.zone
            )
            owned = [{**NO_RARE, **row, "person_id": person_id, "visitor": visitor} for row in rows]
            return await store_alone(session, site.key, owned)

        return await self._store.writer.run(unit, brief=True)
