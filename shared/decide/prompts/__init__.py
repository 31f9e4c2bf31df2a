"""Prompts: who may be asked (rules), who becomes due (due), who is asked now and how it ended."""

from shared.decide.prompts.due import (
    DAY_7,
    OptIn,
    Requested,
    make_due_by_opt_in,
    make_due_by_request,
    make_due_by_usage,
)
from shared.decide.prompts.opt_out import cancel_prompts
from shared.decide.prompts.rules import PromptFacts, Verdict, may_ask

__all__ = [
    "DAY_7",
    "OptIn",
    "PromptFacts",
    "Requested",
    "Verdict",
    "cancel_prompts",
    "make_due_by_opt_in",
    "make_due_by_request",
    "make_due_by_usage",
    "may_ask",
]
