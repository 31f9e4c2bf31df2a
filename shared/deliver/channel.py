"""What a way out must offer, what its failures mean, and which channel serves which destination.

A channel sends once and says what happened; it never sleeps and never tries again. `RetryLater` and
`PermanentFailure` mean "certainly not arrived"; anything else raised by `send` is doubt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from shared.messages import Message
from shared.store.models import OutboxMessage

DM_CLOSED = "dm_closed"  # this person takes no direct messages
DM_TOO_FAST = "dm_too_fast"  # the platform stopped our opening of conversations
NOT_WANTED = "not_wanted"  # the recipient is gone or has said stop: skipped, and nobody needs to hear of it


@dataclass(frozen=True)
class Sent:
    """Where a message went: the channel's name, and the address of the post if it has one."""

    through: str
    channel_id: str | None = None
    message_id: str | None = None


class RetryLater(Exception):
    """It did not arrive, but may later; `after_seconds` if the platform named a time."""

    def __init__(self, reason: str, after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_seconds = after_seconds


class PermanentFailure(Exception):
    """It did not arrive and never will; `code` is `dm_closed`, `dm_too_fast` or the platform's own word."""

    def __init__(self, reason: str, code: str = "refused") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class Channel(Protocol):
    """One platform's way out."""

    @property
    def name(self) -> str: ...

    @property
    def destinations(self) -> frozenset[str]: ...

    async def send(self, row: OutboxMessage, message: Message) -> Sent:
        """Posts it once with `row.nonce`."""
        ...


@runtime_checkable
class LooksFirst(Protocol):
    """A channel that can find out whether a message of an earlier try arrived."""

    async def already_sent(self, row: OutboxMessage) -> Sent | None: ...


class ChannelDirectory:
    """The channels that are connected now; the last one attached for a destination serves it."""

    def __init__(self) -> None:
        self._channels: list[Channel] = []
        self._listeners: list[Callable[[], None]] = []

    def attach(self, channel: Channel) -> None:
        if channel not in self._channels:
            self._channels.append(channel)
        self._announce()

    def detach(self, channel: Channel) -> None:
        if channel in self._channels:
            self._channels.remove(channel)
        self._announce()

    def for_destination(self, destination: str) -> Channel | None:
        return next((channel for channel in reversed(self._channels) if destination in channel.destinations), None)

    def destinations(self) -> frozenset[str]:
        """Everything that can be reached now."""
        return frozenset().union(*(channel.destinations for channel in self._channels))

    def listen(self, listener: Callable[[], None]) -> None:
        """Calls the listener after each change."""
        self._listeners.append(listener)

    def _announce(self) -> None:
        for listener in self._listeners:
            listener()
