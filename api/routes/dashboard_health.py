"""Health: can I trust these numbers?"""

from typing import Any

from aiohttp import web

from api import health_figures, overview_figures
from api.authentication import PRINCIPAL
from api.dashboard_address import View, read_view
from api.dashboard_shell import PART_STATE_WORDS, make_shell
from api.rendering import render
from api.routing import RUNTIME, Route, role
from shared.derive import inbox
from shared.derive.coverage import load_last_run
from shared.derive.intake_health import load_account, load_undeclared
from shared.derive.kpis import INSTALLATION
from shared.guard.roles import reaches
from shared.runtime import Runtime

PATH = "/app/health"


async def show_health(request: web.Request) -> web.StreamResponse:
    runtime = request.app[RUNTIME]
    view = read_view(request.query, runtime.settings, runtime.clock.now())
    if view is None:
        return render("dashboard/health.html", shell=make_shell(request, runtime.settings), view=None)
    found, unread = await _load(runtime, view)
    shell = make_shell(request, runtime.settings, view, unread)
    parts_on = _parts_on(runtime, request[PRINCIPAL].role)
    return render("dashboard/health.html", shell=shell, view=view, path=PATH, parts_on=parts_on, **found)


async def _load(runtime: Runtime, view: View) -> tuple[dict[str, Any], int]:
    now, settings, site = runtime.clock.now(), runtime.settings, view.site.key
    async with runtime.store.read() as session:
        view = await overview_figures.compare_only_counted(session, view)
        account = await load_account(session, site, view.start, view.end)
        outside = await load_account(session, INSTALLATION, view.start, view.end)
        newest = await overview_figures.newest_event(session, site, view.today)
        known = settings.event_catalogue.definitions
        found: dict[str, Any] = {
            "account": account,
            "drops": health_figures.drop_rows(account),
            "outside": outside,
            "outside_drops": health_figures.drop_rows(outside),
            "spark": await health_figures.draw_received(session, view),
            "tiles": await health_figures.load_tiles(session, view, now),
            "undeclared": await load_undeclared(session, site, view.start, view.end, known),
            "coverage": await load_last_run(session, site),
            "sites": await health_figures.load_sites(session, settings, view, now),
            "uses": await health_figures.load_uses(session, view),
            "storage": await health_figures.load_storage(session, settings),
            "newest": newest,
            "state": health_figures.state_of(newest, now),
            "now": now,
        }
        unread = await inbox.count_feedback(session, inbox.InboxFilter(site, status="new"))
    return found, unread


def _parts_on(runtime: Runtime, role_of_member: str | None) -> list[dict[str, str]]:
    """What works says where it is (folders, addresses) to admins only; what does not says why to everybody."""
    rows = []
    for name, part in runtime.parts.all().items():
        state, tone = PART_STATE_WORDS[part.state]
        is_told = part.state == "down" or reaches(role_of_member, "admin")
        rows.append({"name": name, "state": state, "tone": tone, "sentence": part.sentence if is_told else ""})
    return rows


ROUTES = [Route("GET", PATH, show_health, role("viewer"))]
