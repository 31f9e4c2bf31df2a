"""Errors a person can act on.

Each carries a stable code; every edge translates the code once (HTTP status, private sentence on
Discord, exit code of a command). Anything else is an internal error with an id in the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldProblem:
    """One field of a body or a configuration that is not as it must be."""

    field: str
    reason: str


class WarroomError(Exception):
    """Base of all domain errors; `str(error)` is a sentence that may be shown to anyone."""

    code = "error"


class InvalidInput(WarroomError):
    """Something that was sent cannot be understood or is not allowed; names fields and reasons."""

    code = "invalid"

    def __init__(self, sentence: str, problems: Sequence[FieldProblem] = ()) -> None:
        super().__init__(sentence)
        self.problems = tuple(problems)


def explain(error: WarroomError) -> str:
    """The sentence of an error, with the fields that are wrong where it names some."""
    problems = error.problems if isinstance(error, InvalidInput) else ()
    return "\n".join([str(error), *(f"  {problem.field}: {problem.reason}" for problem in problems)])


class BodyTooLarge(InvalidInput):
    """A request body above its limit; `messages` stand in it, as far as that is known."""

    code = "too_large"

    def __init__(self, sentence: str = "", *, messages: int = 1) -> None:
        super().__init__(sentence)
        self.messages = messages


class UnsupportedBody(InvalidInput):
    """A content type or encoding that this address does not take."""

    code = "unsupported"


class Conflict(WarroomError):
    """The state does not allow it any more (already answered, already used …)."""

    code = "conflict"


class NotFound(WarroomError):
    """No such thing, or not for this caller."""

    code = "not_found"


class NotSignedIn(WarroomError):
    """Nobody is signed in, or the key is not valid."""

    code = "not_signed_in"


class NotAllowed(WarroomError):
    """Signed in, but the role or scope does not reach."""

    code = "not_allowed"


class LimitReached(WarroomError):
    """Too many; `retry_after_seconds` says when the next one is welcome."""

    code = "limited"

    def __init__(self, sentence: str, retry_after_seconds: int) -> None:
        super().__init__(sentence)
        self.retry_after_seconds = max(1, retry_after_seconds)


class CannotStore(WarroomError):
    """The store is busy, full or down; nothing was kept, the sender should try again."""

    code = "cannot_store"

    def __init__(
        self,
        sentence: str = "Warroom cannot store this right now. Please try again.",
        retry_after_seconds: int = 5,
    ) -> None:
        super().__init__(sentence)
        self.retry_after_seconds = retry_after_seconds


class ConfigurationError(WarroomError):
    """The configuration has mistakes; all of them are in the sentence."""

    code = "configuration"


class StartRefused(WarroomError):
    """The process must not start; the sentence says why and what to do."""

    code = "start_refused"
