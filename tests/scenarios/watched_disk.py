"""SQLite's way to the disk, watched from within the process: what is written and synced, and what fails, waits or dies.

SQLite does its input and output through tables of C functions (https://sqlite.org/vfs.html). Three functions of each
open file are replaced by ours: write, truncate and sync. It needs no compiler, no root and no other system calls.
"""

import _sqlite3
import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

OK = 0
OPEN_DATABASE, OPEN_JOURNAL, OPEN_WAL = 0x100, 0x800, 0x80000
NAMES = {OPEN_DATABASE: "database", OPEN_JOURNAL: "journal", OPEN_WAL: "wal"}

Pointer, Int, Long = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
Open = ctypes.CFUNCTYPE(Int, Pointer, Pointer, Pointer, Int, ctypes.POINTER(Int))
Read = ctypes.CFUNCTYPE(Int, Pointer, Pointer, Int, Long)
Write = ctypes.CFUNCTYPE(Int, Pointer, Pointer, Int, Long)
Truncate = ctypes.CFUNCTYPE(Int, Pointer, Long)
Sync = ctypes.CFUNCTYPE(Int, Pointer, Int)
Size = ctypes.CFUNCTYPE(Int, Pointer, ctypes.POINTER(Long))


class Methods(ctypes.Structure):
    """`sqlite3_io_methods` of version 3; what we do not touch is a plain pointer."""

    _fields_ = (
        ("version", Int),
        ("close", Pointer),
        ("read", Read),
        ("write", Write),
        ("truncate", Truncate),
        ("sync", Sync),
        ("size", Size),
        ("others", Pointer * 12),
    )


class System(ctypes.Structure):
    """The beginning of `sqlite3_vfs`."""

    _fields_ = (
        ("version", Int),
        ("file_bytes", Int),
        ("longest_path", Int),
        ("next", Pointer),
        ("name", ctypes.c_char_p),
        ("data", Pointer),
        ("open", Open),
    )


class File(ctypes.Structure):
    """The beginning of `sqlite3_file`."""

    _fields_ = (("methods", ctypes.POINTER(Methods)),)


@dataclass(frozen=True)
class Access:
    """SQLite is about to do something to a file: `what` is write, truncate or sync, `name` which file it is."""

    name: str
    what: str
    data: bytes = b""


class Watcher:
    """What happens beside the real work; this one lets everything pass."""

    def before(self, _access: Access) -> int:
        """Zero to go on, or the error of SQLite that is answered instead."""
        return OK

    def after(self, _access: Access) -> None:
        """It was done."""


@cache
def watch_disk() -> "WatchedDisk":
    """From here on every file that SQLite opens in this process is watched; there is no way back."""
    return WatchedDisk()


class WatchedDisk:
    """`watcher` may be replaced at any time; `undo_unsynced` is the power cut."""

    def __init__(self) -> None:
        self.watcher = Watcher()
        self._made: dict[tuple[int, str], Methods] = {}
        self._unsynced: dict[int, list[Callable[[], None]]] = {}
        find = ctypes.CDLL(_sqlite3.__file__).sqlite3_vfs_find
        find.restype = ctypes.POINTER(System)
        system = find(None).contents
        self._open = Open(ctypes.cast(system.open, Pointer).value)  # type: ignore[arg-type]
        self._our_open = Open(self._open_file)
        system.open = self._our_open

    def undo_unsynced(self) -> None:
        """Makes the files what they are on a disk that kept nothing but what was synced. Only death may follow."""
        for changes in self._unsynced.values():
            for undo in reversed(changes):
                undo()

    def _open_file(self, system: int, path: int, file: int, flags: int, told: Any) -> int:
        code = self._open(system, path, file, flags, told)
        name = next((name for flag, name in NAMES.items() if flags & flag), "")
        opened = ctypes.cast(file, ctypes.POINTER(File)).contents
        if code == OK and name and opened.methods:
            opened.methods = ctypes.pointer(self._methods_like(opened.methods.contents, name))
        return code

    def _methods_like(self, theirs: Methods, name: str) -> Methods:
        key = (ctypes.addressof(theirs), name)
        if key not in self._made:
            ours = Methods.from_buffer_copy(theirs)
            ours.write = Write(self._writing(theirs, name))
            ours.truncate = Truncate(self._truncating(theirs, name))
            ours.sync = Sync(self._syncing(theirs, name))
            self._made[key] = ours
        return self._made[key]

    def _writing(self, theirs: Methods, name: str) -> Callable[[int, int, int, int], int]:
        def write(file: int, data: int, length: int, offset: int) -> int:
            access = Access(name, "write", ctypes.string_at(data, length))
            self._remember(theirs, file, length, offset)
            return self._watched(access, lambda: theirs.write(file, data, length, offset))

        return write

    def _truncating(self, theirs: Methods, name: str) -> Callable[[int, int], int]:
        def truncate(file: int, size: int) -> int:
            length = max(0, _size(theirs, file) - size)
            self._remember(theirs, file, length, size)
            return self._watched(Access(name, "truncate"), lambda: theirs.truncate(file, size))

        return truncate

    def _syncing(self, theirs: Methods, name: str) -> Callable[[int, int], int]:
        def sync(file: int, flags: int) -> int:
            code = self._watched(Access(name, "sync"), lambda: theirs.sync(file, flags))
            if code == OK:
                self._unsynced.pop(file, None)
            return code

        return sync

    def _watched(self, access: Access, work: Callable[[], int]) -> int:
        code = self.watcher.before(access) or work()
        if code == OK:
            self.watcher.after(access)
        return code

    def _remember(self, theirs: Methods, file: int, length: int, offset: int) -> None:
        """How to take back a change of these bytes."""
        size = _size(theirs, file)
        known = max(0, min(length, size - offset))
        old = ctypes.create_string_buffer(known)
        if known:
            theirs.read(file, old, known, offset)

        def undo() -> None:
            if known:
                theirs.write(file, old, known, offset)
            theirs.truncate(file, size)

        self._unsynced.setdefault(file, []).append(undo)


def _size(theirs: Methods, file: int) -> int:
    found = Long()
    theirs.size(file, ctypes.byref(found))
    return found.value


def die(disk: WatchedDisk, *, cut_power: bool) -> None:
    """kill -9 of this process, or the end of the machine's power."""
    if cut_power:
        disk.undo_unsynced()
    os.kill(os.getpid(), 9)
