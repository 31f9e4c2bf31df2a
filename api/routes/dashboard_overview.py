"""The Overview: are we doing well, and what changed?"""

import csv
import io
from typing import Any

from aiohttp import web

from api import overview_figures
from api.authentication import PRINCIPAL
from api.dashboard_address import View, read_view
from api.dashboard_shell import make_shell
from api.rendering import PRIVATE, render
from api.routing import RUNTIME, Route, role
from shared.deliver.csv_text import clean_cell
from shared.derive import inbox, kpis
from shared.errors import NotFound
from shared.guard.roles import reaches


async def show_overview(request: web.Request) -> web.StreamResponse:
    runtime = request.app[RUNTIME]
    now = runtime.clock.now()
    view = read_view(request.query, runtime.settings, now, "metric")
    if view is None:
        return render("dashboard/overview.html", shell=make_shell(request, runtime.settings), view=None)
    metric = _metric_of(view)
    async with runtime.store.read() as session:
        view = await overview_figures.compare_only_counted(session, view)
        unread = await inbox.count_feedback(session, inbox.InboxFilter(view.site.key, status="new"))
        status = await overview_figures.load_status(session, view, now)
        context: dict[str, Any] = {
            "health": status,
            "is_empty": await overview_figures.is_empty(session, view.site.key),
            "tiles": await overview_figures.load_tiles(session, view, metric, now),
            "drawn": await overview_figures.load_chart(session, metric, view, now),
            "sentences": await overview_figures.load_sentences(session, view, now, unread, status.open_alerts),
            "lists": await overview_figures.load_lists(session, view),
        }
    shell = make_shell(request, runtime.settings, view, unread)
    export = view.link("/app/series.csv", metric=metric)
    may_export = reaches(request[PRINCIPAL].role, "analyst")
    return render("dashboard/overview.html", shell=shell, view=view, export=export, may_export=may_export, **context)


def _metric_of(view: View) -> str:
    chosen = view.extra.get("metric", "")
    return chosen if chosen in kpis.KPIS else overview_figures.DEFAULT_METRIC


async def export_series(request: web.Request) -> web.StreamResponse:
    """The chart's numbers in full precision."""
    runtime = request.app[RUNTIME]
    view = read_view(request.query, runtime.settings, runtime.clock.now(), "metric")
    if view is None:
        raise NotFound("There is no site yet.")
    metric = _metric_of(view)
    async with runtime.store.read() as session:
        points = await kpis.series(session, metric, view.site.key, view.start, view.end)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["site", "at", metric])
    for point in points:
        writer.writerow([clean_cell(value) for value in (view.site.key, point.at.isoformat(), point.value)])
    name = f"{view.site.key}-{metric}-{view.start}-{view.end}.csv"
    headers = {**PRIVATE, "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(text=text.getvalue(), content_type="text/csv", charset="utf-8", headers=headers)


ROUTES = [
    Route("GET", "/app", show_overview, role("viewer")),
    Route("GET", "/app/", show_overview, role("viewer")),
    Route("GET", "/app/series.csv", export_series, role("analyst")),
]
