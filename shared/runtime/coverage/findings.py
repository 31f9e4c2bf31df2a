"""What a run finds, and how an element's beacons are judged: by the types of the wire and the catalogue of events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.config import Settings
from shared.errors import FieldProblem, InvalidInput
from shared.event_catalogue import CLICK, SEQUENCE_STEP
from shared.ingest.event_fields import TrackEvent, check_event
from shared.ingest.feedback.new_feedback import parse_feedback, parse_form
from shared.ingest.strict_json import parse_json
from shared.runtime.coverage.purposes import AMBIENT, FEEDBACK, lacking

Kind = Literal["link", "button", "form", "step", "page"]
CheckState = Literal["ok", "wrong", "unknown"]
DEPTH = 16  # of a beacon
PAGE = "the page"  # stands for the name of an element
NAME_CHARACTERS = 240  # of an element in the store


@dataclass(frozen=True)
class Element:
    """One link, button, form or tutorial step of a page, and the declared events that its use caused.

    What is there for something that has an event (a form, a link elsewhere, a download, a copy button, a step, a goal)
    needs that event; everything else needs a click with its place. A page of which something was not looked at stands
    as an element that causes none.
    """

    page: str
    kind: Kind
    name: str  # what a person reads on it
    selector: str
    events: Sequence[str] = ()
    own: Sequence[str] = ()  # those of the events that say more than that something was clicked
    purposes: Sequence[str] = ()  # what it is there for, where that has an event
    reason: str = ""  # why it counts as missed

    @property
    def is_covered(self) -> bool:
        return bool(self.events) and not self.reason

    @property
    def is_only_clicked(self) -> bool:
        """Covered, but all that is known of its use is that and where it was clicked."""
        return self.is_covered and not self.own

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
    def only_clicked(self) -> list[Element]:
        return [element for element in self.elements if element.is_only_clicked]

    @property
    def percent(self) -> float | None:
        """None when there is nothing to cover."""
        count = len(self.elements)
        return 100 * (count - len(self.missed)) / count if count else None

    @property
    def wrong(self) -> list[Check]:
        return [check for check in self.checks if check.state == "wrong"]


def judge_element(page: str, used: dict[str, Any], settings: Settings) -> Element:
    """The element with the declared events that its use caused, or the reason why it counts as missed."""
    purposes = tuple(used.get("purposes", ()))
    events, problems = _caused(used["bodies"], settings, is_step=bool({"step", "done"} & set(purposes)))
    names = [str(event["name"]) for event in events]
    own = [str(event["name"]) for event in events if _says_more(event)]
    if any(is_feedback(body, settings) for body in used["bodies"]):
        names.append(FEEDBACK)
        own.append(FEEDBACK)
    missing = lacking(purposes, names, own)
    reason = ""
    if missing or not names:
        use = [used["problem"]] if used.get("problem") else []
        reason = "; ".join(dict.fromkeys([*use, *problems, *missing])) or "no event"
    told = tuple(dict.fromkeys(names)), tuple(dict.fromkeys(own))
    return Element(page, used["kind"], used["name"], used["selector"], *told, purposes, reason)


def _caused(bodies: Iterable[str], settings: Settings, *, is_step: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """The declared events that did not come by themselves, and what is wrong with the others."""
    declared: list[dict[str, Any]] = []
    problems: list[str] = []
    for event in events_of(bodies):
        name = event.get("name") if isinstance(event, dict) else None
        if name in AMBIENT or (name == SEQUENCE_STEP and not is_step):
            continue
        if problem := problem_of(event, settings):
            problems.append(problem)
        else:
            declared.append(event)
    return declared, problems


def _says_more(event: dict[str, Any]) -> bool:
    """More than a click and its place: another event, or a click on what has a name (`data-warroom-click`)."""
    return event["name"] != CLICK or (event.get("marked") is True and bool(event.get("target")))


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


def is_feedback(body: str, settings: Settings) -> bool:
    """Whether it is an answer or words that would be stored: sent by the widget, or by the plain form."""
    try:
        sent = parse_json(body.encode(), DEPTH)
        if not isinstance(sent, dict) or "events" in sent or "name" in sent:
            return False
        if isinstance(sent.get("form"), str) and isinstance(sent.get("fields"), dict):
            parse_form(sent["fields"], settings.limits)
        else:
            parse_feedback(sent, settings.limits)
    except InvalidInput:
        return False
    return True


def problem_of(event: Any, settings: Settings) -> str:
    """Why the event would be dropped or is undeclared; empty when it is as it should be."""
    checked = check_event(event, settings.limits)
    if isinstance(checked, FieldProblem):
        return f"invalid: {checked.field} {checked.reason}"
    if problem := _judged(checked, settings):
        return problem
    is_nowhere = checked.name == CLICK and not (checked.target or checked.props.get("element"))
    return "a click that does not say where" if is_nowhere else ""


def _judged(event: TrackEvent, settings: Settings) -> str:
    judgement = settings.event_catalogue.judge(event)
    if judgement.verdict == "invalid":
        return f"invalid {event.name}: {judgement.field} {judgement.problem}"
    return f"undeclared: {event.name}" if judgement.verdict == "undeclared" else ""
