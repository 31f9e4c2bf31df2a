"""Scripted misfortune: the next requests to a path fail in a chosen way."""

import fnmatch
from dataclasses import dataclass, field
from typing import Literal

Drop = Literal["before", "after"]

UNAVAILABLE_HTML = (
    "<!DOCTYPE html><html><head><title>X / Over capacity</title></head>"
    "<body><h1>Something is technically wrong.</h1></body></html>"
)


@dataclass
class Fault:
    """One script; `status` answers without doing anything, `delay_seconds` and `drop="after"` act once it is done."""

    method: str
    path_pattern: str
    status: int | None
    detail: str | None
    reset_in_seconds: int
    delay_seconds: float
    drop: Drop | None
    times_left: int

    def matches(self, method: str, path: str) -> bool:
        return self.method == method and fnmatch.fnmatchcase(path, self.path_pattern)


@dataclass
class FaultScript:
    """Faults wait in order; each request takes the first that matches it."""

    waiting: list[Fault] = field(default_factory=list)

    def take(self, method: str, path: str) -> Fault | None:
        fault = next((fault for fault in self.waiting if fault.matches(method, path)), None)
        if fault is not None:
            fault.times_left -= 1
            if fault.times_left <= 0:
                self.waiting.remove(fault)
        return fault
