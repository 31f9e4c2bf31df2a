"""What the sections of the settings are made of: the base class, and the types of single settings."""

import functools
import re
from datetime import time
from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


@functools.cache
def known_zones() -> frozenset[str]:
    """All IANA zone names; listing them reads hundreds of files, so it is done once."""
    return frozenset(available_timezones())


def _check_zone(name: str) -> str:
    if name not in known_zones():
        raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Berlin")
    return name


def _check_loopback_or_empty(url: str) -> str:
    if url and not is_loopback_host(urlsplit(url).hostname or ""):
        raise ValueError("only a loopback address is allowed here")
    return url


def _parse_time(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        return time.fromisoformat(value)
    if isinstance(value, time):
        return value
    raise ValueError("must be a time such as 09:00")


def is_loopback_host(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


Zone = Annotated[str, AfterValidator(_check_zone)]
LoopbackUrl = Annotated[str, AfterValidator(_check_loopback_or_empty)]
ClockTime = Annotated[time, BeforeValidator(_parse_time)]
Positive = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]
Snowflake = Annotated[int, Field(ge=0, lt=2**63)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def network_problem(network: str) -> str:
    try:
        ip_network(network, strict=False)
    except ValueError:
        return f"trusted_proxies: {network!r} is not an address or network such as 10.0.0.0/8"
    return ""


def origin_problems(url: str) -> list[str]:
    """Why `public_url` cannot be the beginning of a link."""
    if not url:
        return []
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ["public_url must be an http(s) address"]
    problems = []
    if parts.scheme == "http" and not is_loopback_host(parts.hostname):
        problems.append("public_url must be https unless it is a loopback address")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        problems.append("public_url must be an origin without a path")
    return problems
