"""What a sender may say: the fields of feedback, their types and bounds, and who sends it."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared.config import LimitSettings
from shared.errors import FieldProblem, InvalidInput
from shared.guard.principals import Principal

Source = Literal["web", "form", "api", "discord", "x"]
Category = Literal["bug", "idea", "question", "praise", "other", "unsorted"]
Reason = Literal["findability", "clarity", "accuracy", "out_of_date", "other"]
Scale = Literal["0-1", "1-5", "1-7", "0-10"]
DEFAULT_SCALE: Scale = "1-5"
SCALES = ((0, 1), (1, 5), (1, 7), (0, 10))
SENTENCE = "The feedback cannot be taken as it is."
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _tidy(text: str) -> str:
    """Without what no database takes: NUL and lone surrogates."""
    return _UNSTORABLE.sub("", text)


Text = Annotated[str, AfterValidator(_tidy)]
Name = Annotated[Text, Field(min_length=1, max_length=64)]
Short = Annotated[Text, Field(max_length=100)]


class NewFeedback(BaseModel):
    """One feedback as it is sent. A score, text, category or reason must be there; unknown fields are dropped."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    site: Annotated[Text, Field(min_length=1, max_length=32)]
    id: Annotated[Text, Field(min_length=8, max_length=64)] | None = None
    text: Text | None = None
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None
    scale: Scale | None = None
    scale_min: int | None = None  # another way to say the scale
    scale_max: int | None = None
    category: Category | None = None
    reason: Reason | None = None  # why a page helped, or did not
    survey: Name | None = None
    prompt: Name | None = None
    page: Annotated[Text, Field(max_length=4000)] | None = None
    element: Annotated[Text, Field(max_length=200, pattern=r"^[A-Za-z0-9_.:#> ()-]+$")] | None = (
        None  # part of the page
    )
    plan: Short | None = None
    segment: Short | None = None
    contact: Annotated[Text, Field(max_length=200)] | None = None
    person: Annotated[Text, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")] | None = None
    language: Annotated[Text, Field(max_length=35, pattern=r"^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*$")] | None = None
    zone: Annotated[Text, Field(max_length=64)] | None = None

    @property
    def bounds(self) -> tuple[int, int] | None:
        """Lowest and highest score of the scale, when there is a score."""
        if self.score is None:
            return None
        if self.scale_min is not None and self.scale_max is not None:
            return self.scale_min, self.scale_max
        low, high = (self.scale or DEFAULT_SCALE).split("-")
        return int(low), int(high)


@dataclass(frozen=True)
class FeedbackSender:
    """How feedback came in, and what is known of who sent it."""

    source: Source
    address: str | None = None
    user_agent: str | None = None
    opted_out: str | None = None  # gpc, dnt
    key: Principal | None = None
    passed_on_by: Principal | None = None  # the docs site that speaks for this browser
    platform: str | None = None
    external_id: str | None = None
    message_key: str | None = None  # the platform's id of the message or interaction
    reply_to: Mapping[str, Any] = field(default_factory=dict)
    language: str | None = None
    guild_id: str | None = None
    counts_as_usage: bool = True  # not when somebody else passed the words on
    limited_as: str | None = None  # the platform id whose limit counts, if not the author's


@dataclass(frozen=True)
class FeedbackOutcome:
    """`id` is None when the feedback was dropped by a rule, which `dropped` names."""

    id: str | None
    repeated: bool = False
    dropped: str | None = None


def parse_feedback(fields: Mapping[str, Any], limits: LimitSettings) -> NewFeedback:
    """The typed feedback; raises `InvalidInput` naming every field and reason."""
    try:
        new = NewFeedback.model_validate(dict(fields))
    except ValidationError as error:
        problems = [
            FieldProblem(".".join(str(part) for part in problem["loc"]), problem["msg"])
            for problem in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise InvalidInput(SENTENCE, problems) from None
    check_feedback(new, limits)
    return new


def parse_form(fields: Mapping[str, str], limits: LimitSettings) -> NewFeedback:
    """The same from a plain HTML form: empty fields are missing ones, and a score is a number in words."""
    given: dict[str, Any] = {name: value.strip() for name, value in fields.items() if value.strip()}
    if "score" in given:
        try:
            given["score"] = float(given["score"])
        except ValueError:
            raise InvalidInput(SENTENCE, [FieldProblem("score", "must be a number")]) from None
    else:
        given.pop("scale", None)
    return parse_feedback(given, limits)


def check_feedback(new: NewFeedback, limits: LimitSettings) -> None:
    """The rules between fields and the configured bounds."""
    problems = []
    says_something = new.score is not None or new.reason is not None or new.category not in (None, "unsorted")
    if not says_something and not (new.text or "").strip():
        problems.append(FieldProblem("text", "a text, a score, a category or a reason is needed"))
    if len(new.text or "") > limits.text_characters:
        problems.append(FieldProblem("text", f"at most {limits.text_characters} characters"))
    if new.score is None and new.scale is not None:
        problems.append(FieldProblem("scale", "says nothing without a score"))
    if new.bounds is not None and new.score is not None:
        low, high = new.bounds
        if new.bounds not in SCALES:
            problems.append(FieldProblem("scale", "one of 0-1, 1-5, 1-7 and 0-10"))
        elif not low <= new.score <= high or not math.isclose(new.score, round(new.score)):
            problems.append(FieldProblem("score", f"a whole number from {low} to {high}"))
    if problems:
        raise InvalidInput(SENTENCE, problems)
