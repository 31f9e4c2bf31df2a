"""`[[events]]`: the events that a team declares beside the built-in ones."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.config.field_types import Positive, Section
from shared.event_catalogue import CATALOGUE, EventDefinition, Property, PropertyType, Sensitivity

Name = Annotated[
    str, Field(min_length=1)
]  # what is taken without being declared can be: limits.name_characters bounds it


class EventPropertySettings(Section):
    name: Name
    type: PropertyType
    meaning: Annotated[str, Field(min_length=1)]
    required: bool = False
    sensitivity: Sensitivity = "free text"
    choices: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.type == "choice") != bool(self.choices):
            raise ValueError("choices belong to the type choice, and it needs some")
        return self


class EventSettings(Section):
    """An event of the team's own."""

    name: Name
    meaning: Annotated[str, Field(min_length=1)]
    owner: Annotated[str, Field(min_length=1)]
    version: Positive = 1
    properties: list[EventPropertySettings] = Field(default_factory=list)

    def definition(self) -> EventDefinition:
        properties = (
            Property(**found.model_dump(exclude={"choices"}), choices=tuple(found.choices)) for found in self.properties
        )
        return EventDefinition(
            self.name, self.meaning, properties=tuple(properties), version=self.version, owner=self.owner
        )


def event_problems(events: list[EventSettings]) -> list[str]:
    problems, seen = [], set(CATALOGUE)
    for event in events:
        if event.name in seen:
            taken = "is built in" if event.name in CATALOGUE else "is declared twice"
            problems.append(f"events: {event.name!r} {taken}")
        seen.add(event.name)
        names = [found.name for found in event.properties]
        if len(set(names)) != len(names):
            problems.append(f"events: {event.name!r} declares a property twice")
    return problems
