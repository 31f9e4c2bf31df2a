"""Operator commands: `warroom …` speaks to the running process, or to the store when none runs."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from shared.clock import process_clock
from shared.config import Settings, load_settings
from shared.derive.coverage import MOST_NAMED
from shared.errors import ConfigurationError, WarroomError, explain
from shared.guard.api_keys import SCOPES
from shared.ingest.erasure import describe_report
from shared.ingest.imports import Found
from shared.runtime.build import build_runtime
from shared.runtime.control_socket import call_running_process, is_listening
from shared.runtime.coverage import MOST_ELEMENTS, MOST_PAGES, Coverage, measure_coverage, print_report
from shared.runtime.coverage import as_json as coverage_as_json
from shared.runtime.importing import (
    KINDS,
    Ask,
    Export,
    ImportReport,
    ImportRun,
    RejectsFile,
    print_import,
    read_export,
    run_import,
)
from shared.runtime.operator_commands import OperatorContext, run_command
from shared.runtime.start_checks import CONFIGURATION_EXIT, SETTINGS_CHECKS, UNAVAILABLE_EXIT
from shared.store.database import DATABASE_FILE, SOCKET_FILE

PLATFORM_MEANING = "web, discord or x; user for somebody whom your servers name"
ID_MEANING = "the id there; of a browser or a servers' user SITE/ID"

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
    scope: Annotated[list[str], typer.Option(help=", ".join(SCOPES))],
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
def export(
    platform: Annotated[str, typer.Argument(help=PLATFORM_MEANING)],
    external_id: Annotated[str, typer.Argument(help=ID_MEANING)],
    out: Annotated[Path | None, typer.Option(help="a new file that only you can read; default: print it")] = None,
) -> None:
    """Hand out everything about one identity's person as JSON."""
    with _only_mine(out) as file:
        _ask("export", file.write, platform=platform, external_id=external_id)
        file.write("\n")


@contextmanager
def _only_mine(path: Path | None) -> Iterator[IO[str]]:
    """A new file without rights for others, or the standard output; an export that failed leaves no file."""
    if path is None:
        yield sys.stdout
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        _fail(f"{path} cannot be written: {error.strerror}", 1)
        raise
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


@privacy_app.command("erase")
def erase(
    platform: Annotated[str, typer.Argument(help=PLATFORM_MEANING)],
    external_id: Annotated[str, typer.Argument(help=ID_MEANING)],
) -> None:
    """Remove everything about one identity's person; the person is not asked again."""
    print(_ask("erase", platform=platform, external_id=external_id))


@privacy_app.command("report")
def report_privacy(
    as_json: Annotated[bool, typer.Option("--json", help="print everything as JSON")] = False,
) -> None:
    """Show what is stored about how many people, how old it is, and when was purged and erased last."""
    told = _ask("privacy-report")
    print(json.dumps(told, indent=2) if as_json else describe_report(told))


@app.command("rebuild-rollups")
def rebuild_rollups(site: str, day: str) -> None:
    """Recompute the counters of a SITE's DAY (2026-03-11) from its rows."""
    print(_ask("rollups-rebuild", site=site, day=day))


@app.command("run-job")
def run_job(name: str) -> None:
    """Run one job of the table now."""
    print(_ask("run-job", name=name))


@app.command("retry-dead")
def retry_dead(number: Annotated[int, typer.Argument(min=1, max=2**63 - 1)]) -> None:
    """Put a dead letter back into the outbox."""
    print(_ask("retry-dead", id=number))


@app.command()
def status() -> None:
    """Show what is on, what is down and what waits to be sent."""
    print(json.dumps(_ask("status"), indent=2))


@app.command()
def coverage(
    url: Annotated[str, typer.Argument(help="start page of the built site")],
    pages: Annotated[int, typer.Option(help="pages to walk at most", min=1)] = MOST_PAGES,
    elements: Annotated[int, typer.Option(help="elements of a page to use at most", min=1)] = MOST_ELEMENTS,
    fail_under: Annotated[float, typer.Option(help="end with 1 below so many percent", min=0, max=100)] = 0,
    browser: Annotated[str, typer.Option(help="a Chromium of your own; default: the installed one")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="print everything as JSON")] = False,
    store: Annotated[bool, typer.Option(help="keep the result for the metric")] = True,
) -> None:
    """Use every link, button, form and step of a site and list those without the event that they should yield."""
    settings = _settings()
    said = Console(stderr=True, highlight=False, markup=False)
    try:
        with Progress(console=said, transient=True) as bar:
            task = bar.add_task("looking at the tag", total=None)

            def show(done: int, known: int, path: str) -> None:
                bar.update(task, completed=done, total=known, description=path)

            measuring = measure_coverage(
                url, settings, pages=pages, elements=elements, browser=browser or None, progress=show
            )
            result = asyncio.run(measuring)
    except WarroomError as error:
        _fail(str(error), CONFIGURATION_EXIT if isinstance(error, ConfigurationError) else 1)
    if as_json:
        print(coverage_as_json(result))
    else:
        print_report(result, Console(highlight=False, markup=False))
    if store:
        said.print(_store_coverage(settings, result))
    if result.percent is None or result.percent < fail_under or (fail_under and result.wrong):
        raise typer.Exit(1)


def _store_coverage(settings: Settings, result: Coverage) -> str:
    """Keeps the result where this machine has the site and its database; says what became of it."""
    if result.site is None or settings.site(result.site) is None or not result.elements:
        return "Not kept: the site of the tag is not configured on this machine."
    if settings.uses_sqlite and not (settings.store.data_dir / DATABASE_FILE).exists():
        return "Not kept: there is no database on this machine."
    count, missed = len(result.elements), [element.label for element in result.missed]
    try:
        return str(
            _ask(
                "coverage-store",
                site=result.site,
                elements=count,
                covered=count - len(missed),
                own=count - len(missed) - len(result.only_clicked),
                missed=missed[:MOST_NAMED],
            )
        )
    except typer.Exit:
        return "The result was not kept."


@app.command("import")
def import_history(
    kind: Annotated[str, typer.Argument(help="plausible, umami or csv")],
    file: Annotated[Path, typer.Argument(help="an export: a file, a zip or a folder", exists=True)],
    site: Annotated[str, typer.Option(help="key of the site; not needed where there is one")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="change nothing, say what would be taken")] = False,
    mapping: Annotated[list[str] | None, typer.Option("--map", help="csv: our column=theirs, repeatable")] = None,
    website: Annotated[str, typer.Option(help="umami: the website_id to read, where the export holds several")] = "",
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="the last day to take; default: the day before the site's first own"),
    ] = None,
    rejects: Annotated[Path | None, typer.Option(help="where rows that were left out are named")] = None,
) -> None:
    """Take the history of another product in; running it again adds nothing."""
    settings = _settings()
    if kind not in KINDS:
        _fail(f"{kind!r} cannot be imported; known are {', '.join(KINDS)}.", 2)
    only = settings.sites[0].key if len(settings.sites) == 1 else ""
    if not (site or only):
        _fail("Say which site the history belongs to: --site", 2)
    left_out = RejectsFile(rejects or Path(f"{file.name}.rejects.csv"))
    try:
        export = Export(kind, file, _pairs_of(mapping or []), website or None)
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("reading", total=export.size)
            found = read_export(export, settings.limits, lambda done: bar.advance(task, done))
            run = ImportRun(kind, site or only, until.date() if until else None, dry_run)
            report = asyncio.run(_import(settings, found, run, left_out))
    except WarroomError as error:
        _fail(str(error), 1)
    except OSError as error:
        _fail(f"Cut off: {error.strerror or error}. Run it again; what was taken is not taken twice.", UNAVAILABLE_EXIT)
    finally:
        left_out.close()
    print_import(report, left_out, dry=dry_run)


def _pairs_of(mapping: list[str]) -> dict[str, str]:
    for pair in mapping:
        if "=" not in pair:
            _fail(f"--map needs our column=theirs, not {pair!r}.", 2)
    return dict(pair.split("=", 1) for pair in mapping)


async def _import(settings: Settings, found: Iterator[Found], run: ImportRun, left_out: RejectsFile) -> ImportReport:
    async with _operator(settings) as ask:
        return await run_import(ask, found, run, left_out)


@app.command("check-config")
def check_config() -> None:
    """Read the configuration and name every mistake."""
    _settings()
    print("The configuration is right.")


def _settings() -> Settings:
    try:
        return load_settings(checks=SETTINGS_CHECKS)
    except ConfigurationError as error:
        _fail(str(error), CONFIGURATION_EXIT)
        raise


def _ask(command: str, write: Callable[[str], object] | None = None, /, **arguments: Any) -> Any:
    """The answer; `write` gets the pieces of a long one."""
    settings = _settings()
    try:
        return asyncio.run(_ask_process_or_store(settings, command, arguments, write))
    except WarroomError as error:
        _fail(explain(error), 1)
    except OSError as error:
        _fail(f"The store cannot be reached: {error.strerror or error}", UNAVAILABLE_EXIT)


async def _ask_process_or_store(
    settings: Settings, command: str, arguments: dict[str, Any], write: Callable[[str], object] | None
) -> Any:
    async with _operator(settings, write) as ask:
        return await ask(command, **arguments)


@asynccontextmanager
async def _operator(settings: Settings, write: Callable[[str], object] | None = None) -> AsyncIterator[Ask]:
    """Somebody to ask: the running process, or the store itself when none runs."""
    socket: Path = settings.store.data_dir / SOCKET_FILE
    if settings.uses_sqlite and await is_listening(socket):

        async def ask_process(command: str, **arguments: Any) -> Any:
            return await call_running_process(socket, command, arguments, write)

        yield ask_process
        return
    async with build_runtime(settings, process_clock()) as runtime:
        await runtime.eraser.apply_log()  # a copy may have been put back: nobody is shown who was erased

        async def ask_store(command: str, **arguments: Any) -> Any:
            return await run_command(OperatorContext(runtime), command, arguments, write)

        yield ask_store
        await runtime.meter.flush(runtime.store)  # nobody else will


def _fail(sentence: str, code: int) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, markup=False)
    raise typer.Exit(code)


def main() -> None:
    os.umask(0o077)  # a command may be the first that opens the store
    app()
