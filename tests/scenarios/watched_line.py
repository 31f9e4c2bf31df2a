"""The line to PostgreSQL, watched from within the process: what is asked and answered, and what dies or is cut between.

Everything goes through a small relay of loopback in a thread of its own, which knows where a request and its answer
end (https://www.postgresql.org/docs/15/protocol.html). Before a request leaves, and again when the server has done
what it asks but nobody has heard so, the relay asks whether to go on.
"""

import asyncio
import threading
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

SSL_REQUEST = (80877103).to_bytes(4, "big")
HEAD_BYTES = 5  # of a message: a letter, and the length of what follows with its own four bytes
ENDS_OF_A_REQUEST = b"QSHX"  # query, sync, flush, farewell
ANSWERED_WHOLE = b"QS"  # with "ready for query" at the end
READY, WANTS_A_COPY = b"Z", b"GHW"


class LineCut(Exception):
    """This connection ends here; the process lives."""


def watch_line(url: str, moment: Callable[[], None]) -> str:
    """The address to use instead. `moment` is called in the relay's thread; it may raise `LineCut`, or never return."""
    parts = urlsplit(url)
    relay = _Relay(str(parts.hostname), int(parts.port or 5432), moment)
    threading.Thread(target=relay.run, name="watched line", daemon=True).start()
    relay.is_open.wait()
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{relay.port}"))


class _Relay:
    def __init__(self, host: str, port: int, moment: Callable[[], None]) -> None:
        self._server = (host, port)
        self._moment = moment
        self.port = 0
        self.is_open = threading.Event()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.is_open.set()
        await server.serve_forever()

    async def _pass_on(self, ours: asyncio.StreamReader, to_us: asyncio.StreamWriter) -> None:
        theirs, to_them = await asyncio.open_connection(*self._server)
        line = _Line(ours, to_us, theirs, to_them, self._moment)
        ways = [asyncio.create_task(line.ask()), asyncio.create_task(line.answer())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for writer in (to_us, to_them):
                writer.transport.abort() if line.is_cut else writer.close()


class _Line:
    """One connection."""

    def __init__(
        self,
        ours: asyncio.StreamReader,
        to_us: asyncio.StreamWriter,
        theirs: asyncio.StreamReader,
        to_them: asyncio.StreamWriter,
        moment: Callable[[], None],
    ) -> None:
        self._ours, self._to_us, self._theirs, self._to_them = ours, to_us, theirs, to_them
        self._moment = moment
        self._is_awaited = False  # an answer that has an end
        self.is_cut = False

    async def ask(self) -> None:
        await self._greet()
        request = b""
        while True:
            kind, message = await _read_message(self._ours)
            request += message
            if kind in ENDS_OF_A_REQUEST:
                self._is_awaited = kind in ANSWERED_WHOLE
                self._go_on()
                self._to_them.write(request)
                await self._to_them.drain()
                request = b""

    async def _greet(self) -> None:
        """The first messages have no letter; that there is no encryption here is what the server would say too."""
        while True:
            length = await self._ours.readexactly(4)
            rest = await self._ours.readexactly(int.from_bytes(length, "big") - 4)
            if rest != SSL_REQUEST:
                break
            self._to_us.write(b"N")
        self._to_them.write(length + rest)

    async def answer(self) -> None:
        held = b""
        while True:
            kind, message = await _read_message(self._theirs)
            held += message
            if self._is_awaited and kind == READY:
                self._is_awaited = False
                self._go_on()
            if not self._is_awaited or kind in WANTS_A_COPY:
                self._to_us.write(held)
                await self._to_us.drain()
                held = b""

    def _go_on(self) -> None:
        try:
            self._moment()
        except LineCut:
            self.is_cut = True
            raise


async def _read_message(stream: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await stream.readexactly(HEAD_BYTES)
    return head[:1], head + await stream.readexactly(int.from_bytes(head[1:], "big") - 4)
