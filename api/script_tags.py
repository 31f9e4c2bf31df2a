"""The tags that a site's owner copies into pages, and what is known about the files behind them."""

from dataclasses import dataclass
from html import escape

from api.script_files import CORE, EXTRAS, ScriptFile, script_files
from shared.config import ScriptSettings, Settings, SiteSettings


@dataclass(frozen=True)
class SiteTags:
    """`plain` always gets the newest script; `pinned` gets exactly this one. `extras` is the second line for each."""

    site: str
    plain: str
    pinned: str
    extras: str
    pinned_extras: str


@dataclass(frozen=True)
class FileLine:
    """A built file as the settings page lists it; sizes in bytes."""

    path: str
    bytes: int
    gzip: int
    brotli: int
    integrity: str


def tags_of(site: SiteSettings, settings: Settings) -> SiteTags:
    """The tags of one site, by the configured folder, name and intake."""
    script, files = settings.script, script_files()
    attributes = {"data-site": site.key}
    if script.intake != "track":
        attributes["data-track"] = settings.base_url + script.address_of(script.intake)
    newest = settings.base_url + script.address_of(files[CORE].served_name(script))
    extras = settings.base_url + script.address_of(files[EXTRAS].served_name(script))
    return SiteTags(
        site=site.name,
        plain=_tag({"src": newest, **attributes}),
        pinned=_tag(_pinned(files[CORE], settings.base_url, script) | attributes),
        extras=_tag({"src": extras}),
        pinned_extras=_tag(_pinned(files[EXTRAS], settings.base_url, script)),
    )


def lines_of(script: ScriptSettings) -> list[FileLine]:
    """One line for each built file."""
    return [
        FileLine(file.hashed_path(script), file.bytes, file.gzip, file.brotli, file.integrity)
        for file in script_files().values()
    ]


def _pinned(file: ScriptFile, base_url: str, script: ScriptSettings) -> dict[str, str]:
    return {"src": base_url + file.hashed_path(script), "integrity": file.integrity, "crossorigin": "anonymous"}


def _tag(attributes: dict[str, str]) -> str:
    written = " ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
    return f"<script defer {written}></script>"
