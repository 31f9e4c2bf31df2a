"""Plausible's CSV export: sums of whole days, without visitors. They become counters of days that have no rows here.

An export is a zip or a folder of `imported_visitors…csv`, `imported_pages…csv` and so on, each sorted by date.
Where one is not, a day is given when its last row was read, as a day is taken only once.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from shared.config import LimitSettings
from shared.event_catalogue import FILE_DOWNLOAD, OUTBOUND_CLICK, PAGE_VIEW
from shared.ingest.custom_room import UNNAMED
from shared.ingest.event_fields import clean_page
from shared.ingest.event_properties import clean_name
from shared.ingest.imports.rows import DayCounts, Found, Progress, Rejected, Row, Source, read_rows, sources_in
from shared.ingest.protocols.foreign import host_of, text_of
from shared.ingest.protocols.plausible import DOWNLOAD, OUTBOUND

PART = re.compile(r"(imported_[a-z_]+?)(?:_\d{8}_\d{8})?\.csv", re.IGNORECASE)
LARGEST_COUNT = 10**12
SAME_AS = {OUTBOUND: OUTBOUND_CLICK, DOWNLOAD: FILE_DOWNLOAD}  # as events of its script are called here
Reader = Callable[[DayCounts, Mapping[str, Any], LimitSettings], None]


def read_plausible(path: Path, limits: LimitSettings, progress: Progress) -> Iterator[Found]:
    """A day of each file that we keep; of the other files one line says that they are left out."""
    with sources_in(path) as sources:
        for source in sources:
            name = PART.fullmatch(source.name)
            part = name[1].lower() if name else ""
            if part in READERS:
                yield from _read_part(source, part, limits, progress)
            else:
                progress(2 * source.size)  # others are read twice
                yield Rejected(source.name, 0, "nothing of this file is kept")


def _read_part(source: Source, part: str, limits: LimitSettings, progress: Progress) -> Iterator[Found]:
    """A sorted file has one day in memory at a time; of a day without a good row none comes."""
    left = Counter(day for row in read_rows(source, progress) if (day := _day_of(row)[0]))
    open_days: dict[str, DayCounts] = {}
    for row in read_rows(source, progress):
        day, problem = _day_of(row)
        if problem is None:
            counts = open_days.setdefault(day, DayCounts(source.name, row.line, part, day))
            problem = _add_row(counts, row, limits)
        if problem is not None:
            yield Rejected(row.file, row.line, problem)
        left[day] -= 1
        if day and not left[day]:
            counts = open_days.pop(day)
            if counts.cells:
                yield counts


def _add_row(counts: DayCounts, row: Row, limits: LimitSettings) -> str | None:
    """Adds a row to its day; what is wrong with it when it cannot be."""
    try:
        READERS[counts.part](counts, row.values, limits)
    except (KeyError, ValueError) as error:
        return f"{str(error).strip(chr(39))}: missing or no number"
    return None


def _day_of(row: Row) -> tuple[str, str | None]:
    if row.problem is not None:
        return "", row.problem
    try:
        return date.fromisoformat(str(row.values.get("date", ""))[:10]).isoformat(), None
    except ValueError:
        return "", "date: no day"


def _visitors(counts: DayCounts, values: Mapping[str, Any], _limits: LimitSettings) -> None:
    visitors, views = _number(values, "visitors"), _number(values, "pageviews")
    counts.add("visitor_day", "", visitors)
    counts.add("page_view", "", views)
    counts.add("event", PAGE_VIEW, views)


def _pages(counts: DayCounts, values: Mapping[str, Any], limits: LimitSettings) -> None:
    page = clean_page(text_of(values["page"], limits.page_characters * 2), limits.page_characters) or "/"
    views = _number(values, "pageviews")
    seconds = _number(values, "total_time_on_page" if "total_time_on_page" in values else "time_on_page", 0)
    counts.add("page", page, views)
    counts.add("engaged_ms", "", 0, seconds * 1000)


def _sources(counts: DayCounts, values: Mapping[str, Any], _limits: LimitSettings) -> None:
    """By the host of the referrer, as we count them; a source without one keeps Plausible's name for it."""
    referrer, name = text_of(values.get("referrer"), 1000), text_of(values.get("source"), 100)
    key = host_of(f"//{referrer.split('//')[-1]}") if referrer else clean_name(name.lower()) if name else None
    views = _number(values, "pageviews")
    if key and key != "direct / none":
        counts.add("source", key, views)


def _custom_events(counts: DayCounts, values: Mapping[str, Any], limits: LimitSettings) -> None:
    name = text_of(values["name"], limits.name_characters)
    if name is None:
        raise KeyError("name")
    counts.add("event", SAME_AS.get(name) or clean_name(name) or UNNAMED, _number(values, "events"))


def _number(values: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """Raises ValueError with the column's name."""
    text = str(values.get(name, "" if default is None else default)).strip()
    if not re.fullmatch(r"\d{1,12}(?:\.\d*)?", text):
        raise ValueError(name)
    return min(int(float(text)), LARGEST_COUNT)


READERS: dict[str, Reader] = {
    "imported_visitors": _visitors,
    "imported_pages": _pages,
    "imported_sources": _sources,
    "imported_custom_events": _custom_events,
}
