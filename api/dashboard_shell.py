"""What every room of the dashboard shows around its content: rooms, member, theme, keys, the forms' token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from api.authentication import PRINCIPAL, SESSION
from api.dashboard_address import COMPARISONS, PERIODS, View, safe_path
from api.rendering import static_address
from shared.config import Settings, SiteSettings
from shared.guard.principals import Principal
from shared.guard.roles import reaches
from shared.runtime.build import State

THEMES = ("system", "light", "dark")
THEME_COOKIE = "warroom-theme"
KEYS_COOKIE = "warroom-keys"
KEY_LIST = (
    (("g", "o"), "Overview"),
    (("g", "w"), "War Room"),
    (("g", "f"), "Feedback"),
    (("g", "h"), "Health"),
    (("g", "s"), "Settings"),
    (("d",), "Today"),
    (("w",), "Last 7 days"),
    (("f",), "Last 28 days"),
    (("m",), "This month"),
    (("y",), "Last 12 months"),
    (("←", "→"), "Earlier, later days"),
    (("x",), "Comparison on or off"),
    (("/",), "To the filter"),
    (("Esc",), "Clear filters"),
    (("j", "k"), "Next, previous item"),
    (("e",), "Close the item"),
    (("?",), "This list"),
)
PART_STATE_WORDS: Mapping[State, tuple[str, str]] = {
    "ok": ("On", "good"),
    "off": ("Off", "muted"),
    "down": ("Down", "bad"),
    "starting": ("Starting", "warn"),
}  # word and tone
SAID = {
    "seen": "Marked as seen.",
    "answered": "Marked as answered.",
    "closed": "Closed.",
    "new": "Open again.",
    "replied": "Your reply is on its way.",
    "role": "The role is changed; the member signs in again.",
    "disabled": "The member is disabled and signed out everywhere.",
    "enabled": "The member may sign in again.",
    "ended": "The session is ended.",
    "revoked": "The key is revoked.",
}


@dataclass(frozen=True)
class Room:
    name: str
    address: str
    key: str
    is_current: bool
    count: int = 0


@dataclass(frozen=True)
class Shell:
    """`back` is where a form of this page returns to; `said` is what the last form did."""

    member: Principal
    csrf: str
    theme: str
    keys: bool
    rooms: list[tuple[str, list[Room]]]
    sites: list[SiteSettings]
    back: str
    said: str
    base_url: str
    static: Callable[[str], str]
    periods: Mapping[str, str]
    comparisons: Mapping[str, str]
    key_list: tuple[tuple[tuple[str, ...], str], ...] = KEY_LIST


def make_shell(request: web.Request, settings: Settings, view: View | None = None, unread: int = 0) -> Shell:
    member = request[PRINCIPAL]
    return Shell(
        member=member,
        csrf=request[SESSION].csrf_token,
        theme=theme_of(request),
        keys=request.cookies.get(KEYS_COOKIE) != "off",
        rooms=_rooms(request.path, member, view, unread),
        sites=settings.all_sites(),
        back=safe_path(_without_said(request)),
        said=SAID.get(request.query.get("said", ""), ""),
        base_url=settings.base_url,
        static=static_address,
        periods=PERIODS,
        comparisons=COMPARISONS,
    )


def theme_of(request: web.Request) -> str:
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in THEMES else "system"


def _without_said(request: web.Request) -> str:
    query = {key: value for key, value in request.query.items() if key != "said"}
    return str(request.rel_url.with_query(query))


def _rooms(path: str, member: Principal, view: View | None, unread: int) -> list[tuple[str, list[Room]]]:
    """The rooms by group; site and period travel along."""
    query = view.link("", **dict.fromkeys(view.extra, "")) if view else ""

    def room(name: str, address: str, key: str, count: int = 0) -> Room:
        current = path.rstrip("/") == address or (address != "/app" and path.startswith(address + "/"))
        return Room(name, address + query, key, current, count)

    groups = [
        ("Now", [room("Overview", "/app", "o"), room("War Room", "/app/war-room", "w")]),
        ("Content", [room("Feedback", "/app/feedback", "f", unread)]),
    ]
    system = [room("Health", "/app/health", "h")]
    if reaches(member.role, "admin"):
        system.append(room("Settings", "/app/settings", "s"))
    return [*groups, ("System", system)]
