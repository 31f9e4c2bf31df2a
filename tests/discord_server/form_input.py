"""What a person may press, choose and write: finds components and turns modal values into a submission."""

from collections.abc import Mapping
from typing import Any

from tests.discord_server.component_validation import (
    BUTTON,
    CHECKBOX,
    CHECKBOX_GROUP,
    ENTITY_SELECTS,
    FILE_UPLOAD,
    LABEL,
    RADIO_GROUP,
    ROW,
    SELECTS,
    STRING_SELECT,
    TEXT_INPUT,
    walk,
)
from tests.discord_server.errors import DriverError, Json
from tests.discord_server.lengths import utf16_length

PRESSABLE = (BUTTON, *SELECTS)


def find_component(components: list[Json], name: str) -> Json:
    """By custom id, then by label or placeholder; it must be unique, enabled and no link."""
    usable = [component for component in walk(components) if component["type"] in PRESSABLE]
    found = [component for component in usable if component.get("custom_id") == name]
    found = found or [c for c in usable if name in (c.get("label"), c.get("placeholder"))]
    if len(found) != 1:
        shown = [(c.get("custom_id"), c.get("label") or c.get("placeholder")) for c in usable]
        raise DriverError(f"{len(found)} components match {name!r}; there are {shown}")
    if found[0].get("disabled"):
        raise DriverError(f"{name!r} is disabled")
    if not found[0].get("custom_id"):
        raise DriverError(f"{name!r} is a link and reaches no application")
    return found[0]


def check_choice(component: Json, values: list[str]) -> None:
    """The values of a select, by its options and its limits."""
    least = 1 if component.get("min_values") is None else component["min_values"]
    most = 1 if component.get("max_values") is None else component["max_values"]
    if not least <= len(values) <= most:
        raise DriverError(f"{component['custom_id']} takes {least} to {most} values, not {values}")
    if component["type"] == STRING_SELECT or component.get("options"):
        offered = [option["value"] for option in component.get("options") or []]
        if not set(values) <= set(offered):
            raise DriverError(f"{component['custom_id']} offers {offered}, not {values}")


def fill_modal(components: list[Json], values: Mapping[str, Any]) -> list[Json]:
    """The submission; `values` go by custom id or label, what is not named keeps its default."""
    left = dict(values)
    result: list[Json] = []
    for outer in components:
        if outer["type"] == ROW:
            inner = outer["components"][0]
            filled = _fill(inner, inner.get("label"), left)
            result.append({"type": ROW, "id": len(result) + 1, "components": [filled]})
        elif outer["type"] == LABEL:
            filled = _fill(outer["component"], outer["label"], left)
            result.append({"type": LABEL, "id": len(result) + 1, "component": filled})
        else:
            result.append({"type": outer["type"], "id": len(result) + 1})
    if left:
        raise DriverError(f"the modal has no {sorted(left)}")
    return result


def _fill(component: Json, label: str | None, left: dict[str, Any]) -> Json:
    custom_id, kind = component["custom_id"], component["type"]
    key = custom_id if custom_id in left else label
    given = left.pop(key) if key in left else None
    required = component.get("required", True)
    filled: Json = {"type": kind, "custom_id": custom_id, "id": component.get("id") or 100}
    if kind == TEXT_INPUT:
        return {**filled, "value": _text(component, given, required)}
    if kind == CHECKBOX:
        return {**filled, "value": bool(component.get("default") if given is None else given)}
    if kind == RADIO_GROUP:
        return {**filled, "value": _radio(component, given, required)}
    chosen = _defaults(component) if given is None else [given] if isinstance(given, str) else [str(v) for v in given]
    if chosen or required:
        check_choice({"min_values": 1 if required else 0, "max_values": 1, **_limits(component)}, chosen)
    if kind not in (*ENTITY_SELECTS, STRING_SELECT, CHECKBOX_GROUP, FILE_UPLOAD):
        raise DriverError(f"nobody can fill a component of type {kind}")
    return {**filled, "values": chosen}


def _text(component: Json, given: object, required: bool) -> str:
    value = str((component.get("value") or "") if given is None else given)
    least, most = component.get("min_length") or 0, component.get("max_length") or 4000
    length = utf16_length(value)
    if (required and not value.strip()) or (value and length < least) or length > most:
        raise DriverError(f"{component['custom_id']} does not take {length} characters ({least} to {most})")
    return value


def _radio(component: Json, given: str | None, required: bool) -> str | None:
    options = component["options"]
    value = next((o["value"] for o in options if o.get("default")), None) if given is None else given
    if value is None and not required:
        return None
    if value not in [option["value"] for option in options]:
        raise DriverError(f"{component['custom_id']} offers {[option['value'] for option in options]}, not {value!r}")
    return value


def _defaults(component: Json) -> list[str]:
    return [option["value"] for option in component.get("options") or [] if option.get("default")]


def _limits(component: Json) -> Json:
    keys = ("custom_id", "type", "options", "min_values", "max_values")
    return {key: component[key] for key in keys if component.get(key) is not None}
