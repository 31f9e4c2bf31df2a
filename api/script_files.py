"""The built files that docs pages load: their bytes in three encodings, their addresses and hashes.

Those of earlier versions lie in static/earlier, put there by the build: a tag that is pinned to one goes on working.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from shared.config import ScriptSettings

FOLDER = Path(__file__).resolve().parent / "web" / "static"
EARLIER = FOLDER / "earlier"
CORE, LITE, EXTRAS = "warroom.js", "warroom-lite.js", "warroom-extras.js"
BUILT = (CORE, LITE, EXTRAS, "widget.js", "widget.css")
TYPES = {".js": "text/javascript", ".css": "text/css"}
HASH_CHARACTERS = 10


@dataclass(frozen=True)
class ScriptFile:
    """One built file. `integrity` is what a tag with `integrity=…` says; sizes are in bytes."""

    name: str
    content_type: str
    bodies: dict[str, bytes]  # by encoding: identity, gzip, br
    integrity: str
    hash: str

    @property
    def bytes(self) -> int:
        return len(self.bodies["identity"])

    @property
    def gzip(self) -> int:
        return len(self.bodies["gzip"])

    @property
    def brotli(self) -> int:
        return len(self.bodies["br"])

    def served_name(self, script: ScriptSettings) -> str:
        """Its name under the configured folder: `warroom` becomes what the settings say."""
        return self.name.replace("warroom", script.name, 1)

    def hashed_path(self, script: ScriptSettings) -> str:
        """The address that may be kept for ever."""
        stem, _, kind = self.served_name(script).rpartition(".")
        return script.address_of(f"{stem}.{self.hash}.{kind}")


@lru_cache(maxsize=1)
def script_files() -> dict[str, ScriptFile]:
    """Every built file by its own name; read once."""
    return {name: _read(FOLDER / name, name) for name in BUILT}


@lru_cache(maxsize=1)
def earlier_files() -> dict[tuple[str, str], ScriptFile]:
    """The files of earlier versions by name and hash; read once."""
    return read_earlier(EARLIER)


def read_earlier(folder: Path) -> dict[tuple[str, str], ScriptFile]:
    """What lies there under names like `warroom.1a2b3c4d5e.js`."""
    files = [_read(path, f"{path.name.split('.')[0]}.js") for path in sorted(folder.glob("*.*.js"))]
    return {(file.name, file.hash): file for file in files}


def find_script_file(
    served: str, script: ScriptSettings, earlier: Mapping[tuple[str, str], ScriptFile] | None = None
) -> tuple[ScriptFile, bool] | None:
    """The file of that name under the configured folder, and whether the name holds the hash of its content.

    A hash that no version had finds today's file, too: a page that asks without `integrity` is served all the same.
    """
    known = earlier_files() if earlier is None else earlier
    for file in script_files().values():
        stem, _, kind = file.served_name(script).rpartition(".")
        if served == f"{stem}.{kind}":
            return file, False
        middle = served.removeprefix(f"{stem}.").removesuffix(f".{kind}")
        if served == f"{stem}.{middle}.{kind}" and len(middle) == HASH_CHARACTERS and middle.isalnum():
            found = known.get((file.name, middle), file)
            return found, middle == found.hash
    return None


def _read(path: Path, name: str) -> ScriptFile:
    body = path.read_bytes()
    bodies = {
        "identity": body,
        "gzip": path.with_name(f"{path.name}.gz").read_bytes(),
        "br": path.with_name(f"{path.name}.br").read_bytes(),
    }
    return ScriptFile(
        name=name,
        content_type=TYPES[Path(name).suffix],
        bodies=bodies,
        integrity=f"sha384-{base64.b64encode(hashlib.sha384(body).digest()).decode()}",
        hash=hashlib.sha256(body).hexdigest()[:HASH_CHARACTERS],
    )
