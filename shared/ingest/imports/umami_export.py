"""Umami's raw rows: `website_event` as CSV or JSON, as its export and a dump of its table write them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shared.config import LimitSettings
from shared.event_catalogue import PAGE_VIEW
from shared.identifiers import fingerprint
from shared.ingest.imports.rows import Found, ImportedEvent, Progress, Rejected, Row, RowIds, read_rows, sources_in
from shared.ingest.protocols.foreign import (
    campaign_of,
    keep_campaign,
    milliseconds,
    moment_of,
    page_of,
    referrer_of,
    text_of,
)

CUSTOM_EVENT = "2"  # event_type; 1 is a page view
TABLE = "website_event"


def read_umami(path: Path, limits: LimitSettings, progress: Progress) -> Iterator[Found]:
    """Of a folder or zip only the table of events is read; a single file may have any name."""
    with sources_in(path) as sources:
        named = [source for source in sources if source.name.lower().startswith(TABLE)]
        for source in named or sources:
            ids = RowIds("umami")
            for row in read_rows(source, progress):
                yield _read_row(row, ids, limits)


def _read_row(row: Row, ids: RowIds, limits: LimitSettings) -> Found:
    if row.problem is not None:
        return Rejected(row.file, row.line, row.problem)
    values = row.values
    at = milliseconds(moment_of(values.get("created_at")))
    if at is None:
        return Rejected(row.file, row.line, "created_at: no time")
    sent = text_of(values.get("event_id"), 100)
    name = text_of(values.get("event_name"), limits.name_characters)
    is_custom = str(values.get("event_type", "")) == CUSTOM_EVENT or name is not None
    if is_custom and name is None:
        return Rejected(row.file, row.line, "event_name: is missing")
    fields: dict[str, Any] = {
        "id": fingerprint("import", "umami", sent) if sent else ids.next_id(row),
        "name": name or PAGE_VIEW,
        "at": at,
        "page": page_of(values.get("url_path"), limits.page_characters) or (None if is_custom else "/"),
        "title": text_of(values.get("page_title"), limits.string_characters),
        "referrer": referrer_of(values.get("referrer_domain")),
        "user": text_of(values.get("session_id"), 100),
        "props": {} if is_custom else _campaign_in(values),
    }
    return ImportedEvent(row.file, row.line, {key: value for key, value in fields.items() if value is not None})


def _campaign_in(values: Mapping[str, Any]) -> dict[str, str]:
    """From the columns of newer versions, else from the query, of which nothing else is kept."""
    columns = {name: values.get(f"utm_{name}") for name in ("source", "medium", "campaign")}
    query = text_of(values.get("url_query"), 4000)
    return {**(campaign_of(f"?{query}") if query else {}), **keep_campaign(columns)}
