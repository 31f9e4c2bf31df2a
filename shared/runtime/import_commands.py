"""The operator commands behind `warroom import`: up to which day, rows of events, counters of days, and its end."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from shared.config import SiteSettings
from shared.errors import FieldProblem, InvalidInput
from shared.ingest.imports import Import, ImportIntake
from shared.runtime.build import Runtime


async def find_import_span(runtime: Runtime, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The last day that can be imported without counting twice, and the first day with events of its own."""
    span = await _intake(runtime).find_span(_site_of(runtime, arguments))
    return {"until": str(span.until), "first_own_day": str(span.first_own_day) if span.first_own_day else None}


async def import_events(runtime: Runtime, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What became of rows of events; with `dry` what would."""
    of = _import_of(runtime, arguments)
    if not of.dry:
        of = replace(of, salt=await runtime.hasher.import_salt(_name_of(of)))
    return (await _intake(runtime).take_events(of, arguments["rows"])).as_data()


async def import_days(runtime: Runtime, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What became of counters of days; with `dry` what would."""
    return (await _intake(runtime).take_days(_import_of(runtime, arguments), arguments["rows"])).as_data()


async def end_import(runtime: Runtime, arguments: Mapping[str, Any]) -> None:
    """All rows were taken: nobody can be found in them by their id from here on."""
    await runtime.hasher.end_import(_name_of(_import_of(runtime, arguments)))


def _name_of(of: Import) -> str:
    """Stands for the import where salts are kept; no site is called like this."""
    return f"import {of.source} {of.site.key}"


def _intake(runtime: Runtime) -> ImportIntake:
    return ImportIntake(runtime.settings, runtime.clock, runtime.store, runtime.meter, runtime.instance_key)


def _import_of(runtime: Runtime, arguments: Mapping[str, Any]) -> Import:
    return Import(
        site=_site_of(runtime, arguments),
        source=str(arguments["source"]),
        until=date.fromisoformat(str(arguments["until"])),
        dry=bool(arguments["dry"]),
    )


def _site_of(runtime: Runtime, arguments: Mapping[str, Any]) -> SiteSettings:
    site = runtime.settings.site(str(arguments["site"]))
    if site is None:
        raise InvalidInput(
            f"There is no site {arguments['site']!r}.", [FieldProblem("site", "not in the configuration")]
        )
    return site
