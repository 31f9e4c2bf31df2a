"""The docs-site script and what it talks to: at the root, and under the folder that the settings name."""

import re

from aiohttp import web

from api.routes.feedback import take_feedback
from api.routes.prompts import dismiss_question, next_question
from api.routes.track import take_events
from api.routing import INTAKE, PUBLIC, RUNTIME, Route
from api.script_files import BUILT, ScriptFile, find_script_file, script_files
from shared.config import ScriptSettings
from shared.errors import NotFound

FOR_EVER = "public, max-age=31536000, immutable"
ONE_DAY = "public, max-age=86400"
ENCODINGS = ("br", "gzip")  # the smaller first


async def answer_at_root(request: web.Request) -> web.Response:
    return _answer(request, script_files()[request.path.removeprefix("/")], ONE_DAY)


async def answer_in_folder(request: web.Request) -> web.Response:
    found = find_script_file(request.match_info["file"], request.app[RUNTIME].settings.script)
    if found is None:
        raise NotFound("There is no such file.")
    file, is_this_version = found
    return _answer(request, file, FOR_EVER if is_this_version else ONE_DAY)


def _answer(request: web.Request, file: ScriptFile, cache_control: str) -> web.Response:
    encoding = choose_encoding(request.headers.get("Accept-Encoding", ""))
    tag = f'"{file.hash}-{encoding}"'
    headers = {
        "ETag": tag,
        "Cache-Control": cache_control,
        "Vary": "Accept-Encoding",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
        "Timing-Allow-Origin": "*",
    }
    if tag in re.split(r"\s*,\s*", request.headers.get("If-None-Match", "").replace("W/", "")):
        return web.Response(status=304, headers=headers)
    if encoding != "identity":
        headers["Content-Encoding"] = encoding
    return web.Response(body=file.bodies[encoding], content_type=file.content_type, charset="utf-8", headers=headers)


def choose_encoding(accepted: str) -> str:
    """The smallest encoding that the `Accept-Encoding` header takes; what is not named is not taken."""
    taken = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        taken[name.strip()] = not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return next((name for name in ENCODINGS if taken.get(name, False)), "identity")


ROUTES = [Route("GET", f"/{name}", answer_at_root, PUBLIC) for name in BUILT]


def routes_in_folder(script: ScriptSettings) -> list[Route]:
    """What docs pages need, under the folder that docs hosts pass on unchanged."""
    return [
        Route("POST", script.address_of(script.intake), take_events, INTAKE),
        Route("POST", script.address_of("feedback"), take_feedback, INTAKE),
        Route("GET", script.address_of("prompts/next"), next_question, INTAKE),
        Route("POST", script.address_of("prompts/{id}/dismiss"), dismiss_question, INTAKE),
        Route("GET", script.address_of("{file}"), answer_in_folder, PUBLIC),
    ]
