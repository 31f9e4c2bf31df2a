"""Judges an event by the catalogue: declared and valid, declared but wrong, or not declared.

This runs for every event that comes in: for a declared event without properties it is one look into a dict.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple, Protocol

from shared.event_catalogue.built_in import CATALOGUE
from shared.event_catalogue.definitions import EventDefinition, Property

Value = str | int | float | bool | None
Verdict = Literal["declared", "undeclared", "invalid"]


class Judged(Protocol):
    """What is looked at."""

    @property
    def name(self) -> str: ...
    @property
    def props(self) -> Mapping[str, Value]: ...


class Judgement(NamedTuple):
    """`problem` says of an invalid event which property is wrong; `field` names it."""

    verdict: Verdict
    field: str = ""
    problem: str = ""


DECLARED = Judgement("declared")
UNDECLARED = Judgement("undeclared")
_TYPES: Mapping[str, tuple[type, ...]] = {  # compared exactly: for Python a boolean is an integer too
    "text": (str,),
    "choice": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
}


class _Rules(NamedTuple):
    required: tuple[str, ...]
    checks: Mapping[str, Callable[[Value], str]]


class Catalogue:
    """The built-in events and a team's own."""

    def __init__(self, own: Iterable[EventDefinition] = ()) -> None:
        self.definitions: dict[str, EventDefinition] = CATALOGUE | {event.name: event for event in own}
        self._rules = {name: _rules_of(event) for name, event in self.definitions.items()}
        self._plain = {name: _plain_properties(event) for name, event in self.definitions.items()}

    def judge(self, event: Judged) -> Judgement:
        """Properties beyond the declared ones are allowed; they count as free text."""
        rules = self._rules.get(event.name)
        if rules is None:
            return UNDECLARED
        required, checks = rules
        props = event.props
        for name in required:
            if props.get(name) is None:
                return Judgement("invalid", f"props.{name}", f"a {event.name} event needs it")
        for name, value in props.items():
            check = checks.get(name)
            if check is not None and value is not None and (problem := check(value)):
                return Judgement("invalid", f"props.{name}", problem)
        return DECLARED

    def plain_properties(self, name: str) -> frozenset[str]:
        """The properties of an event that are stored as they come; every other text is free text."""
        return self._plain.get(name, frozenset())


def _rules_of(event: EventDefinition) -> _Rules:
    required = tuple(found.name for found in event.properties if found.required)
    return _Rules(required, {found.name: _check_of(found) for found in event.properties})


def _check_of(declared: Property) -> Callable[[Value], str]:
    types, choices = _TYPES[declared.type], frozenset(declared.choices)
    wanted = f"one of {', '.join(declared.choices)}" if declared.type == "choice" else _ARTICLES[declared.type]

    def check(value: Value) -> str:
        if type(value) in types and (not choices or value in choices):
            return ""
        return f"must be {wanted}"

    return check


_ARTICLES = {"text": "a text", "number": "a number", "integer": "a whole number", "boolean": "true or false"}


def _plain_properties(event: EventDefinition) -> frozenset[str]:
    return frozenset(found.name for found in event.properties if found.sensitivity != "free text")
