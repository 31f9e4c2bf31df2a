"""A flood of made-up addresses: the limiter stays small, and nobody else is locked out by it."""

import os
import tracemalloc

import pytest

from shared.clock import ManualClock
from shared.config import load_settings
from shared.guard.privacy import address_bucket
from shared.guard.rate_limits import MOST_VISITORS, TrackLimiter
from tests.conftest import NOON

KEY = b"k" * 32
ADDRESSES = int(os.environ.get("WARROOM_ADDRESSES", "200000"))  # a release takes a million
MOST_BYTES = 16 * 1024 * 1024


def made_up(number: int) -> str:
    """Half of them IPv4, half of different /64 networks."""
    if number % 2:
        return f"{number >> 24 & 255}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return f"2001:db8:{number >> 16 & 0xFFFF:x}:{number & 0xFFFF:x}::1"


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_flood_of_addresses_costs_little_and_nobody_else_anything() -> None:
    limits = load_settings({"WARROOM_CONFIG_FILE": os.devnull}).limits
    clock = ManualClock(NOON)
    limiter = TrackLimiter(limits, clock)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(ADDRESSES):
            assert limiter.allow_visitor(address_bucket(KEY, made_up(number)), 1)
            if number % 50_000 == 0:  # one who was here before and one who comes anew
                assert limiter.allow_visitor(address_bucket(KEY, "198.51.100.7"), 1)
                assert limiter.allow_visitor(address_bucket(KEY, f"203.0.113.{number // 50_000}"), 1)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert ADDRESSES > MOST_VISITORS
    assert grown <= MOST_BYTES


def test_one_house_has_one_bucket_however_it_writes_its_address() -> None:
    networks = {address_bucket(KEY, f"2001:db8:1:2:{host:x}::1") for host in range(100)}
    assert len(networks) == 1
    assert address_bucket(KEY, "::ffff:203.0.113.7") == address_bucket(KEY, "203.0.113.7")
    assert address_bucket(KEY, "2001:db8:1:3::1") not in networks


async def test_who_floods_is_limited_and_a_neighbour_is_not() -> None:
    limits = load_settings({"WARROOM_CONFIG_FILE": os.devnull}).limits
    limiter = TrackLimiter(limits, ManualClock(NOON))
    flooding, neighbour = (address_bucket(KEY, address) for address in ("2001:db8:1:2::1", "2001:db8:1:3::1"))
    allowed = sum(limiter.allow_visitor(flooding, 1) for _ in range(limits.track_per_minute + 50))
    assert allowed == limits.track_per_minute
    assert limiter.allow_visitor(neighbour, 1)
