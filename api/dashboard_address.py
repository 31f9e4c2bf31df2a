"""The address of a dashboard page is its state: site, period and comparison are read from it and written to it.

Days are whole local days of the site. Nonsense in an address falls back to the default, so an old link still opens.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from shared.clock import local_day
from shared.config import Settings, SiteSettings
from shared.derive.kpis import period_before

DEFAULT_PERIOD = "28"
PERIODS = {
    "today": "Today",
    "yesterday": "Yesterday",
    "7": "Last 7 days",
    "28": "Last 28 days",
    "91": "Last 91 days",
    "month": "This month",
    "last-month": "Last month",
    "year": "Last 12 months",
    "custom": "Custom days",
}
COMPARISONS = {
    "previous": "Previous period",
    "year": "Same period last year",
    "custom": "Custom days",
    "off": "No comparison",
}
MAX_DAYS = 731
OLDEST = date(2000, 1, 1)  # nothing was counted before; a reader may type any year
DAY = timedelta(days=1)
_SAFE_PATH = re.compile(r"/app(?:/[A-Za-z0-9_-]+)*/?(?:\?[A-Za-z0-9_.~%&=+/?:@!$'()*,;-]*)?", re.ASCII)


@dataclass(frozen=True)
class View:
    """What a page shows: one site, its days, and the days beside them."""

    site: SiteSettings
    period: str
    start: date
    end: date
    today: date
    compare: str = "previous"
    against: tuple[date, date] | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def is_whole(self) -> bool:
        """Whether the last day is over."""
        return self.end < self.today

    def parameters(self) -> dict[str, str]:
        """The parameters that differ from the defaults, in a fixed order."""
        found = {"site": self.site.key}
        if self.period != DEFAULT_PERIOD:
            found["period"] = self.period
        if self.period == "custom":
            found |= {"from": self.start.isoformat(), "to": self.end.isoformat()}
        if self.compare != "previous":
            found["compare"] = self.compare
        if self.compare == "custom" and self.against:
            found |= {"against_from": self.against[0].isoformat(), "against_to": self.against[1].isoformat()}
        return found | {key: value for key, value in self.extra.items() if value}

    def shifted(self, path: str, direction: int) -> str:
        """The same number of days, directly earlier or later, never beyond today."""
        step = DAY * self.days * direction
        end = min(self.end + step, self.today)
        start = end - DAY * (self.days - 1)
        return self.link(path, period="custom", **{"from": start.isoformat(), "to": end.isoformat()})

    def link(self, path: str, **changes: str) -> str:
        """An address with these parameters changed; an empty value removes one."""
        query = {key: value for key, value in (self.parameters() | changes).items() if value}
        return f"{path}?{urlencode(query)}"


def read_view(query: Mapping[str, str], settings: Settings, now: datetime, *extra: str) -> View | None:
    """The view that an address asks for; None while no site exists. `extra` are parameters of the page to keep."""
    sites = settings.all_sites()
    if not sites:
        return None
    site = settings.site(query.get("site", "")) or sites[0]
    today = local_day(now, site.zone)
    period = query.get("period", DEFAULT_PERIOD)
    if period not in PERIODS:
        period = DEFAULT_PERIOD
    days = _days_of(query, "from", "to", today) if period == "custom" else _named_days(period, today)
    start, end = days or _named_days(DEFAULT_PERIOD, today)
    compare = query.get("compare", "previous")
    if compare not in COMPARISONS:
        compare = "previous"
    against = _against(query, compare, start, end, today)
    kept = {name: query.get(name, "")[:200] for name in extra}
    return View(site, period, start, end, today, compare, against, kept)


def safe_path(value: str | None) -> str:
    """A path of our own dashboard, or its first page: an address never leads elsewhere."""
    if value and len(value) < 1000 and _SAFE_PATH.fullmatch(value):
        return value
    return "/app"


def _named_days(period: str, today: date) -> tuple[date, date]:
    if period == "today":
        return today, today
    if period == "yesterday":
        return today - DAY, today - DAY
    if period == "month":
        return today.replace(day=1), today
    if period == "last-month":
        last = today.replace(day=1) - DAY
        return last.replace(day=1), last
    if period == "year":
        return _year_before(today) + DAY, today
    return today - DAY * (int(period) - 1 if period.isdecimal() else 27), today


def _days_of(query: Mapping[str, str], first: str, last: str, today: date) -> tuple[date, date] | None:
    """Two dates of an address, put in order and cut to what exists; None if one is no date."""
    try:
        start, end = sorted((date.fromisoformat(query.get(first, "")), date.fromisoformat(query.get(last, ""))))
    except ValueError:
        return None
    end = min(max(end, OLDEST), today)
    start = min(max(start, OLDEST), end)
    return max(start, end - DAY * (MAX_DAYS - 1)), end


def _against(query: Mapping[str, str], compare: str, start: date, end: date, today: date) -> tuple[date, date] | None:
    if compare == "off":
        return None
    if compare == "year":
        return _year_before(start), _year_before(end)
    if compare == "custom":
        chosen = _days_of(query, "against_from", "against_to", today)
        return chosen or period_before(start, end)
    return period_before(start, end)


def _year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=min(day.day, 28) if day.month == 2 else day.day)
