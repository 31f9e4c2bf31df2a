"""Writes the `[[events]]` block that would declare an event, from the types of properties that were seen."""

import json
from collections.abc import Iterable, Mapping

from shared.event_catalogue.definitions import PropertyType

_WIDER: Mapping[frozenset[str], PropertyType] = {frozenset({"integer", "number"}): "number"}


def type_of(value: str | int | float | bool) -> PropertyType:
    """The declared type that a value fits."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "number" if isinstance(value, float) else "text"


def declare(name: str, seen: Mapping[str, Iterable[str]]) -> str:
    """TOML for config.local.toml. `seen`: property to the types it had; mixed types are told in a comment."""
    lines = ["[[events]]", f"name = {_quote(name)}", 'meaning = "What happened when this is sent."', 'owner = "docs"']
    for prop, types in sorted(seen.items()):
        kind = _one_type(frozenset(types))
        if kind is None:
            lines += [
                "",
                f"# {_quote(prop)} came as {' and '.join(sorted(set(types)))}: send one type, then declare it here.",
            ]
        else:
            lines += ["", "[[events.properties]]", f"name = {_quote(prop)}", f'type = "{kind}"']
            lines += ['meaning = "What it says."']
            lines += ['sensitivity = "free text"'] if kind == "text" else []
    return "\n".join(lines) + "\n"


def _one_type(types: frozenset[str]) -> str | None:
    if len(types) == 1:
        return next(iter(types))
    return _WIDER.get(types)


def _quote(text: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's, but DEL must be escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
