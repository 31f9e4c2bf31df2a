"""Buckets per route and major parameter, the global limit of the bot, and the ban of an address."""

import hashlib
import time
from collections import deque
from dataclasses import dataclass

INVALID_WINDOW_SECONDS = 600.0


@dataclass
class Bucket:
    limit: int
    window_seconds: float
    remaining: int
    resets_at: float


@dataclass(frozen=True)
class Verdict:
    """Headers for the answer; `retry_after` is set if the request is over a limit."""

    headers: dict[str, str]
    retry_after: float | None = None
    is_global: bool = False


class RateLimits:
    def __init__(self) -> None:
        self.default: tuple[int, float] = (50, 1.0)
        self.by_route: dict[str, tuple[int, float]] = {}
        """Requests and seconds for one "METHOD template", as in "POST /channels/{channel}/messages"."""
        self.global_per_second: int | None = 50
        self.ban_after_invalid: int = 10_000
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._recent: deque[float] = deque()
        self._invalid: deque[float] = deque()

    def use_realistic_limits(self) -> None:
        """Numbers seen in the wild; they make a test that sends much take its time."""
        self.by_route["POST /channels/{channel}/messages"] = (5, 5.0)
        self.by_route["PATCH /channels/{channel}/messages/{message}"] = (5, 5.0)
        self.by_route["POST /channels/{channel}/threads"] = (50, 60.0)
        self.by_route["POST /users/@me/channels"] = (10, 10.0)

    def take(self, route: str, major: str, *, counts_globally: bool) -> Verdict:
        now = time.monotonic()
        limit, window = self.by_route.get(route, self.default)
        bucket = self._buckets.get((route, major))
        if bucket is None or bucket.resets_at <= now or bucket.limit != limit:
            bucket = self._buckets[(route, major)] = Bucket(limit, window, limit, now + window)
        if counts_globally and (wait := self._global_wait(now)) is not None:
            return Verdict(self._headers(route, bucket, now), wait, is_global=True)
        if bucket.remaining <= 0:
            return Verdict(self._headers(route, bucket, now), bucket.resets_at - now + 0.005)
        bucket.remaining -= 1
        return Verdict(self._headers(route, bucket, now))

    def note_invalid(self) -> None:
        self._invalid.append(time.monotonic())

    def is_banned(self) -> bool:
        edge = time.monotonic() - INVALID_WINDOW_SECONDS
        while self._invalid and self._invalid[0] < edge:
            self._invalid.popleft()
        return len(self._invalid) >= self.ban_after_invalid

    def _global_wait(self, now: float) -> float | None:
        if self.global_per_second is None:
            return None
        while self._recent and self._recent[0] <= now - 1.0:
            self._recent.popleft()
        if len(self._recent) >= self.global_per_second:
            return self._recent[len(self._recent) - self.global_per_second] + 1.005 - now
        self._recent.append(now)
        return None

    def _headers(self, route: str, bucket: Bucket, now: float) -> dict[str, str]:
        left = max(0.0, bucket.resets_at - now)
        return {
            "X-RateLimit-Bucket": hashlib.sha256(route.encode()).hexdigest()[:32],
            "X-RateLimit-Limit": str(bucket.limit),
            "X-RateLimit-Remaining": str(bucket.remaining),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
        }
