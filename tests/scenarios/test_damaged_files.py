"""A database that is damaged before the start: nothing is written to it, or the damage does no harm.

One flipped byte in a random page, twenty times; a file that was cut; a WAL that is gone. Whatever is acknowledged
after such a start is stored, once.
"""

import random
import shutil
from pathlib import Path

import pytest

from shared.clock import ManualClock, SystemClock
from shared.errors import CannotStore, StartRefused
from shared.runtime import Runtime
from shared.store.damage import find_damage
from shared.store.database import DATABASE_FILE
from tests.conftest import NOON
from tests.scenarios.killed_operations import (
    Place,
    committed,
    counters_agree,
    event_ids,
    filled_folder,
    problems_of_file,
    runtime_of,
    take,
)
from tests.shared.ingest.track import make_event

FILES = 20
PAGE_BYTES = 4096

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def a_copy(folder: Path) -> Place:
    shutil.copytree(filled_folder(), folder)
    return Place(folder)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_copy(tmp_path / "data")


def flip(file: Path, chance: random.Random) -> None:
    """Another value for one byte that is in use: anywhere, or in a random page, where it is more often structure."""
    data = bytearray(file.read_bytes())
    pages = range(0, len(data), PAGE_BYTES)
    start, end = (chance.choice(pages), PAGE_BYTES) if chance.random() < 0.5 else (0, len(data))
    data[chance.choice([n for n in range(start, start + end) if data[n]])] ^= chance.randrange(1, 256)
    file.write_bytes(data)


async def start_and_store(place: Place) -> str:
    """What the refusal says, or nothing after a good start, of which everything is stored."""
    file = place.folder / DATABASE_FILE
    before = file.read_bytes()
    try:
        async with runtime_of(place) as runtime:
            sent = [f"committed-{number:04}" for number in range(20)]
            for _ in range(2):
                await take(runtime, [make_event(id=one) for one in sent])
            await repeat_what_is_known(runtime)
            assert sorted(await committed(runtime)) == sent
    except (StartRefused, CannotStore) as refused:  # a header may say that the file is read-only
        said = str(refused)
    else:
        assert problems_of_file(place.folder, keys=False) == []
        return ""
    assert file.read_bytes() == before
    assert "\n" not in said
    return said


async def repeat_what_is_known(runtime: Runtime) -> None:
    """Senders repeat; no event may be there twice for it."""
    known = await event_ids(runtime)
    for start in range(0, len(known), 20):
        outcome = await take(runtime, [make_event(id=one) for one in known[start : start + 20]])
        assert outcome.stored == 0


async def test_a_flipped_byte_is_found_or_does_no_harm(tmp_path: Path) -> None:
    said = []
    for seed in range(FILES):
        place = a_copy(tmp_path / str(seed))
        flip(place.folder / DATABASE_FILE, random.Random(seed))
        said.append(await start_and_store(place))
    found = [words for words in said if words]
    print(f"{len(found)} of {FILES} were refused, the others are sound")
    assert all("damaged" in words or "cannot" in words for words in found)
    assert len(found) >= FILES / 4  # else nothing was tried


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
async def test_a_cut_file_is_refused(place: Place, share: float) -> None:
    file = place.folder / DATABASE_FILE
    with file.open("r+b") as handle:
        handle.truncate(int(file.stat().st_size * share))
    assert "damaged" in await start_and_store(place)


async def test_a_wal_that_is_gone_leaves_an_older_database_that_is_whole(place: Place) -> None:
    async with runtime_of(place) as runtime:
        await take(runtime, [make_event(id="lost-00001")])
        folder = place.folder.with_name("killed")
        shutil.copytree(place.folder, folder, ignore=shutil.ignore_patterns("*-wal", "*-shm"))
    killed = Place(folder)
    assert await start_and_store(killed) == ""
    async with runtime_of(killed) as runtime:
        await counters_agree(runtime)


def test_a_file_too_large_for_the_time_is_let_pass(place: Place) -> None:
    file = place.folder / DATABASE_FILE
    assert find_damage(file, 60.0, SystemClock()) is None
    file.write_bytes(file.read_bytes()[: -3 * PAGE_BYTES])
    assert find_damage(file, 60.0, SystemClock()) is not None
    assert find_damage(file, 0, ManualClock(NOON)) is None
    assert find_damage(place.folder / "nothing.sqlite", 1.0, SystemClock()) is None
