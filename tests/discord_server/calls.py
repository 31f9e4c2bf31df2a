"""The vocabulary of the REST side: a parsed request, an answer, a route."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tests.discord_server.errors import ApiError, Json, invalid_form
from tests.discord_server.world import User

if TYPE_CHECKING:
    from tests.discord_server.server import ServerCore

Auth = Literal["bot", "token_in_path", "none"]


@dataclass
class Call:
    """One request, parsed; `user` is set on routes with a bearer token."""

    server: "ServerCore"
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    uploads: dict[int, tuple[str, bytes]]
    arrived_at: float
    content_type: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    user: User | None = None
    scopes: frozenset[str] = frozenset()

    def identifier(self, name: str) -> int:
        value = self.parameters[name]
        if not value.isdigit():
            raise invalid_form(f"{name}_id", "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')
        return int(value)

    def object_body(self) -> Json:
        if not isinstance(self.body, dict):
            raise ApiError(400, 50109, "The request body contains invalid JSON.")
        return self.body

    def number(self, name: str, default: int, least: int, most: int) -> int:
        value = self.query.get(name, str(default))
        if not value.isdigit() or not least <= int(value) <= most:
            raise invalid_form(name, "NUMBER_TYPE_MAX", f"int value should be between {least} and {most}.")
        return int(value)


@dataclass(frozen=True)
class Answer:
    body: Any = None
    status: int = 200


NO_CONTENT = Answer(None, 204)
Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True)
class Route:
    """`{name}` in the template is one path segment; the first of `major` present splits the rate limit bucket."""

    method: str
    template: str
    handler: Handler
    auth: Auth = "bot"

    def match(self, method: str, path: str) -> dict[str, str] | None:
        if method != self.method:
            return None
        expression = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(self.template))
        found = re.fullmatch(expression, path)
        return found.groupdict() if found else None

    def major(self, parameters: dict[str, str]) -> str:
        return ":".join(parameters[name] for name in ("channel", "guild", "token") if name in parameters)
