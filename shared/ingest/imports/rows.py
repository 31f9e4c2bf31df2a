"""Reads exports row by row: a CSV or JSON file, a folder of them, or a zip; memory does not grow with the file."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import IO, Any

from shared.errors import InvalidInput
from shared.ingest.strict_json import parse_json_fast

LONGEST_ROW = 1_000_000  # characters
CHUNK = 65_536
DEPTH = 16  # of a JSON row
ENDINGS = (".csv", ".json", ".jsonl", ".ndjson")
Progress = Callable[[int], None]  # characters that were read since the last call


@dataclass(frozen=True)
class Rejected:
    """A row that could not be read, and why."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class ImportedEvent:
    """The fields of an event as `/track` names them, with `user` for the visitor; never stored like this.

    `lost` counts the row's values of which nothing or only the beginning is in them.
    """

    file: str
    line: int
    fields: Mapping[str, Any]
    lost: int = 0


@dataclass
class DayCounts:
    """Counters of one past day from one file: (measure, key) to count and total."""

    file: str
    line: int
    part: str
    day: str
    cells: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, measure: str, key: str, count: float, total: float = 0.0) -> None:
        cell = self.cells.setdefault((measure, key), [0, 0.0])
        cell[0] += count
        cell[1] += total


Found = Rejected | ImportedEvent | DayCounts


@dataclass(frozen=True)
class Row:
    """One row by column, or why there is none."""

    file: str
    line: int
    values: Mapping[str, Any]
    problem: str | None = None


@dataclass(frozen=True)
class Source:
    """One file of an export, not yet opened."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


@contextmanager
def sources_in(path: Path) -> Iterator[list[Source]]:
    """The files of an export, by name; raises `InvalidInput` when there are none."""
    if not path.exists():
        raise InvalidInput(f"There is no file {path}.")
    if path.is_dir():
        files = sorted(found for found in path.iterdir() if found.suffix.lower() in ENDINGS)
        yield _needed(path, [Source(found.name, found.stat().st_size, _opener(found)) for found in files])
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.filename)
            inside = [entry for entry in entries if PurePath(entry.filename).suffix.lower() in ENDINGS]
            yield _needed(
                path, [Source(PurePath(e.filename).name, e.file_size, _member_opener(archive, e)) for e in inside]
            )
    else:
        yield [Source(path.name, path.stat().st_size, _opener(path))]


def _needed(path: Path, sources: list[Source]) -> list[Source]:
    if not sources:
        raise InvalidInput(f"There is no CSV or JSON file in {path}.")
    return sources


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _member_opener(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: archive.open(entry)


def read_rows(source: Source, progress: Progress) -> Iterator[Row]:
    """Every row of a file; bad bytes become a replacement character."""
    with io.TextIOWrapper(source.open(), encoding="utf-8-sig", errors="replace", newline="") as text:
        is_json = not source.name.lower().endswith(".csv")
        yield from _read_json(source.name, text, progress) if is_json else _read_csv(source.name, text, progress)


def _read_csv(name: str, text: IO[str], progress: Progress) -> Iterator[Row]:
    reader = csv.reader(_lines(text, progress), strict=True)
    header: list[str] | None = None
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(name, reader.line_num, {}, f"not CSV: {error}")
            continue
        if header is None:
            header = [column.strip().lower() for column in values]
        elif len(values) == len(header):
            yield Row(name, reader.line_num, dict(zip(header, values, strict=True)))
        elif values:
            yield Row(name, reader.line_num, {}, f"{len(values)} columns, but the header has {len(header)}")


def _lines(text: IO[str], progress: Progress) -> Iterator[str]:
    while line := text.readline(LONGEST_ROW):
        progress(len(line))
        yield line.replace("\x00", "")


def _read_json(name: str, text: IO[str], progress: Progress) -> Iterator[Row]:
    """Objects one after another: in a list, or one a line."""
    decoder, buffer, line, ended = json.JSONDecoder(), "", 1, False
    while True:
        stripped = buffer.lstrip(" \t\r\n,[")
        line += buffer[: len(buffer) - len(stripped)].count("\n")
        buffer = stripped
        try:
            value, end = decoder.raw_decode(buffer)
        except (ValueError, RecursionError):
            chunk = "" if ended else text.read(CHUNK)
            progress(len(chunk))
            ended = not chunk
            if not ended and len(buffer) < LONGEST_ROW:
                buffer += chunk
                continue
            if buffer.strip(" \t\r\n]"):
                yield Row(name, line, {}, "not JSON; the rest of the file was not read")
            return
        problem = _problem_of(value, buffer[:end])
        yield Row(name, line, value if problem is None else {}, problem)
        line += buffer[:end].count("\n")
        buffer = buffer[end:]


def _problem_of(value: Any, text: str) -> str | None:
    """Why a JSON value is no row; what cannot be stored is refused as on the wire."""
    if not isinstance(value, dict):
        return "not an object"
    try:
        parse_json_fast(text.encode("utf-8"), DEPTH)
    except InvalidInput as error:
        return f"not JSON that can be stored: {error.problems[0].reason}"
    return None
