"""A channel that writes down what reached it and misbehaves as told."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable

from shared.deliver.channel import Sent
from shared.messages import Message
from shared.store.models import OutboxMessage

Behaviour = Callable[[OutboxMessage], Exception | None]


class JournalChannel:
    """By default everything arrives. `before[lane]` fails before it arrives, `after[lane]` when it has arrived."""

    def __init__(self, *destinations: str) -> None:
        self.name = "journal"
        self.destinations = frozenset(destinations or ("war_room", "discord_dm", "discord_channel"))
        self.arrived: list[tuple[str, int, str | None]] = []  # lane, row id, nonce
        self.before: dict[str, deque[Exception]] = defaultdict(deque)
        self.after: dict[str, deque[Exception]] = defaultdict(deque)
        self.hanging: set[str] = set()
        self.tries: list[int] = []
        self.at_once = 0
        self.most_at_once: dict[str, int] = defaultdict(int)
        self._running: dict[str, int] = defaultdict(int)

    async def send(self, row: OutboxMessage, message: Message) -> Sent:
        self.tries.append(row.id or 0)
        self._running[row.lane] += 1
        self.most_at_once[row.lane] = max(self.most_at_once[row.lane], self._running[row.lane])
        try:
            await asyncio.sleep(0)
            return await self._send(row)
        finally:
            self._running[row.lane] -= 1

    async def _send(self, row: OutboxMessage) -> Sent:
        if self.before[row.lane]:
            raise self.before[row.lane].popleft()
        self.arrived.append((row.lane, row.id or 0, row.nonce))
        if row.lane in self.hanging:
            await asyncio.Event().wait()
        if self.after[row.lane]:
            raise self.after[row.lane].popleft()
        return Sent("journal", "channel-1", f"message-{row.id}")

    def lanes(self) -> list[str]:
        return [lane for lane, _, _ in self.arrived]

    def rows(self, lane: str) -> list[int]:
        return [row_id for of, row_id, _ in self.arrived if of == lane]


class LookingChannel(JournalChannel):
    """Can also tell what has arrived before."""

    async def already_sent(self, row: OutboxMessage) -> Sent | None:
        known = any(row_id == row.id for _, row_id, _ in self.arrived)
        return Sent("journal", "channel-1", f"message-{row.id}") if known else None
