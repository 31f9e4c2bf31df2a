"""The erase log: what is in it is on the disk, a cut-off line harms no other, and nobody else can read it."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.guard.erase_log import EraseLog, LogEntry, open_log
from tests.conftest import make_settings

NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)


def entry(name: str, at: datetime = NOON) -> LogEntry:
    return LogEntry(name, at, (f"hashOf{name}",))


def test_what_was_added_is_read_in_order(tmp_path: Path) -> None:
    log = EraseLog(tmp_path / "kept" / "erased.log")
    assert (log.read().entries, log.path.exists()) == ((), False)
    log.append([entry("a"), entry("b")])
    log.append([entry("c")])
    assert [one.id for one in log.read().entries] == ["a", "b", "c"]
    assert log.read().entries[0] == entry("a")


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    log = EraseLog(tmp_path / "erased.log")
    log.append([entry("a")])
    assert log.path.stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_crash_cut_off_harms_no_other(tmp_path: Path) -> None:
    log = EraseLog(tmp_path / "erased.log")
    log.append([entry("a"), entry("b")])
    log.path.write_bytes(log.path.read_bytes()[:-9])
    log.append([entry("c")])
    contents = log.read()
    assert ([one.id for one in contents.entries], contents.unreadable) == (["a", "c"], 1)


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff\xfe\n",
        b"[]\n",
        b'{"id":1}\n',
        b'{"id":"x","at":"soon","subjects":[]}\n',
        b'{"id":"x","at":"2026-03-11T12:00:00","subjects":[]}\n',  # of no zone: no database takes it
        b'{"id":"x","at":"2026-03-11T12:00:00+00:00","subjects":["\\u0000"]}\n',
        b'{"id":"x","at":"2026-03-11T12:00:00+00:00","subjects":"abc"}\n',
    ],
)
def test_a_damaged_line_is_counted(tmp_path: Path, damage: bytes) -> None:
    log = EraseLog(tmp_path / "erased.log")
    log.append([entry("a")])
    with log.path.open("ab") as file:
        file.write(damage)
    assert ([one.id for one in log.read().entries], log.read().unreadable) == (["a"], 1)


def test_two_files_put_together_are_one_log(tmp_path: Path) -> None:
    one, other = EraseLog(tmp_path / "one"), EraseLog(tmp_path / "other")
    one.append([entry("a"), entry("b")])
    other.append([entry("b"), entry("c")])
    one.path.write_bytes(one.path.read_bytes() + other.path.read_bytes())
    assert [known.id for known in one.read().entries] == ["a", "b", "c"]


def test_old_entries_go_and_nothing_else(tmp_path: Path) -> None:
    log = EraseLog(tmp_path / "erased.log")
    assert log.drop_before(NOON) == 0
    log.append([entry("a", NOON - timedelta(days=2)), entry("b"), entry("c", NOON - timedelta(days=1))])
    with log.path.open("ab") as file:
        file.write(b"damaged\n")
    assert log.drop_before(NOON) == 2
    assert ([one.id for one in log.read().entries], log.read().unreadable) == (["b"], 1)
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert (log.drop_before(NOON), sorted(path.name for path in tmp_path.iterdir())) == (0, ["erased.log"])


def test_who_waits_while_the_file_is_written_anew_loses_no_line(tmp_path: Path) -> None:
    log = EraseLog(tmp_path / "erased.log")
    log.append([entry(f"old{number}", NOON - timedelta(days=1 + number)) for number in range(20)])
    adding = [threading.Thread(target=log.append, args=([entry(f"new{number}")],)) for number in range(20)]
    dropping = [
        threading.Thread(target=log.drop_before, args=(NOON - timedelta(days=20 - number),)) for number in range(20)
    ]
    for pair in zip(adding, dropping, strict=True):
        for thread in pair:
            thread.start()
    for thread in (*adding, *dropping):
        thread.join()
    assert {one.id for one in log.read().entries} == {"old0", *(f"new{number}" for number in range(20))}


def test_it_stands_in_the_data_folder_or_where_the_owner_says(tmp_path: Path) -> None:
    assert open_log(make_settings(tmp_path)).path == tmp_path / "erased.log"
    elsewhere = make_settings(tmp_path, privacy={"erase_log": "/var/lib/kept/erased.log"})
    assert open_log(elsewhere).path == Path("/var/lib/kept/erased.log")
