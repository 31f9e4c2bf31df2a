"""What the stand-in refuses, in the words and numbers of the real one.

`ApiError` is an answer of the REST side. `DriverError` and its children tell the test that the act it scripted is one
a real person could not have done: a command that was never synced, a disabled button, a closed modal.
"""

from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """A refusal with the HTTP status, the JSON error code and, for form errors, where the mistake is."""

    def __init__(
        self, status: int, code: int, message: str, errors: Json | None = None, *, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {message} {errors or ''}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.retry_after = retry_after

    def body(self) -> Json:
        body: Json = {"message": self.message, "code": self.code}
        if self.errors is not None:
            body["errors"] = self.errors
        if self.retry_after is not None:
            body |= {"retry_after": self.retry_after, "global": False}
        return body


class DriverError(AssertionError):
    """The scripted person cannot do this in a real client."""


class UnknownCommand(DriverError):
    """The command was never synced, so no client shows it."""


class NotAllowed(DriverError):
    """The person lacks the permission, the context or the ownership."""


class NoAnswer(DriverError):
    """The application did not respond in time; the person sees an error."""


def invalid_form(path: str, code: str, message: str) -> ApiError:
    """The 50035 error with its nested tree; `path` is dotted, as in `data.embeds.0.title`."""
    tree: Json = {"_errors": [{"code": code, "message": message}]}
    for part in reversed([part for part in path.split(".") if part]):
        tree = {part: tree}
    return ApiError(400, 50035, "Invalid Form Body", tree)


def missing_access() -> ApiError:
    return ApiError(403, 50001, "Missing Access")


def missing_permissions() -> ApiError:
    return ApiError(403, 50013, "Missing Permissions")


def unknown(subject: str, code: int) -> ApiError:
    return ApiError(404, code, f"Unknown {subject}")


def unknown_channel() -> ApiError:
    return unknown("Channel", 10003)


def unknown_message() -> ApiError:
    return unknown("Message", 10008)


def unknown_interaction() -> ApiError:
    return unknown("interaction", 10062)


def unauthorized() -> ApiError:
    return ApiError(401, 0, "401: Unauthorized")
