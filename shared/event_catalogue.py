"""The events that Warroom knows by name, what each means and which of its fields count."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EventDefinition:
    name: str
    meaning: str
    fields: tuple[str, ...]


PAGE_VIEW = "page_view"
CLICK = "click"
ENGAGEMENT = "engagement"
SEQUENCE_STEP = "sequence_step"
EXPOSURE = "exposure"
CONVERSION = "conversion"

CATALOGUE: dict[str, EventDefinition] = {
    definition.name: definition
    for definition in (
        EventDefinition(PAGE_VIEW, "A page was shown to a visitor.", ("view", "page", "title", "referrer", "marked")),
        EventDefinition(
            CLICK, "A marked element or an outbound link was clicked.", ("view", "page", "target", "marked")
        ),
        EventDefinition(
            ENGAGEMENT,
            "Time a page was visible and used, and how deep it was scrolled. May repeat for one view: "
            "times add up, the deepest scroll counts.",
            ("view", "page", "engaged_ms", "scroll_percent"),
        ),
        EventDefinition(
            SEQUENCE_STEP,
            "A step of a tutorial was reached; `done` when it was finished.",
            ("page", "sequence", "step", "steps", "done"),
        ),
        EventDefinition(EXPOSURE, "A visitor met a variant of an experiment.", ("page", "experiment", "variant")),
        EventDefinition(
            CONVERSION, "A goal was reached.", ("page", "goal", "value_cents", "currency", "experiment", "variant")
        ),
    )
}
