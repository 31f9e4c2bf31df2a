"""Operator commands: `warroom …` speaks to the running process, or to the store when none runs."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from shared.clock import process_clock
from shared.config import Settings, load_settings
from shared.errors import ConfigurationError, WarroomError
from shared.runtime.build import build_runtime
from shared.runtime.control_socket import call_running_process
from shared.runtime.operator_commands import OperatorContext, run_command
from shared.runtime.start_checks import CONFIGURATION_EXIT, UNAVAILABLE_EXIT
from shared.store.database import SOCKET_FILE

app = typer.Typer(help="Operator commands of Warroom.", no_args_is_help=True, add_completion=False)
key_app = typer.Typer(help="API keys of servers.", no_args_is_help=True)
privacy_app = typer.Typer(help="What is stored about one person.", no_args_is_help=True)
app.add_typer(key_app, name="key")
app.add_typer(privacy_app, name="privacy")


@app.command("sign-in")
def sign_in(name: str, role: Annotated[str, typer.Option(help="viewer, analyst, operator or admin")] = "") -> None:
    """Print a one-time sign-in link for NAME; the first member becomes admin."""
    if not sys.stdout.isatty() and not os.environ.get("WARROOM_ALLOW_PIPED_LINK"):
        _fail("A sign-in link is only printed to a terminal.", 1)
    print(_ask("sign-in", name=name, role=role or None))


@app.command()
def members() -> None:
    """List the members."""
    for member in _ask("members"):
        print(f"{member['name']}\t{member['role']}{'  (disabled)' if member['disabled'] else ''}")


@key_app.command("create")
def create_key(
    name: str,
    site: Annotated[str, typer.Option(help="key of the site")],
    scope: Annotated[list[str], typer.Option(help="events:write, feedback:write, prompts:write, privacy:write, events:forward")],
) -> None:
    """Make a key; it is shown this once."""
    made = _ask("key-create", name=name, site=site, scopes=scope)
    print(f"{made['key']}\n(id {made['id']}; this is the only time it is shown)")


@key_app.command("list")
def list_keys() -> None:
    """List the keys, without their secrets."""
    for key in _ask("key-list"):
        state = "  (revoked)" if key["revoked"] else ""
        print(f"{key['id']}\t{key['name']}\t{key['site']}\t{' '.join(key['scopes'])}{state}")


@key_app.command("revoke")
def revoke_key(key_id: str) -> None:
    """End a key at once."""
    print(_ask("key-revoke", id=key_id))


@privacy_app.command("export")
def export(platform: str, external_id: str) -> None:
    """Print everything about one identity as JSON (platform: web, discord or x)."""
    print(json.dumps(_ask("export", platform=platform, external_id=external_id), indent=2, ensure_ascii=False))


@privacy_app.command("erase")
def erase(platform: str, external_id: str) -> None:
    """Remove everything about one identity's person; the person is not asked again."""
    print(_ask("erase", platform=platform, external_id=external_id))


@app.command("rebuild-rollups")
def rebuild_rollups(site: str, day: str) -> None:
    """Recompute the counters of a SITE's DAY (2026-03-11) from its rows."""
    print(_ask("rollups-rebuild", site=site, day=day))


@app.command("run-job")
def run_job(name: str) -> None:
    """Run one job of the table now."""
    print(_ask("run-job", name=name))


@app.command("retry-dead")
def retry_dead(number: int) -> None:
    """Put a dead letter back into the outbox."""
    print(_ask("retry-dead", id=number))


@app.command()
def status() -> None:
    """Show what is on, what is down and what waits to be sent."""
    print(json.dumps(_ask("status"), indent=2))


@app.command("check-config")
def check_config() -> None:
    """Read the configuration and name every mistake."""
    _settings()
    print("The configuration is right.")


def _settings() -> Settings:
    try:
        return load_settings()
    except ConfigurationError as error:
        _fail(str(error), CONFIGURATION_EXIT)
        raise


def _ask(command: str, **arguments: Any) -> Any:
    settings = _settings()
    try:
        return asyncio.run(_ask_process_or_store(settings, command, arguments))
    except WarroomError as error:
        _fail(str(error), 1)
    except OSError as error:
        _fail(f"The store cannot be reached: {error.strerror or error}", UNAVAILABLE_EXIT)


async def _ask_process_or_store(settings: Settings, command: str, arguments: dict[str, Any]) -> Any:
    socket: Path = settings.store.data_dir / SOCKET_FILE
    if settings.uses_sqlite and socket.exists():  # noqa: ASYNC240  # one local file, before anything runs
        try:
            return await call_running_process(socket, command, arguments)
        except (ConnectionRefusedError, FileNotFoundError):
            pass  # left behind by a process that was killed
    async with build_runtime(settings, process_clock()) as runtime:
        return await run_command(OperatorContext(runtime), command, arguments)


def _fail(sentence: str, code: int) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, markup=False)
    raise typer.Exit(code)


def main() -> None:
    os.umask(0o077)  # a command may be the first that opens the store
    app()
