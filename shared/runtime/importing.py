"""Runs an import from the operator's side: reads files, sends rows on in pieces, adds up what became of them."""

import csv
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from shared.config import LimitSettings
from shared.derive.rollups import OTHER_KEY
from shared.ingest.imports import (
    DayCounts,
    Found,
    ImportedEvent,
    Rejected,
    read_csv_events,
    read_plausible,
    read_umami,
)
from shared.ingest.imports.rows import sources_in

KINDS = ("plausible", "umami", "csv")
Ask = Callable[..., Awaitable[Any]]  # a command and its arguments
EVENTS_AT_ONCE = 1000
DAYS_AT_ONCE = 20
PIECE_BYTES = 400_000  # a command is one line of at most a megabyte
KEYS_OF_A_DAY = 1000
KEY_BYTES_OF_A_DAY = 300_000


@dataclass
class ImportReport:
    """What became of all rows; days count as one row each. Reasons that begin alike count as the first one."""

    unit: str
    stored: int = 0
    repeated: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    lost: int = 0  # values of events that were read
    notes: list[str] = field(default_factory=list)
    _reasons: dict[str, str] = field(default_factory=dict)

    def leave_out(self, reason: str) -> None:
        self.left_out[self._reasons.setdefault(reason.partition(":")[0], reason)] += 1

    @property
    def read(self) -> int:
        return self.stored + self.repeated + self.left_out.total()


class RejectsFile:
    """Names each row that was left out; the file is made for the first one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: Any = None

    def add(self, file: str, line: int, reason: str) -> None:
        if self._handle is None:
            self._handle = self.path.open("w", encoding="utf-8", newline="")
            self._writer = csv.writer(self._handle)
            self._writer.writerow(("file", "line", "reason"))
        self._writer.writerow((file, line, reason))

    def close(self) -> None:
        if self._handle is not None:
            self._handle.close()

    @property
    def is_made(self) -> bool:
        return self._handle is not None


@dataclass(frozen=True)
class Export:
    """What is read: `mapping` names columns of a CSV file, `website` one of an Umami."""

    kind: str
    path: Path
    mapping: Mapping[str, str] = field(default_factory=dict)
    website: str | None = None

    @property
    def size(self) -> int:
        """Characters to read, at least about."""
        with sources_in(self.path) as sources:
            size = sum(source.size for source in sources)
        return 2 * size if self._is_read_twice else size

    @property
    def _is_read_twice(self) -> bool:
        """Looked through before for websites, or for days that do not stand together."""
        return self.kind == "plausible" or (self.kind == "umami" and self.website is None)


def read_export(export: Export, limits: LimitSettings, progress: Callable[[int], None]) -> Iterator[Found]:
    """Every row of an export."""
    if export.kind == "plausible":
        return read_plausible(export.path, limits, progress)
    if export.kind == "umami":
        return read_umami(export.path, limits, progress, export.website)
    return read_csv_events(export.path, limits, progress, export.mapping)


@dataclass(frozen=True)
class ImportRun:
    """One run: what for which site, and up to which day."""

    kind: str
    site: str
    until: date | None = None
    dry: bool = False


async def run_import(ask: Ask, found: Iterator[Found], run: ImportRun, rejects: RejectsFile) -> ImportReport:
    """Sends everything on, a piece at a time; memory does not grow with the file."""
    report = ImportReport("days" if run.kind == "plausible" else "events")
    until = await _last_day(ask, run, report)
    while piece := list(islice(found, DAYS_AT_ONCE if run.kind == "plausible" else EVENTS_AT_ONCE)):
        for one in piece:
            if isinstance(one, ImportedEvent):
                report.lost += one.lost
            if isinstance(one, Rejected):
                rejects.add(one.file, one.line, one.reason)
                report.leave_out(one.reason)
        for part in _parts([one for one in piece if not isinstance(one, Rejected)]):
            await _send(ask, part, replace(run, until=until), report, rejects)
    if not run.dry and run.kind != "plausible":  # its days have no visitors to tell apart
        await ask("import-end", site=run.site, source=run.kind, until=str(until), dry=False)
    return report


async def _last_day(ask: Ask, run: ImportRun, report: ImportReport) -> date:
    """The day that was asked for, else the last one that is not counted twice; the report says what that means.

    Counters of days are taken for each day that has no events of its own, so they need no last day.
    """
    if run.kind == "plausible":
        return run.until or date.max
    span = await ask("import-span", site=run.site)
    last, own = date.fromisoformat(span["until"]), span["first_own_day"]
    has_own = f"{run.site} has events of its own from {own} on"
    if run.until is None:
        why = f", as {has_own}" if own else ""
        report.notes.append(f"Days up to {last} are imported{why}; --until names another last day.")
    elif own and run.until > last:
        report.notes.append(f"{has_own}: up to {run.until} the imported ones are added to them.")
    return run.until or last


def _parts(piece: Sequence[ImportedEvent | DayCounts]) -> Iterator[list[tuple[ImportedEvent | DayCounts, Any]]]:
    """The piece in parts that fit into one command."""
    part: list[tuple[ImportedEvent | DayCounts, Any]] = []
    size = 0
    for one in piece:
        data = dict(one.fields) if isinstance(one, ImportedEvent) else _day_data(one)
        length = len(json.dumps(data))
        if part and size + length > PIECE_BYTES:
            yield part
            part, size = [], 0
        part.append((one, data))
        size += length
    if part:
        yield part


def _day_data(counts: DayCounts) -> dict[str, Any]:
    """A day with its largest keys; all others are counted together."""
    cells: dict[tuple[str, str], list[float]] = {}
    room, size = KEYS_OF_A_DAY, 0
    for (measure, key), (count, total) in sorted(counts.cells.items(), key=lambda item: -item[1][0]):
        size += len(json.dumps(key))
        room -= 1
        fits = not key or (room > 0 and size < KEY_BYTES_OF_A_DAY)
        cell = cells.setdefault((measure, key if fits else OTHER_KEY), [0, 0.0])
        cell[0] += count
        cell[1] += total
    return {"part": counts.part, "day": counts.day, "cells": [[*place, *sums] for place, sums in cells.items()]}


async def _send(
    ask: Ask,
    part: Sequence[tuple[ImportedEvent | DayCounts, Any]],
    run: ImportRun,
    report: ImportReport,
    rejects: RejectsFile,
) -> None:
    answer = await ask(
        "import-days" if run.kind == "plausible" else "import-events",
        site=run.site,
        source=run.kind,
        until=str(run.until),
        dry=run.dry,
        rows=[data for _, data in part],
    )
    report.stored += answer["stored"]
    report.repeated += answer["repeated"]
    for index, reason in answer["dropped"]:
        one = part[index][0]
        rejects.add(one.file, one.line, reason)
        report.leave_out(reason)


def print_import(report: ImportReport, rejects: RejectsFile, *, dry: bool) -> None:
    """A short account on the terminal."""
    for note in report.notes:
        print(note)
    taken = "would be taken" if dry else "taken"
    print(f"{report.read} {report.unit}: {report.stored} {taken}, {report.repeated} known already")
    for reason, count in report.left_out.most_common():
        print(f"  {count} left out: {reason}")
    if report.lost:
        print(f"  {report.lost} values not kept, or only the beginning: too long, too many, or not what they should be")
    if rejects.is_made:
        print(f"Each row that was left out is named in {rejects.path}")
