"""What an element is there for, where one of our events says just that: then a click alone does not cover it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.event_catalogue import (
    CLICK,
    CONVERSION,
    ENGAGEMENT,
    EXPOSURE,
    FILE_DOWNLOAD,
    OUTBOUND_CLICK,
    PAGE_VIEW,
    SCRIPT_ERROR,
    SEQUENCE_STEP,
    SITE_SEARCH,
    WEB_VITAL,
)

FEEDBACK = "feedback"  # an answer or words; not an event of the catalogue, but as good
# They come by themselves while a page is open, so no element has caused them.
AMBIENT = frozenset({PAGE_VIEW, ENGAGEMENT, WEB_VITAL, SCRIPT_ERROR, EXPOSURE})
# For the program in the page: what says nothing of what a form or a button is for. A page that moves shows its steps.
UNSAYING = AMBIENT | {CLICK, SEQUENCE_STEP}


@dataclass(frozen=True)
class Purpose:
    """The events of which one is needed (none: anything but a click does), and what makes an element yield it."""

    events: frozenset[str]
    advice: str


EXTRAS = "load the extras (warroom-extras.js)"
PURPOSES: Mapping[str, Purpose] = {
    "step": Purpose(frozenset({SEQUENCE_STEP}), "give it data-warroom-sequence and data-warroom-steps"),
    "done": Purpose(frozenset({SEQUENCE_STEP}), EXTRAS),
    "goal": Purpose(frozenset({CONVERSION}), "load the script, and for a form the extras"),
    "named": Purpose(frozenset({CLICK}), "load the script on this page"),
    "outbound": Purpose(frozenset({OUTBOUND_CLICK}), "load the script on this page"),
    "download": Purpose(frozenset({FILE_DOWNLOAD}), f'{EXTRAS}; a file of an unusual kind needs download="its name"'),
    "copy": Purpose(frozenset(), f"{EXTRAS}, or send code_copy or an event of your own"),
    "search": Purpose(
        frozenset({SITE_SEARCH}), f"{EXTRAS} and name its field in data-search of the tag, or make the form a goal"
    ),
    "form": Purpose(frozenset(), "make it a goal (data-warroom-goal), or send an event of your own"),
    "feedback": Purpose(frozenset({FEEDBACK}), f"{EXTRAS}, and see that its fields are those of feedback"),
}


def wanted_events() -> dict[str, list[str]]:
    """For the program in the page: what it waits for."""
    return {name: sorted(purpose.events) for name, purpose in PURPOSES.items()}


def lacking(purposes: Iterable[str], events: Iterable[str], own: Iterable[str]) -> list[str]:
    """What is missing of that which the element is there for, with what to do about it.

    `own` are those of the events that say more than that something was clicked.
    """
    had, told = set(events), set(own)
    found = []
    for name in purposes:
        purpose = PURPOSES[name]
        if not (purpose.events & had if purpose.events else told):
            needed = " or ".join(sorted(purpose.events)) or "event of its own"
            found.append(f"no {needed}: {purpose.advice}")
    return found
