"""Counts feedback, and takes back what one row added."""

from sqlalchemy.ext.asyncio import AsyncSession

from shared.derive.rollups.counting import Tally, hour_of
from shared.store.models import Feedback

LOW_SHARE = {(1, 5): 2, (0, 10): 6, (1, 7): 3, (0, 1): 0}  # highest score that counts as negative, by scale


def is_negative(feedback: Feedback) -> bool | None:
    """Whether feedback counts as negative: by its label, else by its score; None when neither can say."""
    if feedback.sentiment is not None:
        return feedback.sentiment == "negative"
    if feedback.score is None or feedback.scale_min is None or feedback.scale_max is None:
        return None
    highest = LOW_SHARE.get((feedback.scale_min, feedback.scale_max))
    return None if highest is None else feedback.score <= highest


async def count_feedback(session: AsyncSession, feedback: Feedback, sign: int = 1) -> None:
    """Adds one piece of feedback to the counters, or takes it back with `sign=-1`."""
    tally = Tally(feedback.site)
    tally_feedback(tally, feedback)
    await (tally.store(session) if sign > 0 else tally.take_back(session))


def tally_feedback(tally: Tally, feedback: Feedback) -> None:
    hour, day = hour_of(feedback.received_at), feedback.local_day

    def add(measure: str, key: str = "", total: float = 0.0) -> None:
        tally.add(measure, hour, day, key, 1, total)

    add("feedback")
    add("feedback_category", feedback.category)
    add("feedback_source", feedback.source)
    if feedback.sentiment is not None and feedback.compound is not None:
        add("sentiment", feedback.sentiment, feedback.compound)
        add("scored", total=feedback.compound)
    negative = is_negative(feedback)
    if negative is not None:
        add("judged")
        if negative:
            add("negative")
    if feedback.score is not None and feedback.scale_min is not None:
        add("score", f"{feedback.scale_min}-{feedback.scale_max}", feedback.score)
        if feedback.survey == "helpful":
            add("helpful_vote", total=feedback.score)
