"""Visitors of one day, salts that die in time, addresses that cannot be made up."""

import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from shared.clock import ManualClock
from shared.config import Settings
from shared.errors import CannotStore
from shared.guard.privacy import SALT_FILE, VisitorHasher, address_bucket, client_address
from shared.store.database import Store

AGENT = "Mozilla/5.0 Firefox/140.0"
KEY = b"k" * 32
PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.fixture
def hasher(settings: Settings, store: Store, clock: ManualClock) -> VisitorHasher:
    return VisitorHasher(settings, store, clock)


async def visitor(hasher: VisitorHasher, now: datetime, site: str = "docs", address: str = "192.0.2.1") -> str:
    zone = {"docs": "Europe/Berlin", "blog": "UTC"}.get(site, site)
    return await hasher.visitor(site, zone, address, AGENT, now)


async def test_a_visitor_is_one_all_day_and_nobody_elsewhere(hasher: VisitorHasher, clock: ManualClock) -> None:
    now = clock.now()
    ada = await visitor(hasher, now)
    assert ada == await visitor(hasher, now + timedelta(hours=10))
    others = [
        await visitor(hasher, now + timedelta(days=1)),
        await visitor(hasher, now, site="blog"),
        await visitor(hasher, now, address="192.0.2.2"),
        await hasher.visitor("docs", "Europe/Berlin", "192.0.2.1", "other", now),
    ]
    assert len({ada, *others}) == 5


async def test_the_day_turns_at_the_local_midnight_of_the_site(hasher: VisitorHasher) -> None:
    before, after = datetime(2026, 3, 11, 22, 59, tzinfo=UTC), datetime(2026, 3, 11, 23, 1, tzinfo=UTC)
    assert await visitor(hasher, before) != await visitor(hasher, after)
    assert await visitor(hasher, before, "blog") == await visitor(hasher, after, "blog")


async def test_a_restart_and_a_replica_know_the_same_visitor(
    settings: Settings, store: Store, clock: ManualClock
) -> None:
    first, second = (VisitorHasher(settings, store, clock) for _ in range(2))
    assert await visitor(first, clock.now()) == await visitor(second, clock.now())


async def test_sites_on_different_days_keep_their_salts(settings: Settings, store: Store, clock: ManualClock) -> None:
    early, late = "Pacific/Kiritimati", "Pacific/Pago_Pago"  # 25 hours apart: two days at any moment
    now = datetime(2026, 3, 11, 10, 30, tzinfo=UTC)
    hasher = VisitorHasher(settings, store, clock)
    before = await visitor(hasher, now, late)
    await visitor(hasher, now, early)
    assert await visitor(hasher, now, late) == before
    assert await visitor(VisitorHasher(settings, store, clock), now, late) == before


async def test_salts_are_gone_within_two_days(
    settings: Settings, store: Store, clock: ManualClock, hasher: VisitorHasher
) -> None:
    first = clock.now()
    before = {site: await visitor(hasher, first, site) for site in ("docs", "blog")}
    assert await hasher.destroy_old() == 0
    clock.advance(days=2)
    assert await hasher.destroy_old() == 2
    for maker in (hasher, VisitorHasher(settings, store, clock)):
        for site, known in before.items():
            assert await visitor(maker, first, site) != known


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_salt_file_is_private_and_holds_nothing_else(
    settings: Settings, hasher: VisitorHasher, clock: ManualClock
) -> None:
    await visitor(hasher, clock.now())
    path = settings.store.data_dir / SALT_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(json.loads(path.read_text())) == ["docs"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_salt_that_cannot_be_kept_is_told_as_try_again(
    settings: Settings, hasher: VisitorHasher, clock: ManualClock
) -> None:
    (settings.store.data_dir / SALT_FILE).mkdir()
    with pytest.raises(CannotStore):
        await visitor(hasher, clock.now())
    Path(settings.store.data_dir / SALT_FILE).rmdir()
    assert await visitor(hasher, clock.now())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("damage", ["", "{", "[]", '{"docs": {"2026-03-11": "00"}}', '{"docs": {"soon": "zz"}}', "\0"])
async def test_a_damaged_salt_file_does_not_close_the_way_in(
    settings: Settings, store: Store, clock: ManualClock, damage: str
) -> None:
    (settings.store.data_dir / SALT_FILE).write_text(damage)
    first, second = (VisitorHasher(settings, store, clock) for _ in range(2))
    assert await visitor(first, clock.now()) == await visitor(second, clock.now())
    assert await first.destroy_old() == 0


def test_a_late_day_has_a_visitor_of_its_own() -> None:
    day = datetime(2026, 3, 5, tzinfo=UTC).date()
    late = {VisitorHasher.on_another_day("ada", day + timedelta(days=n)) for n in range(3)}
    assert len({"ada", *late}) == 4


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("unknown", "nonsense", True),
    ],
)
def test_addresses_share_a_bucket_by_network(one: str, other: str, same: bool) -> None:
    assert (address_bucket(KEY, one) == address_bucket(KEY, other)) is same


async def test_a_limit_knows_an_address_for_a_day_only(settings: Settings, store: Store, clock: ManualClock) -> None:
    """By a salt that is destroyed like those of visitors: afterwards no key of ours leads back to the address."""
    first = VisitorHasher(settings, store, clock)
    bucket = await first.address_bucket("192.0.2.1", clock.now())
    again = VisitorHasher(settings, store, clock)  # after a restart
    assert await again.address_bucket("::ffff:192.0.2.1", clock.now()) == bucket
    assert await again.address_bucket("192.0.2.2", clock.now()) != bucket
    clock.advance(days=1)
    assert await again.address_bucket("192.0.2.1", clock.now()) != bucket
    clock.advance(days=2)
    await again.destroy_old()
    assert await again.days_with_salts() == set()


async def test_an_import_has_one_salt_until_it_ends(settings: Settings, store: Store, clock: ManualClock) -> None:
    """Over a cut, a restart and a midnight; never longer than any salt lives, and apart from the salts of visits."""
    first = VisitorHasher(settings, store, clock)
    before = await visitor(first, clock.now())
    salt = await first.import_salt("import csv docs")
    assert await first.import_salt("import csv blog") != salt
    clock.advance(days=1)
    again = VisitorHasher(settings, store, clock)
    assert await again.import_salt("import csv docs") == salt
    await again.end_import("import csv docs")
    assert await again.import_salt("import csv docs") != salt
    clock.advance(days=-1)
    assert await visitor(again, clock.now()) == before
    clock.advance(days=3)
    await again.destroy_old()
    assert await again.days_with_salts() == set()


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),  # not a proxy of ours: what it says does not count
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", ", ,", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7:5678", "198.51.100.7"),
        ("::ffff:10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("fd00::1", "10.0.0.2", "10.0.0.2"),
        (None, "198.51.100.7", "unknown"),
    ],
)
def test_the_right_most_stranger_is_the_sender(peer: str | None, forwarded: str, found: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == found
