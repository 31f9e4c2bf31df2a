"""X's rate limits: fixed windows per account and per app, and the headers that tell about them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

QUARTER_HOUR = timedelta(minutes=15)
DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Limit:
    """At most `count` requests in a window of `period`; `per_app` counts the whole app, else one account."""

    count: int
    period: timedelta
    per_app: bool


def _user(count: int, period: timedelta = QUARTER_HOUR) -> Limit:
    return Limit(count, period, per_app=False)


def _app(count: int, period: timedelta = QUARTER_HOUR) -> Limit:
    return Limit(count, period, per_app=True)


# Rows 1-6 are X's table of August 2026; for the others the values of its older table stand in.
LIMITS: dict[str, tuple[Limit, ...]] = {
    "mentions": (_user(300), _app(450)),
    "create tweet": (_user(100), _app(10_000, DAY)),
    "dm events": (_user(15),),
    "send dm": (_user(15), _user(1_440, DAY), _app(1_440, DAY)),
    "me": (_user(75),),
    "search": (_user(300), _app(450)),
    "delete tweet": (_user(50),),
    "user by name": (_user(900), _app(300)),
    "tweets": (_user(900), _app(450)),
    "user tweets": (_user(900), _app(1_500)),
}


@dataclass
class _Window:
    start: datetime
    used: int = 0


@dataclass(frozen=True)
class Allowance:
    """Whether the request may pass, and the headers of the tightest window."""

    allowed: bool
    headers: dict[str, str]


@dataclass
class RateLimiter:
    """Counts requests; an account's request counts in its windows and in the app's daily ones.

    The app's short windows are for app-only requests, as on X, where an account's requests have their own.
    """

    _windows: dict[tuple[str, str, Limit], _Window] = field(default_factory=dict)

    def take(self, group: str, caller_id: str | None, now: datetime) -> Allowance:
        """Count one request of an account, or of the app itself when `caller_id` is None."""
        limits = [limit for limit in LIMITS[group] if _applies(limit, caller_id)]
        windows = [(limit, self._find_window(group, limit, caller_id, now)) for limit in limits]
        allowed = all(window.used < limit.count for limit, window in windows)
        for _, window in windows:
            window.used += allowed
        return Allowance(allowed, _write_headers(windows))

    def use_up(self, group: str, caller_id: str, now: datetime) -> None:
        """Leave nothing in the account's shortest window, as if it had called that often."""
        limit = next(limit for limit in LIMITS[group] if not limit.per_app)
        self._find_window(group, limit, caller_id, now).used = limit.count

    def _find_window(self, group: str, limit: Limit, caller_id: str | None, now: datetime) -> _Window:
        key = (group, "app" if limit.per_app or caller_id is None else caller_id, limit)
        window = self._windows.get(key)
        if window is None or now - window.start >= limit.period:
            window = self._windows[key] = _Window(now)
        return window


def _applies(limit: Limit, caller_id: str | None) -> bool:
    if caller_id is None:
        return limit.per_app
    return not limit.per_app or limit.period == DAY


def _write_headers(windows: Sequence[tuple[Limit, _Window]]) -> dict[str, str]:
    if not windows:
        return {}
    # Of several exhausted windows the last to reopen matters, since earlier retries are in vain.
    limit, window = min(windows, key=lambda pair: (pair[0].count - pair[1].used, -_reset(pair)))
    return {
        "x-rate-limit-limit": str(limit.count),
        "x-rate-limit-remaining": str(max(0, limit.count - window.used)),
        "x-rate-limit-reset": str(_reset((limit, window))),
    }


def _reset(pair: tuple[Limit, _Window]) -> int:
    limit, window = pair
    return int((window.start + limit.period).timestamp()) + 1
