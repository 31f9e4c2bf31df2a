"""What an event is called, what it may carry, who owns it and how delicate each property is."""

from dataclasses import dataclass
from typing import Literal

PropertyType = Literal["text", "number", "integer", "boolean", "choice"]
Sensitivity = Literal["public", "internal", "free text"]
BUILT_IN_OWNER = "Warroom"


@dataclass(frozen=True)
class Property:
    """One entry of an event's `props`. What a person may have typed is "free text": redacted before it is stored."""

    name: str
    type: PropertyType
    meaning: str
    required: bool = False
    sensitivity: Sensitivity = "internal"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class EventDefinition:
    """`fields` of the wire's event count for it, `required` ones must be there; `properties` are entries of `props`."""

    name: str
    meaning: str
    fields: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    properties: tuple[Property, ...] = ()
    version: int = 1
    owner: str = BUILT_IN_OWNER
