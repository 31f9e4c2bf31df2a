"""What a run finds, and how an element's beacons are judged: by the types of the wire and the catalogue of events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.config import Settings
from shared.errors import FieldProblem, InvalidInput
from shared.event_catalogue import ENGAGEMENT, EXPOSURE, PAGE_VIEW, SCRIPT_ERROR, WEB_VITAL
from shared.ingest.event_fields import TrackEvent, check_event
from shared.ingest.strict_json import parse_json

Kind = Literal["link", "button", "form", "step", "page"]
CheckState = Literal["ok", "wrong", "unknown"]
# They come by themselves while a page is open, so no element has caused them.
AMBIENT = frozenset({PAGE_VIEW, ENGAGEMENT, WEB_VITAL, SCRIPT_ERROR, EXPOSURE})
DEPTH = 16  # of a beacon
PAGE = "the page"  # stands for the name of an element
NAME_CHARACTERS = 240  # of an element in the store


@dataclass(frozen=True)
class Element:
    """One link, button, form or tutorial step of a page, and the declared events that its use caused.

    A page of which something was not looked at stands as one that causes none.
    """

    page: str
    kind: Kind
    name: str  # what a person reads on it
    selector: str
    events: Sequence[str] = ()
    reason: str = ""  # why it counts as missed

    @property
    def is_covered(self) -> bool:
        return bool(self.events)

    @property
    def label(self) -> str:
        """Its name in the store and on the Health page; of a page why it counts as missed."""
        if self.kind == "page":
            return f"{self.page} {self.reason}"[:NAME_CHARACTERS]
        return f"{self.page} {self.kind} “{self.name}” {self.selector}"[:NAME_CHARACTERS]


@dataclass(frozen=True)
class UsedPage:
    """A page and its elements; `problems` say why it could not be walked, or not in full, or will not count."""

    path: str
    elements: Sequence[Element] = ()
    problems: Sequence[str] = ()
    was_walked: bool = True


@dataclass(frozen=True)
class Check:
    """One thing that a tag needs, how it is, and what to do about it."""

    name: str
    state: CheckState
    sentence: str


@dataclass
class Coverage:
    """The result of a run."""

    url: str
    site: str | None = None
    checks: list[Check] = field(default_factory=list)
    pages: list[UsedPage] = field(default_factory=list)

    @property
    def elements(self) -> list[Element]:
        """All that was used; and what was not, so that nothing is covered unseen."""
        found: list[Element] = []
        for page in self.pages:
            found += page.elements
            found += [Element(page.path, "page", PAGE, "", reason=problem) for problem in page.problems]
        return found

    @property
    def walked(self) -> int:
        """How many pages were walked, be it in part."""
        return sum(page.was_walked for page in self.pages)

    @property
    def missed(self) -> list[Element]:
        return [element for element in self.elements if not element.is_covered]

    @property
    def percent(self) -> float | None:
        """None when there is nothing to cover."""
        count = len(self.elements)
        return 100 * (count - len(self.missed)) / count if count else None

    @property
    def wrong(self) -> list[Check]:
        return [check for check in self.checks if check.state == "wrong"]


def judge_element(page: str, used: dict[str, Any], settings: Settings) -> Element:
    """The element with the declared events among its beacons, or the reason why there is none."""
    declared: list[str] = []
    problems: list[str] = []
    for event in events_of(used["bodies"]):
        problem = problem_of(event, settings)
        name = event.get("name") if isinstance(event, dict) else None
        if name in AMBIENT:
            continue
        if problem:
            problems.append(problem)
        elif isinstance(name, str):
            declared.append(name)
    reason = "" if declared else "; ".join(dict.fromkeys(problems)) or used.get("problem") or "no event"
    return Element(page, used["kind"], used["name"], used["selector"], tuple(dict.fromkeys(declared)), reason)


def problems_of_tags(keys: Sequence[str], site: str | None) -> list[str]:
    """What is wrong with the tags of a page: it needs one, of the site of the start page."""
    if not keys:
        return ["no tag on this page"]
    if len(keys) > 1:
        return [f"{len(keys)} tags on this page"]
    return [] if keys[0] == site else [f"its tag is that of another site: {keys[0]}"]


def events_of(bodies: Iterable[str]) -> list[Any]:
    """The raw events of beacons; what is no beacon of ours (feedback, another tool's) has none."""
    found: list[Any] = []
    for body in bodies:
        try:
            sent = parse_json(body.encode(), DEPTH)
        except InvalidInput:
            continue
        if isinstance(sent, dict) and "site" in sent:
            events = sent.get("events")
            found += events if isinstance(events, list) else [sent] if "name" in sent else []
    return found


def problem_of(event: Any, settings: Settings) -> str:
    """Why the event would be dropped or is undeclared; empty when it is as it should be."""
    checked = check_event(event, settings.limits)
    if isinstance(checked, FieldProblem):
        return f"invalid: {checked.field} {checked.reason}"
    return _judged(checked, settings)


def _judged(event: TrackEvent, settings: Settings) -> str:
    judgement = settings.event_catalogue.judge(event)
    if judgement.verdict == "invalid":
        return f"invalid {event.name}: {judgement.field} {judgement.problem}"
    return f"undeclared: {event.name}" if judgement.verdict == "undeclared" else ""
