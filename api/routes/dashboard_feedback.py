"""Feedback: what do people say? A filtered list, one item, and what the team does with it."""

import csv
import io
from dataclasses import replace

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from api import feedback_pages
from api.authentication import PRINCIPAL, form_of
from api.dashboard_address import View, read_view, safe_path
from api.dashboard_shell import make_shell
from api.rendering import PRIVATE, render, see_other
from api.routing import RUNTIME, Route, id_in_path, is_row_id, role
from shared.decide import inbox as acts
from shared.deliver.csv_text import clean_cell
from shared.derive import inbox
from shared.errors import NotFound
from shared.guard import audit
from shared.guard.roles import reaches
from shared.identifiers import random_token
from shared.store.models import Feedback

PAGE_ROWS = 30
EXPORT_ROWS = 10_000
LATEST = "zzzzzzzzzzzzzzzzzzzzzzzzzz"


async def show_inbox(request: web.Request) -> web.StreamResponse:
    return await _show(request, None)


async def show_item(request: web.Request) -> web.StreamResponse:
    """The same list with one item open; the item's own site is shown, whatever the address says."""
    async with request.app[RUNTIME].store.read() as session:
        feedback = await acts.require_feedback(session, id_in_path(request))
    return await _show(request, feedback)


async def _show(request: web.Request, opened: Feedback | None) -> web.StreamResponse:
    runtime = request.app[RUNTIME]
    settings, query = runtime.settings, dict(request.query)
    if opened is not None:
        query["site"] = opened.site
    may_search = reaches(request[PRINCIPAL].role, "analyst")
    if not may_search:
        query.pop("words", None)
    view = read_view(query, settings, runtime.clock.now(), *feedback_pages.FILTERS)
    if view is None:
        return render("dashboard/feedback.html", shell=make_shell(request, settings), view=None)
    if opened is not None and settings.site(opened.site) is None:
        raise NotFound("This feedback belongs to a site that is no longer configured.")
    wanted = feedback_pages.read_filter(query, view)
    before, after = (_row_id(query.get(name, "")) for name in ("before", "after"))
    async with runtime.store.read() as session:
        rows = await inbox.list_feedback(session, wanted, PAGE_ROWS + 1, before, after)
        counts = await inbox.count_by_status(session, wanted)
        unread = await inbox.count_feedback(session, inbox.InboxFilter(view.site.key, status="new"))
        conversation = await acts.open_conversation(session, opened) if opened else None
    has_more, rows = len(rows) > PAGE_ROWS, rows[-PAGE_ROWS:] if after else rows[:PAGE_ROWS]
    keep = {"before": before, "after": after}
    may_act = reaches(request[PRINCIPAL].role, "operator")
    return render(
        "dashboard/feedback.html",
        shell=make_shell(request, settings, view, unread),
        view=view,
        wanted=wanted,
        choices=feedback_pages.choices(),
        status_chips=feedback_pages.status_chips(view, counts, wanted),
        filter_chips=feedback_pages.filter_chips(view, wanted),
        rows=[feedback_pages.make_row(row, view, keep) for row in rows],
        item=feedback_pages.make_item(opened, view, conversation) if opened else None,
        once=random_token()[:22],
        total=counts.get(wanted.status, 0) if wanted.status else sum(counts.values()),
        older=_older(view, rows, has_more if not after else True),
        newer=_newer(view, rows, has_more if after else bool(before)),
        may_act=may_act,
        may_search=may_search,
        may_export=may_search,
        export_address=view.link("/app/feedback.csv"),
    )


def _row_id(text: str) -> str:
    return text if is_row_id(text) else ""


def _older(view: View, rows: list[Feedback], there_are: bool) -> str:
    return view.link(feedback_pages.PATH, before=rows[-1].id) if rows and there_are else ""


def _newer(view: View, rows: list[Feedback], there_are: bool) -> str:
    return view.link(feedback_pages.PATH, after=rows[0].id) if rows and there_are else ""


async def change_status(request: web.Request) -> web.StreamResponse:
    runtime, member, form = request.app[RUNTIME], request[PRINCIPAL], await form_of(request)
    feedback_id, status, now = id_in_path(request), form.get("status", ""), runtime.clock.now()
    await runtime.store.writer.run(lambda session: acts.set_status(session, feedback_id, status, member.actor, now))
    return back_to(form.get("back"), status)


async def send_reply(request: web.Request) -> web.StreamResponse:
    """Queues the reply; pressing twice sends it once."""
    runtime, member, form = request.app[RUNTIME], request[PRINCIPAL], await form_of(request)
    feedback_id, now = id_in_path(request), runtime.clock.now()
    text, once = form.get("text", "").replace("\r\n", "\n"), form.get("once", "")[:40]
    await runtime.store.writer.run(
        lambda session: acts.reply(session, feedback_id, text, member.actor, now, f"{member.id}:{once}")
    )
    return back_to(form.get("back"), "replied")


def back_to(back: str | None, said: str) -> web.Response:
    """To the page that the form stood on, which then says what was done."""
    path = safe_path(back)
    return see_other(f"{path}{'&' if '?' in path else '?'}said={said}")


async def export_inbox(request: web.Request) -> web.StreamResponse:
    """The filtered rows as CSV; no cell of it can run in a spreadsheet."""
    runtime, member = request.app[RUNTIME], request[PRINCIPAL]
    now = runtime.clock.now()
    view = read_view(request.query, runtime.settings, now, *feedback_pages.FILTERS)
    if view is None:
        raise NotFound("There is no site yet.")
    wanted = feedback_pages.read_filter(request.query, view)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(feedback_pages.EXPORT_COLUMNS)
    written = 0
    async with runtime.store.read() as session:
        last = LATEST
        while written < EXPORT_ROWS and (rows := await inbox.list_feedback(session, wanted, 500, last)):
            for row in rows:
                writer.writerow([_cell(getattr(row, name)) for name in feedback_pages.EXPORT_COLUMNS])
            written, last = written + len(rows), rows[-1].id

    async def note(session: AsyncSession) -> None:
        details = {"rows": written, "filter": {key: str(value) for key, value in _used(wanted).items()}}
        await audit.record(session, member.actor, "feedback.export", view.site.key, now, details)

    await runtime.store.writer.run(note)
    name = f"{view.site.key}-feedback-{view.start}-{view.end}.csv"
    headers = {**PRIVATE, "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(text=text.getvalue(), content_type="text/csv", charset="utf-8", headers=headers)


def _cell(value: object) -> str:
    return clean_cell(value.isoformat() if hasattr(value, "isoformat") else value)


def _used(wanted: inbox.InboxFilter) -> dict[str, object]:
    """Which filters were used; searched words are people's text and stay out of the record."""
    shown = replace(wanted, words="(words)" if wanted.words else "")
    return {name: value for name, value in vars(shown).items() if value}


ROUTES = [
    Route("GET", "/app/feedback", show_inbox, role("viewer")),
    Route("GET", "/app/feedback.csv", export_inbox, role("analyst")),
    Route("GET", "/app/feedback/{id}", show_item, role("viewer")),
    Route("POST", "/app/feedback/{id}/status", change_status, role("operator")),
    Route("POST", "/app/feedback/{id}/reply", send_reply, role("operator")),
]
