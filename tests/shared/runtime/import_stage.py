"""An import as `warroom import` does it, on a runtime of the test's own; and small exports to import."""

import csv
import json
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

from sqlmodel import select

from shared.runtime import Runtime
from shared.runtime.importing import Export, ImportReport, ImportRun, RejectsFile, read_export, run_import
from shared.runtime.operator_commands import OperatorContext, run_command
from shared.store.models import Event, Rollup

UMAMI = "website_id,session_id,event_id,created_at,url_path,url_query,referrer_domain,page_title,event_type,event_name"


async def take(
    runtime: Runtime,
    kind: str,
    path: Path,
    mapping: dict[str, str] | None = None,
    *,
    dry: bool = False,
    website: str | None = None,
    until: date | None = None,
    cut_after: int | None = None,
) -> ImportReport:
    """`cut_after`: so many pieces of events are taken, then the connection is gone."""
    pieces = 0

    async def ask(command: str, **arguments: Any) -> Any:
        nonlocal pieces
        pieces += command == "import-events"
        if cut_after is not None and pieces > cut_after:
            raise ConnectionError
        sent = json.loads(json.dumps(arguments))  # as through the socket
        return json.loads(json.dumps(await run_command(OperatorContext(runtime), command, sent)))

    rejects = RejectsFile(path.parent / "rejects.csv")
    try:
        found = read_export(Export(kind, path, mapping or {}, website), runtime.settings.limits, lambda _: None)
        return await run_import(ask, found, ImportRun(kind, "docs", until, dry), rejects)
    finally:
        rejects.close()


def rejected(path: Path) -> list[list[str]]:
    with (path.parent / "rejects.csv").open(newline="", encoding="utf-8") as handle:
        return list(csv.reader(handle))[1:]


async def events(runtime: Runtime) -> list[Event]:
    async with runtime.store.read() as session:
        return list((await session.execute(select(Event).order_by(Event.id))).scalars())  # type: ignore[arg-type]


async def rollups(runtime: Runtime) -> dict[tuple[str, str, str], tuple[int, float]]:
    async with runtime.store.read() as session:
        rows = (await session.execute(select(Rollup).where(Rollup.site == "docs"))).scalars()
        return {(str(row.local_day), row.measure, row.key): (row.count, row.total) for row in rows}


def write_umami(folder: Path, *rows: str) -> Path:
    path = folder / "website_event.csv"
    path.write_text("\n".join([UMAMI, *rows]) + "\n", encoding="utf-8")
    return path


def write_plausible(folder: Path) -> Path:
    path = folder / "export.zip"
    files = {
        "imported_visitors_20260101_20260102.csv": "date,visitors,pageviews,bounces,visits,visit_duration\n"
        "2026-01-01,10,25,3,11,600\n2026-01-02,4,8,1,4,100\n2026-01-01,1,1,1,1,1\n",
        "imported_pages_20260101_20260102.csv": "date,hostname,page,visits,visitors,pageviews,total_time_on_page\n"
        "2026-01-01,docs.example,/intro?x=1,9,9,20,60\n2026-01-01,docs.example,/b,2,2,5,30\n",
        "imported_sources_20260101_20260102.csv": "date,source,referrer,pageviews,visitors\n"
        "2026-01-01,Google,google.com/search?q=1,12,6\n2026-01-01,Direct / None,,3,2\n",
        "imported_custom_events_20260101_20260102.csv": "date,name,link_url,path,visitors,events\n"
        "2026-01-01,Signup,,,2,3\n2026-01-01,to ada@example.com,,,1,1\n2026-01-02,Signup,,,x,y\n"
        "2026-01-01,Outbound Link: Click,https://elsewhere.example,,1,2\n"
        "2026-01-01,File Download,https://docs.example/a.pdf,,1,1\n",
        "imported_devices_20260101_20260102.csv": "date,device,visitors\n2026-01-01,Mobile,3\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path
