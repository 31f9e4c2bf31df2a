"""The short screen at the start: where to look, what is on, what is missing and which setting turns it on."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.config import Settings
from shared.runtime.build import PartsBoard

SIGNS = {"ok": "[green]on[/]", "off": "[yellow]off[/]", "down": "[red]down[/]"}


def show_start_screen(
    console: Console, settings: Settings, parts: PartsBoard, sign_in_address: str, notes: Sequence[str] = ()
) -> None:
    """Prints the screen; the sign-in address is a secret for ten minutes and is printed to terminals only."""
    places = Table.grid(padding=(0, 2))
    if settings.demo_is_on:
        places.add_row("Demo docs page", f"{settings.base_url}/demo")
    places.add_row("Dashboard", f"{settings.base_url}/app")
    if sign_in_address:
        places.add_row("Sign in (once)", sign_in_address)
    state = Table.grid(padding=(0, 2))
    for name, part in parts.all().items():
        state.add_row(SIGNS[part.state], name, escape(part.sentence))
    console.print("\n[bold]Warroom is running.[/] Stop it with Ctrl+C.\n")
    console.print(places, soft_wrap=True)
    console.print()
    console.print(state, soft_wrap=True)
    for note in notes:
        console.print(escape(note), soft_wrap=True)
    console.print()


def describe_settings(settings: Settings, parts: PartsBoard) -> None:
    """Notes on the board what the settings switch on or leave off."""
    store = "SQLite in " + str(settings.store.data_dir) if settings.uses_sqlite else "PostgreSQL"
    parts.set("store", "ok", store)
    if settings.sites:
        parts.set("sites", "ok", ", ".join(site.key for site in settings.sites))
    else:
        parts.set("sites", "off", "only the demo site; add [[sites]] to config.local.toml for your own")
    _describe_discord(settings, parts)
    _describe_x(settings, parts)


def _describe_discord(settings: Settings, parts: PartsBoard) -> None:
    if not settings.secrets.discord_token:
        parts.set(
            "discord", "off", "set WARROOM_DISCORD_TOKEN; War Room posts appear on the console and on the dashboard"
        )
    elif not settings.discord.war_room_channel:
        parts.set("discord", "off", "no War Room channel: set discord.war_room_guild and discord.war_room_channel")
    else:
        parts.set("discord", "down", "connecting")


def _describe_x(settings: Settings, parts: PartsBoard) -> None:
    if not settings.x.enabled:
        parts.set("x", "off", "set x.enabled = true and the four WARROOM_X_… secrets (costs money per call)")
    elif not settings.secrets.has_x():
        parts.set("x", "off", "needs WARROOM_X_CONSUMER_KEY, …_CONSUMER_SECRET, …_ACCESS_TOKEN, …_ACCESS_TOKEN_SECRET")
    else:
        parts.set("x", "down", "connecting")
