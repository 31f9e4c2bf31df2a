"""The start screen: whole addresses at any width, and for each part that is off the setting that turns it on."""

import io

from rich.console import Console

from shared.config import load_settings
from shared.runtime import PartsBoard
from shared.runtime.start_screen import describe_settings, show_start_screen

ADDRESS = "http://127.0.0.1:8080/app/sign-in#" + "t" * 43


def screen(width: int, address: str = ADDRESS) -> str:
    settings, parts = load_settings({}), PartsBoard()
    describe_settings(settings, parts)
    console = Console(file=io.StringIO(), width=width, highlight=False)
    show_start_screen(console, settings, parts, address)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_sign_in_link_is_whole_on_a_narrow_terminal() -> None:
    for width in (40, 80, 200):
        assert ADDRESS in screen(width)


def test_what_is_off_names_its_setting() -> None:
    text = screen(200)
    for name in ("WARROOM_DISCORD_TOKEN", "x.enabled", "[[sites]]"):
        assert name in text
    assert "http://127.0.0.1:8080/demo" in text


def test_without_a_link_none_is_shown() -> None:
    assert "Sign in" not in screen(80, address="")
