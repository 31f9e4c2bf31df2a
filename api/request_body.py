"""Reads bodies of strangers: bounded in size and time while reading, never inflated, strictly parsed."""

import asyncio
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import BaseModel, ValidationError

from api.routing import ARRIVING, IN_FLIGHT, RUNTIME
from shared.errors import BodyTooLarge, CannotStore, FieldProblem, InvalidInput, UnsupportedBody
from shared.ingest.strict_json import check_text, parse_json

JSON_TYPES = frozenset({"application/json", "text/plain", "application/octet-stream", ""})
FORM_TYPE = "application/x-www-form-urlencoded"
FORM_FIELDS = 60
GZIP_WINDOW = 31  # zlib: the largest window, with the header of gzip
Model = TypeVar("Model", bound=BaseModel)
Growing = Callable[[int], None]


async def read_body(request: web.Request) -> bytes:
    """The body, or `BodyTooLarge`, `UnsupportedBody`, or `InvalidInput` when it does not arrive in time."""
    server = request.app[RUNTIME].settings.server
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnsupportedBody("Compressed bodies are not taken here; send the body as it is.")
    return await read_within(request, server.body_limit_bytes)


async def read_within(
    request: web.Request, limit: int, inflating: "Inflating | None" = None, grow: "Growing | None" = None
) -> bytes:
    """The body, inflated if that is wanted; `grow` hears how long it is by now, and may raise."""
    if request.content_length is not None and request.content_length > limit:
        raise BodyTooLarge(f"The body is larger than {limit} bytes.")
    if inflating is None and request.content.is_eof():  # all of it is here
        return _bounded(request.content.read_nowait(), limit)
    try:
        with _waiting_for_body(request):
            async with asyncio.timeout(request.app[RUNTIME].settings.server.body_timeout_seconds):
                return await _read_bounded(request, limit, inflating, grow)
    except TimeoutError:
        raise InvalidInput("The body did not arrive in time.") from None
    except (web.RequestPayloadError, asyncio.IncompleteReadError, ConnectionError):  # a sender who leaves is no error
        raise InvalidInput("The body was cut off.") from None


@contextmanager
def _waiting_for_body(request: web.Request) -> Iterator[None]:
    """Who sends a byte a second takes no place of those who are served, but one of as many that may be waited for."""
    server = request.app[RUNTIME].settings.server
    in_flight, arriving = request.app[IN_FLIGHT], request.app[ARRIVING]
    if arriving[0] >= server.max_arriving_bodies:
        raise CannotStore("Too many requests at once. Please try again.")
    in_flight[0] -= 1
    arriving[0] += 1
    try:
        yield
    finally:
        in_flight[0] += 1
        arriving[0] -= 1
    if in_flight[0] > server.max_requests:
        raise CannotStore("Too many requests at once. Please try again.")


async def _read_bounded(
    request: web.Request, limit: int, inflating: "Inflating | None", grow: "Growing | None"
) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk if inflating is None else inflating.feed(chunk, limit - len(body))
        if len(body) > limit:
            raise BodyTooLarge(f"The body is larger than {limit} bytes.")
        if grow is not None:
            grow(len(body))
    if inflating is not None:
        inflating.check_end()
    return bytes(body)


def _bounded(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise BodyTooLarge(f"The body is larger than {limit} bytes.")
    return body


def media_type(request: web.Request) -> str:
    """The content type without parameters; a charset other than UTF-8 is refused."""
    return media_type_of(request.headers.get("Content-Type", ""))


@lru_cache(maxsize=64)
def media_type_of(header: str) -> str:
    """As `media_type`, of the header itself."""
    content_type, _, parameters = header.partition(";")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedBody("Only UTF-8 is taken here.")
    return content_type.strip().lower()


async def read_json_bytes(request: web.Request) -> bytes:
    """The body of a JSON route; beacons may call it text/plain."""
    if media_type(request) not in JSON_TYPES:
        raise UnsupportedBody("Send JSON as application/json or text/plain.")
    return await read_body(request)


class Inflating:
    """Inflates one gzip stream, never further than there is room."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(wbits=GZIP_WINDOW)

    def feed(self, chunk: bytes, room: int) -> bytes:
        """At most one byte more than there is room for."""
        try:
            return self._inflater.decompress(chunk, room + 1)
        except zlib.error:
            raise InvalidInput("The body is not gzip.") from None

    def check_end(self) -> None:
        """Raises `InvalidInput` unless the stream is whole and nothing comes after it."""
        if not self._inflater.eof or self._inflater.unused_data:
            raise InvalidInput("The gzip body is cut off, or goes on after its end.")


async def read_json(request: web.Request) -> Any:
    body = await read_json_bytes(request)
    return parse_json(body, request.app[RUNTIME].settings.server.body_depth)


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a plain HTML form; of a repeated field the last value counts."""
    if media_type(request) != FORM_TYPE:
        raise UnsupportedBody(f"Send the form as {FORM_TYPE}.")
    body = await read_body(request)
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=FORM_FIELDS, encoding="utf-8", errors="strict"
        )
    except (UnicodeDecodeError, ValueError):
        raise InvalidInput("The form could not be read; it must be UTF-8 with few fields.") from None
    for name, value in pairs:
        check_text(name)
        check_text(value)
    return dict(pairs)


def parse_model(model: type[Model], data: Any) -> Model:
    """The typed body, or `InvalidInput` that names each wrong field; what was sent is not repeated."""
    if not isinstance(data, Mapping):
        raise InvalidInput("The body must be an object.", [FieldProblem("", "not an object")])
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [
            FieldProblem(".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, "))
            for problem in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvalidInput("Some fields are not as they must be.", problems) from None
