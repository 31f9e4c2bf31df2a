"""Answers to events in bytes: the usual one, 202 without a body, is made once a second, the others each."""

from email.utils import format_datetime
from http import HTTPStatus

from aiohttp import web

from api.cross_origin import OPEN_HEADERS
from api.error_responses import headers_of
from shared.clock import Clock


class ReadyAnswers:
    """For routes that are open to all origins."""

    def __init__(self, base_url: str, clock: Clock) -> None:
        self._lines = {**headers_of(base_url), **OPEN_HEADERS}
        self._clock = clock
        self._second = -1
        self._accepted = b""

    def accepted(self) -> bytes:
        """202 without a body."""
        second = int(self._clock.now().timestamp())
        if second != self._second:
            self._second, self._accepted = second, self.render(web.Response(status=202))
        return self._accepted

    def render(self, response: web.Response) -> bytes:
        """A plain answer as HTTP/1.1 on a connection that stays open."""
        body = response.body if isinstance(response.body, bytes) else b""
        lines = {**self._lines, **response.headers, "Content-Length": str(len(body))}
        lines["Date"] = format_datetime(self._clock.now(), usegmt=True)
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}\r\n{head}\r\n".encode() + body
