"""The local day that a site has now, worked out once a day."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import msgspec

from shared.clock import day_start, local_day
from shared.config import SiteSettings
from shared.ingest.event_fields import TrackEvent

ONE_DAY = timedelta(days=1)


class SiteDay(msgspec.Struct, frozen=True):
    """A site's local day, when it begins and when it ends."""

    day: date
    starts: datetime
    ends: datetime
    starts_ms: float

    def begins_after(self, events: Iterable[TrackEvent]) -> bool:
        """Whether one of the events is from an earlier day."""
        return any([event.at is not None and event.at < self.starts_ms for event in events])


class SiteDays:
    """The day of now, by site."""

    def __init__(self) -> None:
        self._days: dict[str, SiteDay] = {}

    def of(self, site: SiteSettings, now: datetime) -> SiteDay:
        known = self._days.get(site.key)
        if known is None or not known.starts <= now < known.ends:
            day = local_day(now, site.zone)
            starts, ends = day_start(day, site.zone), day_start(day + ONE_DAY, site.zone)
            known = self._days[site.key] = SiteDay(day, starts, ends, starts.timestamp() * 1000)
        return known
