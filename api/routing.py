"""Routes say who may use them; an application with one that does not say refuses to start."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from shared.errors import NotFound
from shared.guard.api_keys import SCOPES
from shared.guard.roles import ROLE_ORDER
from shared.runtime import Runtime

ROW_ID_CHARACTERS = 26
IN_FLIGHT: web.AppKey[list[int]] = web.AppKey("in_flight", list)  # how many requests are handled now
ARRIVING: web.AppKey[list[int]] = web.AppKey("arriving", list)  # how many bodies are waited for
LARGE_BODIES: web.AppKey[list[int]] = web.AppKey("large_bodies", list)  # how many large bodies are in memory
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
RUNTIME: web.AppKey[Runtime] = web.AppKey("runtime", Runtime)


@dataclass(frozen=True)
class Access:
    """`public` anyone; `intake` anyone, cookies ignored, answers counted; `key` a scope; `role` a member's role."""

    kind: Literal["public", "intake", "key", "role"]
    needed: str = ""

    def is_known(self) -> bool:
        known = {"public": ("",), "intake": ("",), "key": tuple(SCOPES), "role": ROLE_ORDER}
        return self.needed in known.get(self.kind, ())


PUBLIC = Access("public")
INTAKE = Access("intake")


def key_scope(scope: str) -> Access:
    return Access("key", scope)


def role(name: str) -> Access:
    return Access("role", name)


@dataclass(frozen=True)
class Operation:
    """What OpenAPI says of a route: types of query, body and answer, the statuses it gives, and an example of each."""

    summary: str
    query: Any = None  # a pydantic model
    body: Any = None  # a pydantic model or msgspec Struct, or several of which one is sent
    body_types: tuple[str, ...] = ("application/json",)
    answers: dict[int, str] = field(
        default_factory=dict
    )  # refusals, problem documents unless `refusal_types` says more
    refusal_types: tuple[str, ...] = ("application/problem+json",)  # a foreign client's own shape, a page for people
    answer: Any = None
    answer_status: int = 200
    answer_type: str = "application/json"  # or the type of a plain answer without a schema
    others: dict[int, str] = field(default_factory=dict)  # other good ends, without a body
    takes_key: bool = False  # beside what the access rule says
    example: Any = None  # of the body, or of the query
    answer_example: Any = None


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    handler: Handler
    access: Access
    operation: Operation | None = None


def add_routes(app: web.Application, routes: Sequence[Route]) -> None:
    """Registers the routes; raises ValueError on an undeclared or unknown access rule."""
    for route in routes:
        if not isinstance(route.access, Access) or not route.access.is_known():
            raise ValueError(f"{route.method} {route.path} does not say who may use it")
        if route.method == "GET":
            added = app.router.add_get(route.path, route.handler, allow_head=True)
        else:
            added = app.router.add_route(route.method, route.path, route.handler)
        app[ACCESS_RULES][added.method, added.resource.canonical if added.resource else route.path] = route.access


ACCESS_RULES: web.AppKey[dict[tuple[str, str], Access]] = web.AppKey("access_rules", dict)


async def refuse_undeclared(app: web.Application) -> None:
    """Stops the start when a route was added past `add_routes`."""
    for route in app.router.routes():
        if route.resource is None or _rule(app, route.method, route.resource.canonical) is None:
            raise ValueError(f"{route.method} {route.resource} does not say who may use it")


def id_in_path(request: web.Request) -> str:
    """The id of a row in the address; what cannot be one is not looked up."""
    found = request.match_info["id"]
    if not is_row_id(found):
        raise NotFound("There is nothing at this address.")
    return found


def is_row_id(text: str) -> bool:
    return len(text) == ROW_ID_CHARACTERS and text.isascii() and text.isalnum()


def access_of(request: web.Request) -> Access | None:
    """The rule of the matched route; None when no route matched."""
    resource = request.match_info.route.resource
    return None if resource is None else _rule(request.app, request.method, resource.canonical)


def _rule(app: web.Application, method: str, path: str) -> Access | None:
    rules = app[ACCESS_RULES]
    return rules.get(("GET" if method == "HEAD" else method, path)) or rules.get(("*", path))
