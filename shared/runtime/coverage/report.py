"""The result of a run for people and for programs."""

import json
from collections import defaultdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.runtime.coverage.findings import Coverage, Element

SIGNS = {"ok": "✓", "wrong": "✗", "unknown": "?"}
STYLES = {"ok": "green", "wrong": "red", "unknown": "yellow"}
KINDS = ("link", "button", "form", "step", "page")
MOST_ROWS = 50
MOST_EVENTS = 20


def print_report(coverage: Coverage, console: Console) -> None:
    """The checks of the tag, a table by kind, what yields nothing, and one sentence.

    The console must not read markup: names of elements may look like it.
    """
    for check in coverage.checks:
        console.print(Text(SIGNS[check.state], STYLES[check.state]), f"{check.name}: {check.sentence}")
    console.print(_by_kind(coverage))
    if coverage.missed:
        console.print(_missed(coverage))
    console.print(sentence_of(coverage))


def sentence_of(coverage: Coverage) -> str:
    """What a run comes to."""
    count, missed = len(coverage.elements), len(coverage.missed)
    if coverage.percent is None:
        return "Nothing was found to use."
    covered = f"{count - missed} of {count} elements on {coverage.walked} pages"
    said = f"{covered} yield a declared event: {_percent(coverage)}."
    pages = sum(bool(page.problems) for page in coverage.pages)
    if pages:
        said += f" Not in order or not looked at in full: {pages} page{'s' * (pages > 1)}, counted as missed."
    return said


def _percent(coverage: Coverage) -> str:
    """Cut, not rounded: only what is whole reads as 100 %."""
    return f"{int((coverage.percent or 0) * 10) / 10:g} %"


def _by_kind(coverage: Coverage) -> Table:
    table = Table("element", "found", "with a declared event", "events")
    for kind in KINDS:
        elements = [element for element in coverage.elements if element.kind == kind]
        if elements:
            names = dict.fromkeys(name for element in elements for name in element.events)
            covered = sum(element.is_covered for element in elements)
            table.add_row(kind, str(len(elements)), str(covered), ", ".join(list(names)[:MOST_EVENTS]))
    return table


def _missed(coverage: Coverage) -> Table:
    """One row for what is on many pages."""
    groups: dict[tuple[str, str, str], list[Element]] = defaultdict(list)
    for element in coverage.missed:
        groups[element.kind, element.name, element.reason].append(element)
    table = Table("element", "name", "where", "why", title="These yield no declared event", title_justify="left")
    for (kind, name, reason), elements in list(groups.items())[:MOST_ROWS]:
        where = f"{elements[0].page} {elements[0].selector}".rstrip()
        more = f" and {len(elements) - 1} more" if len(elements) > 1 else ""
        table.add_row(kind, name, where + more, reason)
    if len(groups) > MOST_ROWS:
        table.add_row("…", f"{len(groups) - MOST_ROWS} more", "see --json", "")
    return table


def as_json(coverage: Coverage) -> str:
    """Everything that was found."""
    body = {
        "url": coverage.url,
        "site": coverage.site,
        "percent": coverage.percent,
        "checks": [vars(check) for check in coverage.checks],
        "pages": [
            {
                "path": page.path,
                "walked": page.was_walked,
                "problems": list(page.problems),
                "elements": [{**vars(element), "events": list(element.events)} for element in page.elements],
            }
            for page in coverage.pages
        ],
    }
    return json.dumps(body, indent=2, ensure_ascii=False)
