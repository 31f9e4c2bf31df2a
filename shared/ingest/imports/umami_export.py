"""Umami's raw rows: `website_event` as CSV or JSON, as its export and a dump of its table write them.

A dump of the table holds every website of an Umami, of which one is read.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from shared.config import LimitSettings
from shared.errors import InvalidInput
from shared.event_catalogue import PAGE_VIEW
from shared.identifiers import fingerprint
from shared.ingest.imports.row_ids import RowIds
from shared.ingest.imports.rows import Found, ImportedEvent, Progress, Rejected, Row, Source, read_rows, sources_in
from shared.ingest.protocols.foreign import (
    campaign_of,
    keep_campaign,
    milliseconds,
    moment_of,
    page_of,
    referrer_of,
    text_of,
)

PAGE_VIEW_TYPE, CUSTOM_EVENT_TYPE = "1", "2"  # event_type; others are links and pixels of no page
TABLE = "website_event"
WEBSITE_CHARACTERS = 64
MOST_NAMED = 10


def read_umami(path: Path, limits: LimitSettings, progress: Progress, website: str | None = None) -> Iterator[Found]:
    """Of a folder or zip only the table of events is read; a single file may have any name.

    Without a `website` everything is read once before, and `InvalidInput` names the websites when there are several.
    """
    with sources_in(path) as sources:
        named = [source for source in sources if source.name.lower().startswith(TABLE)]
        if website is None:
            _refuse_several(named or sources, progress)
        for source in named or sources:
            with closing(RowIds("umami")) as ids:
                for row in read_rows(source, progress):
                    yield _read_row(row, ids, limits, website)


def _refuse_several(sources: Iterable[Source], progress: Progress) -> None:
    found: dict[str, None] = {}
    for source in sources:
        for row in read_rows(source, progress):
            if row.problem is None and len(found) <= MOST_NAMED:
                found.setdefault(_website_of(row))
    if len(found) > 1:
        names = ", ".join(name or "(none)" for name in list(found)[:MOST_NAMED])
        more = " and more" if len(found) > MOST_NAMED else ""
        raise InvalidInput(f"This export holds several websites; say which one with --website: {names}{more}.")


def _website_of(row: Row) -> str:
    return text_of(row.values.get("website_id"), WEBSITE_CHARACTERS) or ""


def _read_row(row: Row, ids: RowIds, limits: LimitSettings, website: str | None) -> Found:
    if row.problem is not None:
        return Rejected(row.file, row.line, row.problem)
    if website is not None and _website_of(row) != website:
        return Rejected(row.file, row.line, f"of another website than {website}")
    values = row.values
    at = milliseconds(moment_of(values.get("created_at")))
    if at is None:
        return Rejected(row.file, row.line, "created_at: no time")
    sent = text_of(values.get("event_id"), 100)
    name = text_of(values.get("event_name"), limits.name_characters)
    kind = str(values.get("event_type") or "") or (CUSTOM_EVENT_TYPE if name else PAGE_VIEW_TYPE)
    if kind not in (PAGE_VIEW_TYPE, CUSTOM_EVENT_TYPE):
        return Rejected(row.file, row.line, "event_type: neither a page view (1) nor a custom event (2)")
    is_custom = kind == CUSTOM_EVENT_TYPE
    if is_custom and name is None:
        return Rejected(row.file, row.line, "event_name: is missing")
    fields: dict[str, Any] = {
        "id": fingerprint("import", "umami", sent) if sent else ids.next_id(row),
        "name": name if is_custom else PAGE_VIEW,
        "at": at,
        "page": page_of(values.get("url_path"), limits.page_characters) or (None if is_custom else "/"),
        "title": text_of(values.get("page_title"), limits.string_characters),
        "referrer": referrer_of(values.get("referrer_domain")),
        "user": text_of(values.get("session_id"), 100),
        "props": {} if is_custom else _campaign_in(values),
    }
    texts = ((values.get("page_title"), limits.string_characters), (values.get("event_name"), limits.name_characters))
    lost = sum(isinstance(text, str) and len(text.strip()) > most for text, most in texts)
    return ImportedEvent(row.file, row.line, {key: value for key, value in fields.items() if value is not None}, lost)


def _campaign_in(values: Mapping[str, Any]) -> dict[str, str]:
    """From the columns of newer versions, else from the query, of which nothing else is kept."""
    columns = {name: values.get(f"utm_{name}") for name in ("source", "medium", "campaign")}
    query = text_of(values.get("url_query"), 4000)
    return {**(campaign_of(f"?{query}") if query else {}), **keep_campaign(columns)}
