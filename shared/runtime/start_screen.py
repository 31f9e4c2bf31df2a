"""The short screen at the start: where to look, what is on, what is missing and which setting turns it on."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from shared.config import Settings
from shared.runtime.build import PartsBoard

SIGNS = {"ok": "[green]on[/]", "off": "[yellow]off[/]", "down": "[red]down[/]", "starting": "[yellow]starting[/]"}


def show_start_screen(console: Console, settings: Settings, parts: PartsBoard, sign_in_address: str) -> None:
    """Prints the screen; the sign-in address is a secret for ten minutes and is printed to terminals only.

    Addresses are printed whole whatever the width: half a sign-in link is none.
    """
    places = [("Dashboard", f"{settings.base_url}/app")]
    if settings.demo_is_on:
        places.insert(0, ("Demo docs page", f"{settings.base_url}/demo"))
    if sign_in_address:
        places.append(("Sign in (once)", sign_in_address))
    console.print("\n[bold]Warroom is running.[/] Stop it with Ctrl+C.\n")
    for name, address in places:
        console.print(f"{name:<16}{escape(address)}", soft_wrap=True)
    console.print()
    state = Table.grid(padding=(0, 2))
    for name, part in parts.all().items():
        state.add_row(SIGNS[part.state], name, Text(part.sentence, overflow="fold"))
    console.print(state)
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
