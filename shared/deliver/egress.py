"""The one client of outgoing HTTP: known origins only, checked addresses, no redirects, 5 seconds, 64 KB.

A loopback origin is known only where the settings name it (`discord.api_base`, for tests).
"""

import json
import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from shared.config import Settings, is_loopback_host
from shared.errors import NotAllowed, WarroomError

logger = logging.getLogger(__name__)

DISCORD_ORIGIN = "https://discord.com"
TIMEOUT_SECONDS = 5.0
ANSWER_LIMIT = 64 * 1024


class Unreachable(WarroomError):
    """The other server did not answer in time, or not as it should."""

    code = "cannot_store"
    retry_after_seconds = 5


@dataclass(frozen=True)
class Answer:
    """What came back: the status, and the JSON object in it (empty if it was something else)."""

    status: int
    data: dict[str, Any]


class Egress:
    """Asks other servers; each call stands alone and is never repeated."""

    def __init__(self, settings: Settings) -> None:
        self._origins = {DISCORD_ORIGIN}
        if settings.discord.api_base:
            self._origins.add(origin_of(settings.discord.api_base))

    async def get_json(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self._ask("GET", url, headers, None)

    async def post_form(self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        return await self._ask("POST", url, headers, form)

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str] | None, form: Mapping[str, str] | None
    ) -> Answer:
        self._check(url)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        resolver = None if is_loopback_host(urlsplit(url).hostname or "") else PublicResolver()
        connector = aiohttp.TCPConnector(resolver=resolver, limit=1, force_close=True)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, connector=connector, trust_env=False) as session,
                session.request(method, url, data=form, headers=headers, allow_redirects=False) as response,
            ):
                return Answer(response.status, await _read_object(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            logger.warning("%s did not answer: %s", urlsplit(url).hostname, type(error).__name__)
            raise Unreachable("The other server did not answer in time. Please try again.") from error

    def _check(self, url: str) -> None:
        if origin_of(url) not in self._origins or "@" in urlsplit(url).netloc:
            raise NotAllowed("Warroom does not talk to this address.")


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as browsers compare them."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    port = f":{parts.port}" if parts.port and parts.port != default else ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{port}"


class PublicResolver(AbstractResolver):
    """Resolves a name and keeps only public addresses; the connection goes to the address that was checked."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        public = [result for result in found if ip_address(result["host"].partition("%")[0]).is_global]
        if not public:
            raise OSError(f"{host} has no public address")
        return public

    async def close(self) -> None:
        await self._inner.close()


async def _read_object(response: aiohttp.ClientResponse) -> dict[str, Any]:
    raw = bytearray()
    async for piece in response.content.iter_chunked(8192):
        raw += piece
        if len(raw) > ANSWER_LIMIT:
            raise aiohttp.ClientPayloadError("the answer is too long")
    try:
        data = json.loads(raw)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
