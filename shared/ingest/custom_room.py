"""Room for events that nobody declared: so many names of one site and day, with the types of their properties.

What was seen goes to the rollups through the meter, from where the Health page reads it. The bound is kept by
each process; a new one reads the names of the day when it starts.
"""

import json
from collections.abc import Sequence
from datetime import date

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock, local_day
from shared.config import Settings, SiteSettings
from shared.derive.rollups import stored_keys
from shared.derive.rollups.intake import UNDECLARED
from shared.event_catalogue import Catalogue, type_of
from shared.ingest.event_fields import TrackEvent
from shared.ingest.event_properties import clean_name
from shared.ingest.intake_meter import IntakeMeter

Seen = set[tuple[str, str]]  # property and type
TYPES = 5
UNNAMED = "unnamed"


def with_clean_name(event: TrackEvent, catalogue: Catalogue) -> TrackEvent:
    """An undeclared event under a name that is free text no more, and none of a declared event."""
    name = clean_name(event.name)
    if name == event.name:
        return event
    return msgspec.structs.replace(event, name=name if name and name not in catalogue.definitions else UNNAMED)


class CustomRoom:
    """The undeclared names of today, by site."""

    def __init__(self, settings: Settings, clock: Clock, meter: IntakeMeter) -> None:
        self._settings = settings
        self._clock = clock
        self._meter = meter
        self._days: dict[str, tuple[date, dict[str, Seen]]] = {}

    async def load(self, session: AsyncSession) -> None:
        """Reads the names that this day has already."""
        for site in self._settings.all_sites():
            day = local_day(self._clock.now(), site.zone)
            names = await stored_keys(session, site.key, UNDECLARED, day)
            self._days[site.key] = (day, {name: set() for name in names})

    def refuse_too_many(self, site: SiteSettings, events: Sequence[TrackEvent]) -> list[TrackEvent]:
        """Those of the undeclared events whose name is one too many; the others are noted."""
        names = self._names_of_today(site)
        refused = []
        for event in events:
            seen = names.get(event.name)
            if seen is None:
                if len(names) >= self._settings.limits.custom_names:
                    refused.append(event)
                    continue
                seen = names[event.name] = set()
            self._meter.undeclared(site.key, event.name)
            self._note_properties(site.key, event, seen)
        return refused

    def _names_of_today(self, site: SiteSettings) -> dict[str, Seen]:
        today = local_day(self._clock.now(), site.zone)
        day, names = self._days.get(site.key, (None, {}))
        if day != today:
            names = {}
            self._days[site.key] = (today, names)
        return names

    def _note_properties(self, site: str, event: TrackEvent, seen: Seen) -> None:
        for name, value in event.props.items():
            if value is None or not name.isprintable() or len(seen) >= self._settings.limits.properties * TYPES:
                continue
            found = (clean_name(name), type_of(value))
            if found not in seen:
                seen.add(found)
                self._meter.undeclared_property(site, json.dumps([event.name, *found], ensure_ascii=False))
