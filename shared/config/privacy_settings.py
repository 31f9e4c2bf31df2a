"""How long rows are kept, and what an owner says to visitors about their data."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from shared.config.field_types import Positive, Section

Days = Annotated[int, Field(ge=0, le=36_500)]  # 0: for ever


class PrivacySettings(Section):
    contact: Annotated[str, Field(max_length=200)]
    erase_log: str

    def log_path(self, data_dir: Path) -> Path | None:
        """Where the owner wants the erase log; a relative path starts in the data folder."""
        return data_dir / self.erase_log if self.erase_log else None


class RetentionSettings(Section):
    event_days: Days
    page_view_days: Days
    visitor_day_days: Days
    rollup_days: Days
    feedback_days: Days
    person_days: Days
    usage_day_days: Days
    outbox_days: Days
    audit_days: Days
    alert_days: Days
    external_event_days: Days
    due_report_days: Days
    spend_days: Days
    batch_rows: Positive
