"""Forms, and the reading of their submissions.

Every opening has its own id `wr:fb:<purpose>:<row>:<nonce>`. The library stores none of them: one listener
takes all submissions by this id, so a form that was open during a restart works like any other.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import discord
from discord import ui

from bot.replies import Answer

FORM_PREFIX = "wr:fb:"
NO_ROW = "-"
TEXT_FIELD, SCORE_FIELD, CATEGORY_FIELD = "text", "score", "category"
TEXT_CHARACTERS = 1_000
CATEGORIES = ("bug", "idea", "question", "praise", "other")


@dataclass(frozen=True)
class Submission:
    """What came back: for what, for which row, and the values by field."""

    purpose: str
    row: str
    nonce: str
    values: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str | None:
        return self.values.get(name) or None


def form_id(purpose: str, row: str = NO_ROW) -> str:
    return f"{FORM_PREFIX}{purpose}:{row}:{secrets.token_hex(6)}"


def words_modal(answer: Answer, feedback_id: str) -> ui.Modal:
    """Asks for words after a score."""
    modal = ui.Modal(title=answer.text("form_text")[:45], custom_id=form_id("words", feedback_id))
    modal.add_item(_paragraph(answer.text("prompt_text_label"), required=True))
    return modal


def feedback_modal(answer: Answer) -> ui.Modal:
    """The whole form of /feedback send."""
    modal = ui.Modal(title=answer.text("form_title")[:45], custom_id=form_id("send"))
    modal.add_item(_paragraph(answer.text("form_text"), required=False))
    scores = ui.RadioGroup[ui.View](custom_id=SCORE_FIELD, required=False)
    for score in range(1, 6):
        scores.add_option(label=_score_label(answer, score), value=str(score))
    modal.add_item(ui.Label(text=answer.text("score_label")[:45], component=scores))
    options = [discord.SelectOption(label=answer.text(f"category_{key}")[:100], value=key) for key in CATEGORIES]
    select = ui.Select[ui.View](custom_id=CATEGORY_FIELD, options=options, required=False, min_values=0)
    modal.add_item(ui.Label(text=answer.text("form_category")[:45], component=select))
    return modal


def reply_modal(answer: Answer, feedback_id: str) -> ui.Modal:
    """The team's words to who wrote a feedback."""
    modal = ui.Modal(title=answer.text("note_reply")[:45], custom_id=form_id("reply", feedback_id))
    modal.add_item(_paragraph(answer.text("note_reply_label"), required=True))
    return modal


def _paragraph(label: str, *, required: bool) -> ui.Label[ui.View]:
    text = ui.TextInput[ui.View](
        style=discord.TextStyle.paragraph, custom_id=TEXT_FIELD, required=required, max_length=TEXT_CHARACTERS
    )
    return ui.Label(text=label[:45], description=label[:100] if len(label) > 45 else None, component=text)


def _score_label(answer: Answer, score: int) -> str:
    words = {1: answer.text("prompt_low"), 5: answer.text("prompt_high")}
    return f"{score} – {words[score]}" if score in words else str(score)


def read_submission(data: Mapping[str, Any]) -> Submission | None:
    """The submission of one of our forms, or None when it is somebody else's."""
    custom_id = str(data.get("custom_id", ""))
    parts = custom_id.removeprefix(FORM_PREFIX).split(":")
    if not custom_id.startswith(FORM_PREFIX) or len(parts) != 3:
        return None
    return Submission(parts[0], parts[1], parts[2], dict(_fields(data.get("components") or [])))


def _fields(components: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Inputs inside labels (type 18) and rows (type 1)."""
    for outer in components:
        inner = [outer["component"]] if "component" in outer else outer.get("components") or []
        for component in inner:
            value = component.get("value")
            values = component.get("values") or []
            text = value if isinstance(value, str) else next(iter(values), "")
            yield str(component.get("custom_id", "")), str(text)
