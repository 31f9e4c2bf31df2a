"""How the API is used: by route the answers, how long they took, and which keys asked. Never an address."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from shared.derive.kpis import INSTALLATION, sums_by_key
from shared.derive.rollups.intake import USAGE, USAGE_MS

MOST_KEYS = 5000  # of the rollups that are read


@dataclass(frozen=True)
class RouteUse:
    """One route with its method. Times are upper bounds of their class in milliseconds; infinite beyond the last."""

    route: str
    calls: int
    refused: int  # 4xx
    failed: int  # 5xx
    half_within_ms: float
    p95_within_ms: float
    keys: Mapping[str, int]  # calls by id of the key; of those that came with one


async def load_api_usage(session: AsyncSession, start: date, end: date) -> list[RouteUse]:
    """The routes over UTC days, the most used first."""
    answers: dict[str, Counter[tuple[int, str]]] = defaultdict(Counter)
    for row in await sums_by_key(session, USAGE, INSTALLATION, start, end, MOST_KEYS):
        route, status, key_id = row.key.split("|")
        answers[route][int(status), key_id] += row.count
    times: dict[str, Counter[float]] = defaultdict(Counter)
    for row in await sums_by_key(session, USAGE_MS, INSTALLATION, start, end, MOST_KEYS):
        route, _, bound = row.key.rpartition("|")
        times[route][float(bound)] += row.count
    found = [_route_use(route, counts, times[route]) for route, counts in answers.items()]
    return sorted(found, key=lambda use: (-use.calls, use.route))


def _route_use(route: str, answers: Counter[tuple[int, str]], times: Counter[float]) -> RouteUse:
    keys: Counter[str] = Counter()
    for (_, key_id), count in answers.items():
        if key_id:
            keys[key_id] += count
    return RouteUse(
        route=route,
        calls=answers.total(),
        refused=_with_status(answers, 4),
        failed=_with_status(answers, 5),
        half_within_ms=_within(times.items(), 0.5),
        p95_within_ms=_within(times.items(), 0.95),
        keys=dict(keys.most_common()),
    )


def _with_status(answers: Counter[tuple[int, str]], hundreds: int) -> int:
    return sum(count for (status, _), count in answers.items() if status // 100 == hundreds)


def _within(times: Iterable[tuple[float, int]], share: float) -> float:
    """The bound that this share of the calls stays below."""
    ordered = sorted(times)
    wanted, below = share * sum(count for _, count in ordered), 0
    for bound, count in ordered:
        below += count
        if below >= wanted:
            return bound
    return 0.0
