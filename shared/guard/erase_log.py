"""The record of erasures outside every copy of the database: keyed hashes only, one JSON line each.

A copy that is put back does not know what was erased after it was made. This file does, so it must be kept apart
from the database's copies and never be put back with them. A line goes only when no copy can need it any more.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shared.config import Settings

LOG_FILE = "erased.log"


@dataclass(frozen=True)
class LogEntry:
    """One erasure: a random id, when, and the keyed hashes of all identities of the person."""

    id: str
    at: datetime
    subjects: tuple[str, ...]


@dataclass(frozen=True)
class LogContents:
    """What the file holds; an unreadable line was cut off by a crash and never acknowledged, or damaged later."""

    entries: tuple[LogEntry, ...]
    unreadable: int


class EraseLog:
    """The file. Several processes may share it; entries that stand in it twice are one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, entries: Sequence[LogEntry]) -> None:
        """Adds lines and returns when they are on the disk. Raises `OSError` when they are not."""
        is_new = not self.path.exists()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._held(os.O_CREAT) as descriptor:
            size = os.fstat(descriptor).st_size
            is_cut = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"  # a crash came between
            _write_all(descriptor, b"\n" * is_cut + b"".join(_line(entry) for entry in entries))
            os.fsync(descriptor)
        if is_new:
            _sync_folder(self.path.parent)

    def drop_before(self, moment: datetime) -> int:
        """Removes older entries; how many. Raises `OSError` when the file cannot be written anew."""
        if not any(entry.at < moment for entry in self.read().entries):
            return 0
        with self._held() as descriptor:
            lines = self.path.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if (entry := _parse(line)) is None or entry.at >= moment]
            draft = self.path.with_name(f"{self.path.name}.new")
            fresh = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, os.fstat(descriptor).st_mode & 0o777)
            try:
                _write_all(fresh, b"".join(kept))
                os.fsync(fresh)
            finally:
                os.close(fresh)
            draft.replace(self.path)
            _sync_folder(self.path.parent)
        return len(lines) - len(kept)

    @contextmanager
    def _held(self, flags: int = 0) -> Iterator[int]:
        """The file, held against other processes; opened again when one of them replaced it meanwhile."""
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if self._is_still(descriptor):
                    yield descriptor
                    return
            finally:
                os.close(descriptor)

    def _is_still(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def read(self) -> LogContents:
        """Everything in it; nothing while there is no file. Raises `OSError` when it cannot be read."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return LogContents((), 0)
        found: dict[str, LogEntry] = {}
        unreadable = 0
        for line in lines:
            entry = _parse(line) if line.strip() else None
            if entry is not None:
                found.setdefault(entry.id, entry)
            elif line.strip():
                unreadable += 1
        return LogContents(tuple(found.values()), unreadable)


def open_log(settings: Settings) -> EraseLog:
    """The log of this process: `privacy.erase_log`, or a file in the data folder."""
    folder = settings.store.data_dir
    return EraseLog(settings.privacy.log_path(folder) or folder / LOG_FILE)


def _line(entry: LogEntry) -> bytes:
    shown = {"id": entry.id, "at": entry.at.isoformat(), "subjects": list(entry.subjects)}
    return json.dumps(shown, separators=(",", ":")).encode() + b"\n"


def _parse(line: bytes) -> LogEntry | None:
    try:
        raw = json.loads(line)
        entry = LogEntry(raw["id"], datetime.fromisoformat(raw["at"]), tuple(raw["subjects"]))
    except (ValueError, KeyError, TypeError):
        return None
    is_whole = all(isinstance(text, str) and text.isalnum() for text in (entry.id, *entry.subjects))
    return entry if is_whole and entry.at.tzinfo is not None and isinstance(raw["subjects"], list) else None


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _sync_folder(folder: Path) -> None:
    """The name must survive a power cut as well as the lines."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
