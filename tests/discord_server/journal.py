"""Everything that came in and went out, for the asserts of a test.

A record is written for every REST request, also the refused and the faulted ones, and for every gateway frame.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.discord_server.errors import Json


@dataclass
class RequestRecord:
    """One REST request with what it was answered; `path` starts behind `/api/v10`."""

    at: float
    method: str
    path: str
    template: str | None
    query: dict[str, str]
    body: object
    files: list[tuple[str, int]]
    user_agent: str
    status: int = 0
    code: int | None = None
    answer: object = None
    fault: str | None = None


@dataclass
class EventRecord:
    """One dispatched gateway event and the session it was meant for."""

    at: float
    session_id: str
    sequence: int
    name: str
    data: Json
    was_sent: bool = False
    """False while it only waits for a resume."""


@dataclass
class Journal:
    requests: list[RequestRecord] = field(default_factory=list)
    events: list[EventRecord] = field(default_factory=list)
    frames: list[Json] = field(default_factory=list)
    """What the bot sent on the gateway, token removed."""
    closes: list[int | None] = field(default_factory=list)
    """The close code of each gateway connection that ended; 1000 is a clean goodbye, None a lost line."""

    def find(
        self, method: str | None = None, path: str | None = None, status: int | None = None
    ) -> list[RequestRecord]:
        """Requests by method, path pattern (`*` is one segment, `**` the rest) and status."""
        matches = path_matcher(path or "**")
        return [
            record
            for record in self.requests
            if (method is None or record.method == method)
            and matches(record.path)
            and (status is None or record.status == status)
        ]

    def count(self, method: str | None = None, path: str | None = None, status: int | None = None) -> int:
        return len(self.find(method, path, status))

    @property
    def unknown_routes(self) -> list[RequestRecord]:
        """Requests to addresses this stand-in does not have; a test may demand that there are none."""
        return [record for record in self.requests if record.template is None]

    @property
    def invalid_requests(self) -> list[RequestRecord]:
        """Answers 401, 403 and 429 that count towards the ban of an address."""
        return [record for record in self.requests if record.status in (401, 403, 429)]

    def delivered(self, name: str) -> list[Json]:
        return [event.data for event in self.events if event.name == name and event.was_sent]

    def clear(self) -> None:
        self.requests.clear()
        self.events.clear()
        self.frames.clear()
        self.closes.clear()


def path_matcher(pattern: str) -> Callable[[str], bool]:
    """A predicate over paths: `*` stands for one segment, `**` for anything."""
    parts = re.split(r"(\*\*|\*)", pattern)
    expression = "".join({"**": ".*", "*": "[^/]+"}.get(part) or re.escape(part) for part in parts)
    compiled = re.compile(expression)
    return lambda path: compiled.fullmatch(path) is not None
