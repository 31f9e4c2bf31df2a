"""The way in for feedback: `FeedbackIntake.take` stores what somebody sent, `add_words` what follows a score."""

from shared.ingest.feedback.intake import TOPIC, FeedbackIntake, passer_on_bucket, person_bucket
from shared.ingest.feedback.new_feedback import (
    FeedbackOutcome,
    FeedbackSender,
    NewFeedback,
    check_feedback,
    parse_feedback,
    parse_form,
)

__all__ = [
    "TOPIC",
    "FeedbackIntake",
    "FeedbackOutcome",
    "FeedbackSender",
    "NewFeedback",
    "check_feedback",
    "parse_feedback",
    "parse_form",
    "passer_on_bucket",
    "person_bucket",
]
