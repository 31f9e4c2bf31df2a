"""Any CSV file with a header: columns named like our fields, or named by `--map`; the others become properties."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from shared.config import LimitSettings
from shared.errors import InvalidInput
from shared.identifiers import fingerprint
from shared.ingest.imports.row_ids import RowIds
from shared.ingest.imports.rows import (
    DEPTH,
    Found,
    ImportedEvent,
    Progress,
    Rejected,
    Row,
    read_rows,
    sources_in,
)
from shared.ingest.protocols.foreign import (
    campaign_of,
    clean_props,
    milliseconds,
    moment_of,
    page_of,
    referrer_of,
    text_of,
    whole_number,
)
from shared.ingest.protocols.money import currency_of, minor_units
from shared.ingest.strict_json import parse_json_fast

TEXTS = ("title", "target")
NAMES = ("sequence", "experiment", "variant", "goal")
NUMBERS = {"engaged_ms": (0, 86_400_000), "scroll_percent": (0, 100), "step": (1, 1000), "steps": (1, 1000)}
COLUMNS = frozenset(
    {"id", "name", "at", "page", "visitor", "referrer", "done", "value", "value_cents", "currency", "props", "view"}
    | {*TEXTS, *NAMES, *NUMBERS}
)
PREFIX = "prop."
NO_TIME = "at: no ISO 8601 time, no seconds or milliseconds since 1970"


def read_csv_events(
    path: Path, limits: LimitSettings, progress: Progress, mapping: Mapping[str, str] | None = None
) -> Iterator[Found]:
    """`mapping`: our column to that of the file. Raises `InvalidInput` for a column that we do not have."""
    unknown = sorted(name for name in mapping or {} if name not in COLUMNS and not name.startswith(PREFIX))
    if unknown:
        raise InvalidInput(f"There is no column {', '.join(unknown)}; known are {', '.join(sorted(COLUMNS))}.")
    theirs = {column.strip().lower(): ours for ours, column in (mapping or {}).items()}
    with sources_in(path) as sources:
        for source in sources:
            with closing(RowIds("csv")) as ids:
                for row in read_rows(source, progress):
                    yield _read_row(row, theirs, ids, limits)


def _read_row(row: Row, theirs: Mapping[str, str], ids: RowIds, limits: LimitSettings) -> Found:
    if row.problem is not None:
        return Rejected(row.file, row.line, row.problem)
    values = {theirs.get(column, column): value for column, value in row.values.items() if value not in ("", None)}
    name = text_of(values.get("name"), limits.name_characters)
    at = milliseconds(moment_of(_as_number(values.get("at"))))
    if name is None:
        return Rejected(row.file, row.line, "name: is missing")
    if at is None:
        return Rejected(row.file, row.line, NO_TIME)
    sent, told = text_of(values.get("id"), 1000), _properties_in(values)
    fields: dict[str, Any] = {
        "id": fingerprint("import", "csv", sent) if sent else ids.next_id(row),
        "name": name,
        "at": at,
        "page": page_of(values.get("page"), limits.page_characters),
        "view": text_of(values.get("view"), 64),
        "referrer": referrer_of(values.get("referrer")),
        "user": text_of(values.get("visitor"), 200),
        "props": clean_props(told, limits),
        **{text: text_of(values.get(text), limits.string_characters) for text in TEXTS},
        **{text: text_of(values.get(text), limits.name_characters) for text in NAMES},
        **{number: whole_number(values.get(number), *bounds) for number, bounds in NUMBERS.items()},
        **_money_of(values),
    }
    if str(values.get("done", "")).lower() in ("true", "1", "yes"):
        fields["done"] = True
    kept = {key: value for key, value in fields.items() if value is not None}
    return ImportedEvent(row.file, row.line, kept, _count_lost(values, told, kept, limits))


def _count_lost(
    values: Mapping[str, Any], told: Mapping[str, Any], kept: Mapping[str, Any], limits: LimitSettings
) -> int:
    """How many values are not in the event, or only their beginning: too long, too many, or not what they should be."""
    texts = [(values.get(name), limits.string_characters) for name in TEXTS]
    texts += [(values.get(name), limits.name_characters) for name in ("name", *NAMES)]
    texts += [(value, limits.property_characters) for key, value in told.items() if key in kept["props"]]
    too_long = sum(isinstance(value, str) and len(value.strip()) > most for value, most in texts)
    wrong = sum(name in values and name not in kept for name in NUMBERS)
    has_money = "value" in values or "value_cents" in values
    has_props = isinstance(values.get("props"), str) and not told
    return too_long + wrong + (has_money and "value_cents" not in kept) + has_props + len(told) - len(kept["props"])


def _as_number(value: Any) -> Any:
    """Digits in a text are a time too."""
    if isinstance(value, str) and len(value) < 20 and value.strip().replace(".", "", 1).isdigit():
        return float(value)
    return value


def _money_of(values: Mapping[str, Any]) -> dict[str, Any]:
    currency = currency_of(values.get("currency"))
    cents = whole_number(values.get("value_cents"), -(10**12), 10**12)
    cents = minor_units(values.get("value"), currency) if cents is None else cents
    return {"value_cents": cents, "currency": currency} if cents is not None else {}


def _properties_in(values: Mapping[str, Any]) -> dict[str, Any]:
    """The object of `props`, the columns `prop.…`, and those that mean nothing to us; and the page's campaign."""
    given = values.get("props", {})
    if isinstance(given, str):
        try:
            given = parse_json_fast(given.encode("utf-8"), DEPTH)
        except InvalidInput:
            given = {}
    others = {key.removeprefix(PREFIX): value for key, value in values.items() if key not in COLUMNS}
    return {**campaign_of(values.get("page")), **(given if isinstance(given, dict) else {}), **others}
