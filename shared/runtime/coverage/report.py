"""The result of a run for people and for programs."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.runtime.coverage.findings import Coverage, Element

SIGNS = {"ok": "✓", "wrong": "✗", "unknown": "?"}
STYLES = {"ok": "green", "wrong": "red", "unknown": "yellow"}
KINDS = ("link", "button", "form", "step", "page")
MOST_ROWS, MOST_CLICKED = 50, 20
MOST_EVENTS = 20


def print_report(coverage: Coverage, console: Console) -> None:
    """The checks of the tag, a table by kind, what gave only a click, what is missed, and what it comes to.

    The console must not read markup: names of elements may look like it.
    """
    for check in coverage.checks:
        console.print(Text(SIGNS[check.state], STYLES[check.state]), f"{check.name}: {check.sentence}")
    console.print(_by_kind(coverage))
    if coverage.only_clicked:
        console.print(_groups("These gave only a click and its place", coverage.only_clicked, MOST_CLICKED))
    if coverage.missed:
        console.print(_groups("These do not yield the event that they should", coverage.missed, why=True))
    console.print(sentence_of(coverage))


def sentence_of(coverage: Coverage) -> str:
    """What a run comes to."""
    count, missed = len(coverage.elements), len(coverage.missed)
    if coverage.percent is None:
        return "Nothing was found to use."
    covered = f"{count - missed} of {count} elements on {coverage.walked} pages"
    said = f"{covered} yield a declared event: {_percent(coverage)}."
    clicks = len(coverage.only_clicked)
    said += f" {count - missed - clicks} of them one of their own, {clicks} a click and its place."
    pages = sum(bool(page.problems) for page in coverage.pages)
    if pages:
        said += f" Not in order or not looked at in full: {pages} page{'s' * (pages > 1)}, counted as missed."
    return said


def _percent(coverage: Coverage) -> str:
    """Cut, not rounded: only what is whole reads as 100 %."""
    return f"{int((coverage.percent or 0) * 10) / 10:g} %"


def _by_kind(coverage: Coverage) -> Table:
    table = Table("element", "found", "an event of its own", "only a click", "missed", "events")
    for kind in KINDS:
        elements = [element for element in coverage.elements if element.kind == kind]
        if elements:
            names = dict.fromkeys(name for element in elements for name in element.events)
            clicks = sum(element.is_only_clicked for element in elements)
            missed = sum(not element.is_covered for element in elements)
            counts = (len(elements), len(elements) - clicks - missed, clicks, missed)
            table.add_row(kind, *map(str, counts), ", ".join(list(names)[:MOST_EVENTS]))
    return table


def _groups(title: str, elements: Sequence[Element], most: int = MOST_ROWS, *, why: bool = False) -> Table:
    """One row for what is on many pages."""
    groups: dict[tuple[str, str, str], list[Element]] = defaultdict(list)
    for element in elements:
        groups[element.kind, element.name, element.reason].append(element)
    table = Table("element", "name", "where", *(["why"] if why else []), title=title, title_justify="left")
    for (kind, name, reason), alike in list(groups.items())[:most]:
        where = f"{alike[0].page} {alike[0].selector}".rstrip()
        more = f" and {len(alike) - 1} more" if len(alike) > 1 else ""
        table.add_row(kind, name, where + more, *([reason] if why else []))
    if len(groups) > most:
        table.add_row("…", f"{len(groups) - most} more", "see --json")
    return table


def as_json(coverage: Coverage) -> str:
    """Everything that was found."""
    body = {
        "url": coverage.url,
        "site": coverage.site,
        "percent": coverage.percent,
        "elements": len(coverage.elements),
        "missed": len(coverage.missed),
        "only_clicked": len(coverage.only_clicked),
        "checks": [vars(check) for check in coverage.checks],
        "pages": [
            {
                "path": page.path,
                "walked": page.was_walked,
                "problems": list(page.problems),
                "elements": [_element(element) for element in page.elements],
            }
            for page in coverage.pages
        ],
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def _element(element: Element) -> dict[str, Any]:
    told = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(element).items()}
    return {**told, "covered": element.is_covered, "only_clicked": element.is_only_clicked}
