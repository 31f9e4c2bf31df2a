"""What the server saw: every call, every refusal, what it would have cost, and rules of conduct the app broke."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class Billable(StrEnum):
    """The kinds of X's price list."""

    POST_READ = "post read"
    OWNED_READ = "owned read"
    USER_READ = "user read"
    DM_EVENT_READ = "DM event read"
    POST = "post"
    POST_WITH_URL = "post with URL"
    SUMMONED_REPLY = "summoned reply"
    DM_SEND = "DM send"


# In thousandths of a dollar (pricing page, August 2026).
PRICES_MILLIDOLLARS = {
    Billable.POST_READ: 5,
    Billable.OWNED_READ: 1,
    Billable.USER_READ: 10,
    Billable.DM_EVENT_READ: 10,
    Billable.POST: 15,
    Billable.POST_WITH_URL: 200,
    Billable.SUMMONED_REPLY: 10,
    Billable.DM_SEND: 15,
}


@dataclass(frozen=True)
class Call:
    """One HTTP request; `status` 0 is a connection dropped without an answer, `refusal` the problem's detail."""

    method: str
    path: str
    query: dict[str, str]
    status: int
    refusal: str | None
    at: datetime


@dataclass(frozen=True)
class Breach:
    """A rule of X's automation policy that the API itself does not refuse: the app must keep it."""

    rule: str
    about_id: str
    detail: str


@dataclass
class Journal:
    """Reads are billed once per resource and UTC day, writes each time."""

    calls: list[Call] = field(default_factory=list)
    billable: Counter[Billable] = field(default_factory=Counter)
    breaches: list[Breach] = field(default_factory=list)
    _read: set[tuple[Billable, str, date]] = field(default_factory=set)

    @property
    def refusals(self) -> list[Call]:
        return [call for call in self.calls if call.refusal is not None]

    @property
    def cost_dollars(self) -> float:
        return sum(PRICES_MILLIDOLLARS[kind] * count for kind, count in self.billable.items()) / 1000

    def count_calls(self, method: str, path: str) -> int:
        return sum(call.method == method and call.path == path for call in self.calls)

    def bill_read(self, kind: Billable, resource_id: str, day: date) -> None:
        if (kind, resource_id, day) not in self._read:
            self._read.add((kind, resource_id, day))
            self.billable[kind] += 1

    def bill_write(self, kind: Billable) -> None:
        self.billable[kind] += 1

    def record_breach(self, rule: str, about_id: str, detail: str) -> None:
        self.breaches.append(Breach(rule, about_id, detail))
