"""How long rows are kept, and what an owner says to visitors about their data."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.config.field_types import Section

Days = Annotated[int, Field(ge=0, le=36_500)]  # 0: for ever


class PrivacySettings(Section):
    contact: Annotated[str, Field(max_length=200)]
    erase_log: str
    unknown_erasures_per_hour: Annotated[int, Field(ge=1, le=100_000)]

    def log_path(self, data_dir: Path) -> Path | None:
        """Where the owner wants the erase log; a relative path starts in the data folder."""
        return data_dir / self.erase_log if self.erase_log else None


class RetentionSettings(Section):
    event_days: Days
    page_view_days: Days
    visitor_day_days: Days
    rollup_days: Days
    undeclared_days: Days
    feedback_days: Days
    person_days: Days
    usage_day_days: Days
    outbox_days: Days
    audit_days: Days
    alert_days: Days
    external_event_days: Days
    due_report_days: Days
    spend_days: Days
    batch_rows: Annotated[int, Field(ge=1, le=5000)]
    batch_pauses: Annotated[float, Field(ge=0, le=100)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.feedback_days and not 0 < self.outbox_days <= self.feedback_days:
            raise ValueError("outbox_days must not be above feedback_days: posts quote feedback")
        return self
