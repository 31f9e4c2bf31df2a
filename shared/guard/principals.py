"""Who is asking: nobody known, a member of the team, or a server with a key."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["anonymous", "member", "key"]


@dataclass(frozen=True)
class Principal:
    """`site` and `scopes` belong to keys, `role` to members."""

    kind: Kind
    id: str = ""
    name: str = ""
    role: str | None = None
    site: str | None = None
    scopes: frozenset[str] = frozenset()

    @property
    def actor(self) -> str:
        """How the audit record names this principal."""
        return f"{self.kind}:{self.id}" if self.id else self.kind

    def has_scope(self, scope: str) -> bool:
        return self.kind == "key" and scope in self.scopes


ANONYMOUS = Principal("anonymous")
