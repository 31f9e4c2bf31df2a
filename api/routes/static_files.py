"""The files of the dashboard and of the demo. A fixed list, no folder walk; the script has a file of its own."""

import hashlib
import mimetypes
import re
from functools import lru_cache
from pathlib import Path

from aiohttp import web

from api.routing import PUBLIC, Route
from shared.errors import NotFound

FOLDER = Path(__file__).resolve().parents[1] / "web" / "static"
MAX_AGE_SECONDS = 300


@lru_cache(maxsize=64)
def load_file(name: str) -> tuple[bytes, str, str] | None:
    """Bytes, type and ETag of a file in the folder; read once."""
    if name not in {path.name for path in FOLDER.iterdir() if path.is_file()}:
        return None
    body = (FOLDER / name).read_bytes()
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind == "application/javascript":
        kind = "text/javascript"
    return body, kind, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


async def answer_file(request: web.Request) -> web.Response:
    found = load_file(request.match_info["name"])
    if found is None:
        raise NotFound("There is no such file.")
    body, kind, tag = found
    headers = {
        "ETag": tag,
        "Cache-Control": f"public, max-age={MAX_AGE_SECONDS}",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
    }
    if tag in re.split(r"\s*,\s*", request.headers.get("If-None-Match", "").replace("W/", "")):
        return web.Response(status=304, headers=headers)
    charset = "utf-8" if kind.startswith("text/") or kind.endswith("+xml") else None
    return web.Response(body=body, content_type=kind, charset=charset, headers=headers)


ROUTES = [Route("GET", "/static/{name}", answer_file, PUBLIC)]
