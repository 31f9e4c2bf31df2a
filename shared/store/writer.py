"""Units of work: `await writer.run(unit)` returns when the unit's changes are durable.

`unit(session)` awaits nothing but its session and never commits. On SQLite all units that wait are
run in one transaction, each in a savepoint, and all callers wake after its commit; commits follow
back to back. On PostgreSQL a unit has its own pooled transaction. The queue is bounded. Steps are
statements that are ready made, for the hot path: their batches are transactions of their own.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from shared.store.event_tables import Steps

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Unit = Callable[[AsyncSession], Awaitable[Result]]
Listener = Callable[[frozenset[str]], None]
TOPICS = "topics"
ERASED = "erased"  # noted by a unit after which no copy of the old rows may be left


def note_topic(session: AsyncSession, topic: str) -> None:
    """Marks what this unit changes; listeners hear of it after the commit."""
    session.info.setdefault(TOPICS, set()).add(topic)


@dataclass
class WriteRecord:
    """How commits went since the start; what is the unit's own failure counts as neither."""

    commits: int = 0
    failures: int = 0
    is_failing: bool = False  # the last attempt could not be committed

    def note(self, *, committed: bool) -> None:
        self.commits += committed
        self.failures += not committed
        self.is_failing = not committed


class Writer(Protocol):
    @property
    def record(self) -> WriteRecord:
        """What `/readyz` judges by."""
        ...

    async def run(self, unit: Unit[Result], *, brief: bool = False) -> Result:
        """The unit's result, once it is durable. Raises what the unit raised, or `CannotStore`.

        `brief`: it has few statements, each finds its rows by an index, and it deletes none.
        """
        ...

    async def run_steps(self, make: Callable[[], Steps[Result]]) -> Result:
        """The result of ready-made statements, once it is durable; errors as in `run`.

        `make` is called when their turn comes, and again when they are tried again.
        """
        ...

    @property
    def steps_know_until(self) -> int | None:
        """What steps remember of the rows holds while this number stays the same; None when others write too."""
        ...

    def listen(self, listener: Listener) -> None:
        """Calls the listener with the noted topics after each commit."""
        ...

    def tell(self, topics: frozenset[str]) -> None:
        """Calls the listeners after steps, which note no topics, are committed."""
        ...

    async def close(self) -> None: ...


class Announcer:
    """What both writers share: who hears of a commit, and how commits went."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self.record = WriteRecord()

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def announce(self, session: AsyncSession) -> None:
        if topics := frozenset(session.info.pop(TOPICS, ())):
            self.tell(topics)

    def tell(self, topics: frozenset[str]) -> None:
        for listener in self._listeners:
            try:
                listener(topics)
            except Exception:  # what is stored stays stored, whoever fails to hear of it
                logger.exception("a listener failed")
