"""Where docs pages find the script and send their events: names that blocking lists do not know."""

import re
from typing import Self

from pydantic import model_validator

from shared.config.field_types import Section

PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
TAKEN = ("api", "app", "demo", "static", "feedback", "prompts", "track", "privacy", "thanks")  # first parts of ours


class ScriptSettings(Section):
    path: str
    name: str
    intake: str

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not PATH.fullmatch(self.path) or self.path.split("/")[1] in TAKEN:
            raise ValueError(f'script.path must be like "/_docs" and begin with none of {", ".join(TAKEN)}')
        if not NAME.fullmatch(self.name) or self.name.startswith("widget"):
            raise ValueError('script.name must be letters, digits, "-" and "_", and not begin with "widget"')
        if not NAME.fullmatch(self.intake) or self.intake in ("feedback", "prompts"):
            raise ValueError('script.intake must be letters, digits, "-" and "_", and neither "feedback" nor "prompts"')
        return self

    def address_of(self, name: str) -> str:
        """The path of something under the configured folder."""
        return f"{self.path}/{name}"

    def plain_path(self, path: str) -> str:
        """The path that a path under the configured folder stands for: `/_docs/feedback` is `/feedback`."""
        if not path.startswith(self.path + "/"):
            return path
        rest = path[len(self.path) :]
        return "/track" if rest == f"/{self.intake}" else rest
