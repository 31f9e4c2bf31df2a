"""All tables, by subject."""

from shared.store.models.access import ApiKey, AuditEntry, Member, RateWindow, Session, SignInLink
from shared.store.models.alerts import Alert, AlertState
from shared.store.models.base import Erasure
from shared.store.models.events import UNDECLARED, UNDECLARED_PROPERTY, Event, PageView, Rollup, VisitorDay
from shared.store.models.external_events import EVENT_ROWS, ExternalEvent, ImportedDay
from shared.store.models.feedback import Feedback, FeedbackStatus, Quote
from shared.store.models.outbox import OutboxMessage, OutboxState
from shared.store.models.people import AppliedErasure, Identity, Person, Platform, Suppression, UsageDay
from shared.store.models.prompts import Prompt, PromptState
from shared.store.models.running import DueReport, JobRun, Lease, ReadMark, Spend, StandingMessage, StateValue

__all__ = [
    "EVENT_ROWS",
    "UNDECLARED",
    "UNDECLARED_PROPERTY",
    "Alert",
    "AlertState",
    "ApiKey",
    "AppliedErasure",
    "AuditEntry",
    "DueReport",
    "Erasure",
    "Event",
    "ExternalEvent",
    "Feedback",
    "FeedbackStatus",
    "Identity",
    "ImportedDay",
    "JobRun",
    "Lease",
    "Member",
    "OutboxMessage",
    "OutboxState",
    "PageView",
    "Person",
    "Platform",
    "Prompt",
    "PromptState",
    "Quote",
    "RateWindow",
    "ReadMark",
    "Rollup",
    "Session",
    "SignInLink",
    "Spend",
    "StandingMessage",
    "StateValue",
    "Suppression",
    "UsageDay",
    "VisitorDay",
]
