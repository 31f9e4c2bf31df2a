"""What a person sees after using the application: the answer, later edits and followups, a modal, suggestions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.discord_server.errors import ApiError, Json, NoAnswer
from tests.discord_server.world import Channel, Guild, Message, User

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9


@dataclass(eq=False)
class Modal:
    """An open form on one person's screen."""

    custom_id: str
    title: str
    components: list[Json]
    user: User
    opened_by: "InteractionOutcome"
    is_open: bool = True


@dataclass(eq=False)
class InteractionOutcome:
    id: int
    token: str
    kind: int
    user: User
    channel: Channel
    guild: Guild | None
    data: Json
    payload: Json
    opened_at: float
    wait: Callable[[Callable[[], bool], float], Awaitable[None]]
    source: Message | None = None
    """The message whose button was pressed."""
    by_user_install: bool = False
    response: Json | None = None
    """The first answer as the application sent it: type and data."""
    responded_after: float | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    edits: list[tuple[Message, Json]] = field(default_factory=list)
    modal: Modal | None = None
    choices: list[Json] = field(default_factory=list)
    refusals: list[ApiError] = field(default_factory=list)
    """Answers that were refused: late, twice, malformed."""
    is_thinking: bool = False
    """Deferred and not yet filled."""
    followups_outside: int = 0

    @property
    def response_type(self) -> int | None:
        return self.response["type"] if self.response else None

    @property
    def timed_out(self) -> bool:
        """Nothing came in time: the person saw "The application did not respond"."""
        return self.response is None

    @property
    def message(self) -> Message:
        if self.original is not None:
            return self.original
        if self.followups:
            return self.followups[0]
        raise NoAnswer(f"no message answered this interaction (response {self.response}, refused {self.refusals})")

    @property
    def messages(self) -> list[Message]:
        return ([self.original] if self.original else []) + self.followups

    @property
    def content(self) -> str:
        return self.message.content

    @property
    def embeds(self) -> list[Json]:
        return self.message.embeds

    @property
    def components(self) -> list[Json]:
        return self.message.components

    @property
    def files(self) -> dict[str, bytes]:
        return self.message.files

    @property
    def ephemeral(self) -> bool:
        return self.message.ephemeral

    @property
    def is_complete(self) -> bool:
        """Answered, and if it was deferred, filled."""
        return self.response is not None and not self.is_thinking

    async def wait_for_followups(self, count: int = 1, timeout: float = 20.0) -> list[Message]:
        await self.wait(lambda: len(self.followups) >= count, timeout)
        return self.followups

    async def wait_for_edits(self, count: int = 1, timeout: float = 20.0) -> list[tuple[Message, Json]]:
        await self.wait(lambda: len(self.edits) >= count, timeout)
        return self.edits
