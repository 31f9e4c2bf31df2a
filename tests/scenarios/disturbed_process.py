"""`python -m tests.scenarios.disturbed_process`: Warroom on a disk that fails, is slow, or is written down.

The file that `DISTURBED_DISK` names says what is wrong right now, the file beside it which ids are safely on the disk.
"""

import json
import os
import re
import runpy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.scenarios.warroom_process import WarroomProcess
from tests.scenarios.watched_disk import OK, Access, Watcher, watch_disk

PROGRAM = __name__ if __name__ != "__main__" else "tests.scenarios.disturbed_process"
VARIABLE = "DISTURBED_DISK"
SYNC_FAILED, WRITE_FAILED = 1034, 778  # SQLITE_IOERR_FSYNC; SQLITE_IOERR_WRITE, also of a file system made read-only
SAFE_ID = re.compile(rb"safe-[0-9]{5}")


def disturbed(folder: Path) -> dict[str, str]:
    """The variable that the process needs."""
    return {VARIABLE: str(folder / "faults.json")}


@contextmanager
def fault(warroom: WarroomProcess, **kinds: tuple[int, float]) -> Iterator[None]:
    """While the context is open, each `write` or `sync` gives this error, after so many seconds."""
    _tell(warroom, kinds)
    try:
        yield
    finally:
        _tell(warroom, {})


def _tell(warroom: WarroomProcess, kinds: dict[str, tuple[int, float]]) -> None:
    file = Path(warroom.environment[VARIABLE])
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(kinds))
    draft.replace(file)


def safe_since(warroom: WarroomProcess) -> dict[str, float]:
    """When the sync had ended that put each id on the disk, by the monotonic clock of the machine."""
    lines = _ledger(Path(warroom.environment[VARIABLE])).read_text().splitlines()
    return {sent_id: float(moment) for sent_id, moment in map(str.split, lines)}


def _ledger(faults: Path) -> Path:
    return faults.with_name("safe.txt")


class Disturber(Watcher):
    """Does what the file says, and writes down each id that was in the WAL when a sync of it began."""

    def __init__(self, faults: Path) -> None:
        self._faults = faults
        self._ledger = _ledger(faults).open("a", buffering=1)
        self._known: set[bytes] = set()
        self._written: list[bytes] = []

    def before(self, access: Access) -> int:
        if access.name == "wal" and access.what == "write":
            fresh = set(SAFE_ID.findall(access.data)) - self._known
            self._known |= fresh
            self._written += fresh
        error, seconds = self._wrong(access)
        if seconds:
            time.sleep(seconds)
        return error

    def after(self, access: Access) -> None:
        if (access.name, access.what) == ("wal", "sync"):
            moment, written, self._written = time.monotonic(), self._written, []
            self._ledger.write("".join(f"{sent_id.decode()} {moment}\n" for sent_id in written))

    def _wrong(self, access: Access) -> tuple[int, float]:
        try:
            kinds = json.loads(self._faults.read_text())
        except FileNotFoundError:
            return OK, 0.0
        error, seconds = kinds.get(access.what, (OK, 0.0))
        return int(error), float(seconds)


if __name__ == "__main__":
    watch_disk().watcher = Disturber(Path(os.environ[VARIABLE]))
    runpy.run_module("bot", run_name="__main__", alter_sys=True)
