"""Takes events in: check, clean, drop by rule, store once, count, all before the sender hears "thanks"."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock
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
from shared.ingest.site_days import ONE_DAY, SiteDay, SiteDays
from shared.ingest.track_body import NOBODY, About, Batch, RefusedBatch, about_problems, read_body, read_usual_body
from shared.store.database import Store
from shared.store.event_tables import NO_RARE
from shared.store.people import user_visitor

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


Then = Callable[[TrackOutcome | Exception], None]


class _Order(msgspec.Struct, frozen=True):
    """A request that was read, and when."""

    site: SiteSettings
    batch: Batch
    sender: Sender
    now: datetime
    received_at: float  # monotonic
    oldest: timedelta | None = None  # what an event may say of its age; a browser whose clock is wrong is here now
    is_counted: bool = False  # against the limit of its key


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
        self._days = SiteDays()
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
        oldest = BEHIND_WITH_KEY if sender.key is not None else None
        return await self._take(_Order(site, batch, sender, self._clock.now(), received_at, oldest))

    def begin(self, body: bytes, sender: Sender, then: Then) -> bool:
        """As `take` for a browser, but without a task of its own; `then` is told what came of it and must not raise.

        False when the request needs to wait before it is stored (a new day's salt) or is unusual; nothing has
        happened then, and `take` does it.
        """
        received_at = self._clock.monotonic()
        batch = read_usual_body(body, self._settings)
        site = self._settings.site(batch.site) if batch is not None and batch.about is NOBODY else None
        if batch is None or site is None:
            return False
        order = _Order(site, batch, sender, self._clock.now(), received_at)
        receipt = Receipt(self._meter, site.key, len(batch.events))
        try:
            sifted = self._sift(order, receipt)
            if isinstance(sifted, _Checked):
                if self._days_without_salt(order, sifted):
                    return False
                made = self._make_rows(order, sifted, receipt)
                if isinstance(made, list) and made:
                    self._store_then(order, sifted, made, receipt, then)
                    return True
                sifted = made if isinstance(made, TrackOutcome) else self._end(order, sifted, made, 0, receipt)
        except Exception as error:  # told to the sender
            receipt.end(error)
            then(error)
        else:
            receipt.end()
            then(sifted)
        return True

    def _store_then(
        self, order: _Order, checked: _Checked, rows: list[dict[str, Any]], receipt: Receipt, then: Then
    ) -> None:
        def stored(new: int | Exception) -> None:
            if isinstance(new, Exception):
                receipt.end(new)
                then(new)
            else:
                outcome = self._end(order, checked, rows, new, receipt)
                receipt.end()
                then(outcome)

        self._groups.hand_in(order.site.key, rows, stored)

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
        now, received_at = self._clock.now(), self._clock.monotonic()
        return await self._take(_Order(site, batch, sender, now, received_at, oldest, is_counted))

    def check_key_limit(self, key: Principal, events: int, now: datetime | None = None) -> None:
        """Raises `LimitReached` when a key may not send so many more in this minute."""
        if not self._limiter.allow_key(key.id, events, now):
            raise LimitReached("This key has sent too many events; please wait a minute.", 60)

    async def _take(self, order: _Order) -> TrackOutcome:
        site, person = order.site, order.batch.about.person
        with Receipt(self._meter, site.key, len(order.batch.events)) as receipt:
            checked = self._sift(order, receipt)
            if isinstance(checked, TrackOutcome):
                return checked
            for day in self._days_without_salt(order, checked):
                await self._hasher.have_salt(site.key, day)
            rows = self._make_rows(order, checked, receipt)
            if isinstance(rows, TrackOutcome):
                return rows
            if person is not None:
                new = await self._store_as_person(order.batch.about, site, rows, person)
            else:
                new = await self._groups.store_rows(site.key, rows) if rows else 0
            return self._end(order, checked, rows, new, receipt)

    def _end(
        self, order: _Order, checked: _Checked, rows: Sequence[dict[str, Any]], new: int, receipt: Receipt
    ) -> TrackOutcome:
        receipt.store(new, len(rows) - new, self._clock.monotonic() - order.received_at)
        return TrackOutcome(new, len(rows) - new, checked.dropped)

    def _sift(self, order: _Order, receipt: Receipt) -> _Checked | TrackOutcome:
        """What is good of a request; an outcome when nothing is."""
        if rule := self._dropping_rule(order.site, order.sender):
            receipt.drop(rule, len(order.batch.events))
            return TrackOutcome(rule=rule)
        oldest_ms = (order.now - order.oldest).timestamp() * 1000 if order.oldest is not None else 0
        checked = self._check(order.batch, receipt, oldest_ms)
        return checked if checked.good else TrackOutcome(dropped=checked.dropped)

    def _days_without_salt(self, order: _Order, checked: _Checked) -> list[date]:
        """A late beacon crosses midnight with yesterday's salt."""
        if order.sender.key is not None:
            return []
        today, key = self._days.of(order.site, order.now), order.site.key
        missing = [] if self._hasher.has_salt(key, today.day) else [today.day]
        if today.begins_after(checked.good) and not self._hasher.has_salt(key, today.day - ONE_DAY):
            missing.insert(0, today.day - ONE_DAY)  # in this order: a newer day makes older ones forgotten
        return missing

    def _make_rows(self, order: _Order, checked: _Checked, receipt: Receipt) -> list[dict[str, Any]] | TrackOutcome:
        """The rows of what is good, counted against the limits; an outcome when there is too much."""
        site, batch, sender = order.site, order.batch, order.sender
        self._meter.ignore_fields(site.key, batch.unknown_fields + batch.cut_texts)
        today = self._days.of(site, order.now)
        visitor = None if sender.key is not None else self._visitor(site, today.day, sender)
        if not order.is_counted and not self._is_within_limit(visitor, sender, len(checked.good), order.now):
            receipt.drop("limit", len(checked.good))
            return TrackOutcome(rule="limit")
        good = self._with_room(site, checked, receipt)
        return self._rows(order, good, visitor, today)

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

    def _visitor(self, site: SiteSettings, day: date, sender: Sender) -> str | None:
        return self._hasher.known_visitor(site.key, day, sender.address, sender.user_agent)

    def _rows(
        self, order: _Order, events: Sequence[TrackEvent], visitor: str | None, today: SiteDay
    ) -> list[dict[str, Any]]:
        """Rows with the visitor of the day they belong to."""
        site, about = order.site, order.batch.about
        yesterday: str | None = None
        if about.identified is not None:
            visitor = user_visitor(self._key, site.key, about.identified)
        elif about.person is not None:
            visitor = None
        elif visitor is not None and today.begins_after(events):
            yesterday = self._visitor(site, today.day - ONE_DAY, order.sender)
        is_daily = visitor is not None and about.identified is None

        def visitor_on(day: date) -> str | None:
            if visitor is None or not is_daily:
                return visitor
            if yesterday is not None and day == today.day - ONE_DAY:
                return yesterday
            return self._hasher.on_another_day(visitor, day)

        with_key = order.sender.key is not None
        received = Received(
            site, order.now, today.day, today.starts, today.ends, visitor, visitor_on, with_key=with_key
        )
        return [make_row(event, received, self._settings) for event in events]

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
