"""Roles: their order, and who has which by Discord roles."""

from pathlib import Path

import pytest

from shared.guard.roles import has_discord_roles, reaches, role_of_discord
from tests.conftest import make_settings


@pytest.mark.parametrize(
    ("role", "needed", "allowed"),
    [
        ("admin", "viewer", True),
        ("viewer", "viewer", True),
        ("viewer", "analyst", False),
        (None, "viewer", False),
        ("owner", "viewer", False),
        ("admin", "owner", False),
    ],
)
def test_role_reaches_its_own_and_lower_ones(role: str | None, needed: str, allowed: bool) -> None:
    assert reaches(role, needed) is allowed


def test_highest_of_several_discord_roles_counts(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, discord={"viewer_roles": [1], "operator_roles": [2]}).discord
    assert role_of_discord([1, 2, 3], settings) == "operator"
    assert role_of_discord([3], settings) is None


def test_no_role_is_given_when_none_is_configured(tmp_path: Path) -> None:
    settings = make_settings(tmp_path).discord
    assert not has_discord_roles(settings)
    assert role_of_discord([1], settings) is None
