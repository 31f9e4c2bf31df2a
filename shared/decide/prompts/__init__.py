"""Prompts: who may be asked (rules), who becomes due (due), who is asked now and how it ended."""

from shared.decide.prompts.asking import claim_ephemeral_prompt, claim_web_prompt, may_have_question
from shared.decide.prompts.counts import prompt_counts
from shared.decide.prompts.direct import enqueue_due_prompts
from shared.decide.prompts.dm_pause import dm_opening_is_paused, paused_until
from shared.decide.prompts.due import (
    DAY_7,
    OptIn,
    Requested,
    make_due_by_opt_in,
    make_due_by_request,
    make_due_by_usage,
)
from shared.decide.prompts.opt_out import cancel_prompts
from shared.decide.prompts.outcomes import (
    dismiss,
    fall_back_from_dm,
    get_prompt,
    lapse_old,
    mark_asked,
    mark_uncertain,
    note_answer,
    pause_dm_opening,
    withdraw,
)
from shared.decide.prompts.rules import PromptFacts, Verdict, may_ask, time_until_awake

__all__ = [
    "DAY_7",
    "OptIn",
    "PromptFacts",
    "Requested",
    "Verdict",
    "cancel_prompts",
    "claim_ephemeral_prompt",
    "claim_web_prompt",
    "dismiss",
    "dm_opening_is_paused",
    "enqueue_due_prompts",
    "fall_back_from_dm",
    "get_prompt",
    "lapse_old",
    "make_due_by_opt_in",
    "make_due_by_request",
    "make_due_by_usage",
    "mark_asked",
    "mark_uncertain",
    "may_ask",
    "may_have_question",
    "note_answer",
    "pause_dm_opening",
    "paused_until",
    "prompt_counts",
    "time_until_awake",
    "withdraw",
]
