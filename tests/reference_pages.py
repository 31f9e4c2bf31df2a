"""Writes the reference pages from the code: settings, events, metrics, routes, jobs, commands.

`make docs` runs this. `tests/test_documentation.py` fails when a page is not what the code says now.
"""

import asyncio
import functools
import inspect
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.config import PROJECT_DIR, load_settings

FOLDER = PROJECT_DIR / "api" / "web" / "docs" / "reference"
HEADER = "<!-- Written by `make docs` from the code. Do not edit. -->\n\n"
SECTION = re.compile(r"\[{1,2}(?P<name>[a-z_.]+)\]{1,2}(?:\s+#\s*(?P<meaning>.+))?")
PAIR = re.compile(r"(?P<key>[a-z_]+) = (?P<value>\"[^\"]*\"|\[[^\]]*\]|\{[^}]*\}|[^\s#]+)\s*(?:#\s*(?P<meaning>.+))?")


@dataclass(frozen=True)
class SettingLine:
    """One key of config.toml; `example` is set in tables that only stand there as a comment or as a list."""

    section: str
    key: str
    default: str
    meaning: str

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}"


def read_settings() -> list[SettingLine]:
    """Every key of config.toml once, with the comment behind it; of a list of tables the first one speaks."""
    found: dict[str, SettingLine] = {}
    section = ""
    for line in (PROJECT_DIR / "config.toml").read_text("utf-8").splitlines():
        text = line.removeprefix("# ").strip()
        if head := SECTION.fullmatch(text):
            section = head["name"]
        elif (pair := PAIR.fullmatch(text)) and section:
            setting = SettingLine(section, pair["key"], pair["value"], (pair["meaning"] or "").strip())
            found.setdefault(setting.name, setting)
    return list(found.values())


def settings_page() -> str:
    """A table per section, then the texts."""
    lines = read_settings()
    parts = [
        "# Settings\n",
        "Own values go to `config.local.toml`, or into the environment as `WARROOM_<SECTION>__<KEY>`. "
        "The README says which one wins.\n",
    ]
    sections = dict.fromkeys(line.section for line in lines)
    for section in sections:
        rows = [line for line in lines if line.section == section]
        parts.append(f"## `{section}`\n")
        if section.startswith("texts."):
            parts.append(table(("text", "English"), ((code(row.key), row.default) for row in rows)))
        else:
            cells = ((code(row.key), code(row.default), row.meaning) for row in rows)
            parts.append(table(("setting", "default", "meaning"), cells))
    return "\n".join(parts)


def events_page() -> str:
    from shared.event_catalogue import CATALOGUE

    rows = ((code(e.name), str(e.version), e.owner, e.meaning) for e in CATALOGUE.values())
    return "\n".join(
        (
            "# Events\n",
            "Events that Warroom knows by name. Your own are declared in `[[events]]` of the settings; what is neither "
            "is stored all the same and listed on the Health page. All fields of the wire, and what happens to an "
            "event that is not as declared: [tracking.md](../tracking.md).\n",
            table(("event", "version", "owner", "meaning"), rows),
            *(part for event in CATALOGUE.values() for part in describe_event(event)),
        )
    )


def describe_event(event: Any) -> Iterator[str]:
    """A heading, the fields that count (needed ones say so), and a table of its properties."""
    yield f"## `{event.name}`\n"
    fields = (code(name) + (" (needed)" if name in event.required else "") for name in event.fields)
    yield f"Fields that count: {', '.join(fields)}.\n"
    if event.properties:
        rows = (
            (code(p.name), describe_type(p), "yes" if p.required else "", p.sensitivity, p.meaning)
            for p in event.properties
        )
        yield table(("property", "type", "needed", "sensitivity", "meaning"), rows)


def describe_type(declared: Any) -> str:
    return f"one of {', '.join(map(code, declared.choices))}" if declared.choices else str(declared.type)


def kpis_page() -> str:
    from shared.derive.kpis import KPIS

    better = {"up": "higher", "down": "lower", "none": "–"}
    rows = ((code(k.name), k.title, k.unit, better[k.direction], k.definition) for k in KPIS.values())
    return "\n".join(
        (
            "# Metrics\n",
            "One catalogue for tiles, slash commands, reports and alerts. Shares run from 0 to 1 in settings.\n",
            table(("name", "title", "unit", "better", "definition"), rows),
        )
    )


def routes_page() -> str:
    from api.routes import ALL_ROUTES

    ordered = sorted(ALL_ROUTES, key=lambda route: (route.path, route.method))
    rows = ((route.method, code(route.path), describe_access(route.access), describe_route(route)) for route in ordered)
    return "\n".join(
        (
            "# Routes\n",
            "Every address of the server and who may use it. A route that does not declare this stops the start.\n",
            table(("method", "path", "who", "what"), rows),
        )
    )


def describe_access(access: Any) -> str:
    """Who may use a route, in words."""
    words = {
        "public": "anybody",
        "intake": "anybody, or an API key",
        "key": f"API key with {code(access.needed)}",
        "role": f"member, from {access.needed}",
    }
    return words[access.kind]


def describe_route(route: Any) -> str:
    """Its summary, the first line of its handler's docstring, or the handler's name in words."""
    summary = route.operation.summary if route.operation else first_line(route.handler)
    return summary or str(route.handler.__name__).replace("_", " ")


def jobs_page() -> str:
    from shared.jobs.job_table import JOBS

    rows = (
        (
            code(job.name),
            seconds(job.period_seconds),
            seconds(job.timeout_seconds),
            job.meaning or first_line(job.function),
        )
        for job in JOBS
    )
    return "\n".join(
        (
            "# Jobs\n",
            "What the leader does again and again. Each does one bounded step and may run twice. "
            "`warroom run-job NAME` runs one now.\n",
            table(("job", "every", "time limit", "does"), rows),
        )
    )


def commands_page() -> str:
    slash = [(code(c.name), c.access, c.meaning, c.options) for c in slash_commands()]
    operator = [(code(f"warroom {c.name}"), c.meaning, c.options) for c in operator_commands()]
    return "\n".join(
        (
            "# Commands\n",
            "## Discord\n",
            "Commands for everyone work in every connected server and in direct messages. Team commands exist only "
            "in the War Room server; the role is checked again whenever one is used.\n",
            table(("command", "from role", "does", "options"), slash),
            "## Operator\n",
            table(("command", "does", "arguments"), operator),
        )
    )


@dataclass(frozen=True)
class CommandLine:
    """One command: `options` as code, optional ones in brackets; `access` for slash commands."""

    name: str
    meaning: str
    options: str
    access: str = ""


@functools.cache
def slash_commands() -> list[CommandLine]:
    """The commands that the real client would send to Discord."""
    return sorted(asyncio.run(_load_slash_commands()), key=lambda command: (command.access != "everyone", command.name))


async def _load_slash_commands() -> list[CommandLine]:
    """Loads every cog into a client that never connects, on an empty store."""
    from bot.cogs import load_cogs
    from bot.discord_client import make_client
    from shared.clock import SystemClock
    from shared.runtime import build_runtime

    async def never() -> None:
        return None

    with tempfile.TemporaryDirectory() as folder:
        guild = {"war_room_guild": 1, "war_room_channel": 2}
        settings = load_settings({"WARROOM_DATA_DIR": folder, "WARROOM_CONFIG_FILE": os.devnull}, None, discord=guild)
        async with build_runtime(settings, SystemClock()) as runtime:
            client = make_client(runtime, never)
            try:
                await load_cogs(client)
                return list(_walk_slash_commands(client))
            finally:
                await client.close()


def _walk_slash_commands(client: Any) -> Iterator[CommandLine]:
    from discord import app_commands

    from bot.discord_client import all_commands

    for guild in (None, client.war_room_guild):
        for command in all_commands(client.tree, guild):
            leaves = command.walk_commands() if isinstance(command, app_commands.Group) else [command]
            yield from (_describe_slash(leaf) for leaf in leaves if not isinstance(leaf, app_commands.Group))


def _describe_slash(command: Any) -> CommandLine:
    from discord import app_commands

    access = str(command.extras["access"])
    if isinstance(command, app_commands.ContextMenu):
        return CommandLine(command.name, "In the menu of a message (Apps).", "", access)
    options = ", ".join(code(p.name) if p.required else f"[{code(p.name)}]" for p in command.parameters)
    return CommandLine(f"/{command.qualified_name}", str(command.description), options, access)


def operator_commands() -> list[CommandLine]:
    """The commands of `warroom`, as its command line knows them."""
    import typer

    from shared.cli import app

    return list(_walk_operator_commands(typer.main.get_command(app), ""))


def _walk_operator_commands(command: Any, prefix: str) -> Iterator[CommandLine]:
    for name, child in getattr(command, "commands", {}).items():
        if hasattr(child, "commands"):
            yield from _walk_operator_commands(child, f"{prefix}{name} ")
            continue
        options = [p for p in child.params if p.name != "help"]
        shown = (code(p.name.upper() if p.param_type_name == "argument" else p.opts[0]) for p in options)
        yield CommandLine(prefix + name, (child.help or "").strip(), " ".join(shown))


def data_page() -> str:
    """Every column of every table, as the data map has it."""
    from shared.guard.data_map import DATA_MAP

    settings = load_settings({"WARROOM_CONFIG_FILE": os.devnull})
    parts = [
        "# Data\n",
        "Every column of every table. **Erasing**: `erase` goes with the person's row, `empty` is emptied in a row "
        "that stays, `keep` stays. **Handed out**: whether an export of a person has it. How long rows stay is set "
        "in `[retention]`.\n",
    ]
    for name, rule in sorted(DATA_MAP.items()):
        days = getattr(settings.retention, rule.kept_for, None)
        kept = rule.kept_for
        if days is not None:
            kept = f"`retention.{rule.kept_for}`, {f'{days} days' if days else 'for ever'}"
        rows = (
            (code(column), one.fate.value, "yes" if one.exported else "no", one.holds)
            for column, one in rule.columns.items()
        )
        parts.append(f"## {name}\n\n{rule.holds[:1].upper()}{rule.holds[1:]}. Kept: {kept}.\n")
        parts.append(table(("column", "erasing", "handed out", "holds"), rows))
    return "\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {
    "data.md": data_page,
    "settings.md": settings_page,
    "events.md": events_page,
    "kpis.md": kpis_page,
    "routes.md": routes_page,
    "jobs.md": jobs_page,
    "commands.md": commands_page,
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def code(text: str) -> str:
    return f"`{text}`"


def seconds(value: float) -> str:
    if value >= 3600 and value % 3600 == 0:
        return f"{value / 3600:.0f} h"
    return f"{value / 60:.0f} min" if value >= 60 and value % 60 == 0 else f"{value:g} s"


def first_line(function: Any) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


def page(name: str) -> str:
    """The text that the page must have now."""
    return HEADER + PAGES[name]()


def write_pages(folder: Path = FOLDER) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        (folder / name).write_text(page(name), "utf-8")


if __name__ == "__main__":
    write_pages()
