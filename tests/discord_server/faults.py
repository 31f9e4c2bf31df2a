"""Scripted faults: which requests fail how, for how often.

A test adds a fault to a method and a path pattern (`*` is one segment, `**` the rest). Faults are taken in the order
they were added; one with `times=None` stays until it is removed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.discord_server.errors import Json
from tests.discord_server.journal import path_matcher


@dataclass(frozen=True)
class Fault:
    """What happens instead of, before or after the real handling."""

    name: str
    status: int | None = None
    body: Json | str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    via: bool = True
    delay_seconds: float = 0.0
    delay_after_seconds: float = 0.0
    drop: Literal["before", "after"] | None = None


def rate_limited(retry_after: float = 0.1, *, is_global: bool = False, via: bool = True) -> Fault:
    """429 of the bucket or the whole bot; without `Via` it is the edge's ban, whose body is no JSON."""
    scope = "global" if is_global else "user"
    headers = {"Retry-After": str(max(1, round(retry_after))), "X-RateLimit-Scope": scope}
    if is_global:
        headers["X-RateLimit-Global"] = "true"
    else:
        headers |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": f"{retry_after:.3f}"}
    body: Json | str = {"message": "You are being rate limited.", "retry_after": retry_after, "global": is_global}
    return Fault("429", 429, body if via else "error code: 1015", headers, via=via)


def server_error(status: int = 500) -> Fault:
    """500, 502, 503 or 504; the gateway ones come from the edge with an HTML body."""
    body: Json | str = {"message": f"{status}: Internal Server Error", "code": 0}
    return Fault(str(status), status, body if status == 500 else "<html><body>upstream error</body></html>")


def refused(status: int, code: int, message: str = "refused by script") -> Fault:
    """Any error with a JSON code: 403+50007, 403+50013, 400+40003, 403+20026, 403+50278, 404+10062 and so on."""
    return Fault(f"{status}+{code}", status, {"message": message, "code": code})


def dms_closed() -> Fault:
    return refused(403, 50007, "Cannot send messages to this user")


def no_mutual_guild() -> Fault:
    return refused(403, 50278, "Cannot send messages to this user due to having no mutual guilds")


def missing_permissions() -> Fault:
    return refused(403, 50013, "Missing Permissions")


def opening_dms_too_fast() -> Fault:
    return refused(400, 40003, "You are opening direct messages too fast")


def quarantined() -> Fault:
    return refused(403, 20026, "Your bot has been flagged by our anti-spam system for abusive behavior")


def token_revoked() -> Fault:
    return refused(401, 0, "401: Unauthorized")


def slow(seconds: float) -> Fault:
    """The answer takes its time, then comes as usual."""
    return Fault("slow", delay_seconds=seconds)


def answered_late(seconds: float) -> Fault:
    """The request takes effect at once, its answer takes its time."""
    return Fault("answered late", delay_after_seconds=seconds)


def dropped_before() -> Fault:
    """The line is cut before the request had any effect."""
    return Fault("dropped before", drop="before")


def dropped_after() -> Fault:
    """The request took effect, its answer is lost: what proves that a nonce is enforced."""
    return Fault("dropped after", drop="after")


@dataclass
class Script:
    """One fault on its way: how often it still strikes, and how often it did."""

    method: str | None
    matches: Callable[[str], bool]
    fault: Fault
    left: int | None
    struck: int = 0


class Faults:
    def __init__(self) -> None:
        self._scripts: list[Script] = []

    def add(self, method: str | None, path: str, fault: Fault, *, times: int | None = 1) -> Script:
        """`times=None` keeps striking until `remove` or `clear`."""
        script = Script(method, path_matcher(path), fault, times)
        self._scripts.append(script)
        return script

    def remove(self, script: Script) -> None:
        if script in self._scripts:
            self._scripts.remove(script)

    def clear(self) -> None:
        self._scripts.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that fits, spent by one."""
        for script in self._scripts:
            if script.method not in (None, method) or not script.matches(path):
                continue
            script.struck += 1
            if script.left is not None:
                script.left -= 1
                if script.left <= 0:
                    self._scripts.remove(script)
            return script.fault
        return None
