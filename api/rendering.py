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

from shared.deliver.plain_text import remove_unseen
from shared.derive.kpis import percent, short_number

TEMPLATES = Path(__file__).parent / "web" / "templates"
PRIVATE = {"Cache-Control": "no-store"}


def render(template: str, status: int = 200, **context: object) -> web.Response:
    """A page that no cache keeps."""
    return web.Response(
        text=render_text(template, **context), status=status, content_type="text/html", charset="utf-8", headers=PRIVATE
    )


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


def static_address(name: str) -> str:
    """Where browsers load a file of ours."""
    return f"/static/{name}"
