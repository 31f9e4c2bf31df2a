"""HTML from templates: everything is escaped, nothing is marked safe in a template.

The only ready-made markup is what our own chart renderer returns (`Markup` in Python, never user text).
"""

import functools
import json
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from shared.deliver.plain_text import remove_unseen
from shared.deliver.svg_chart import svg_chart
from shared.derive.kpis import percent, short_number
from shared.messages import Series

TEMPLATES = Path(__file__).parent / "web" / "templates"
PRIVATE = {"Cache-Control": "no-store"}


def render(template: str, status: int = 200, **context: object) -> web.Response:
    """A page that no cache keeps."""
    return web.Response(
        text=render_text(template, **context), status=status, content_type="text/html", charset="utf-8", headers=PRIVATE
    )


def see_other(path: str) -> web.Response:
    """On to another page of ours, by GET."""
    return web.Response(status=303, headers={"Location": path})


def render_text(template: str, **context: object) -> str:
    return environment().get_template(template).render(**context)


@functools.cache
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        moment=show_moment, day=show_day, number=short_number, percent=percent, words=remove_unseen, compact=compact
    )
    return made


def show_moment(moment: datetime, zone: str) -> str:
    """“11 Mar 2026, 13:05” in the zone of a site."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{show_day(local)}, {local:%H:%M}"


def show_day(day: date) -> str:
    """“11 Mar 2026”."""
    return f"{day.day} {day:%b %Y}"


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def draw(series: Series, ident: str, *, last_is_incomplete: bool = False) -> Markup:
    """A chart for wide and one for narrow screens; the stylesheet shows one. The renderer escapes its words itself."""
    wide = svg_chart(series, ident, last_is_incomplete=last_is_incomplete)
    narrow = svg_chart(series, f"{ident}-narrow", last_is_incomplete=last_is_incomplete, is_narrow=True)
    return Markup(wide + narrow)  # noqa: S704


def static_address(name: str) -> str:
    """Where browsers load a file of ours."""
    return f"/static/{name}"
