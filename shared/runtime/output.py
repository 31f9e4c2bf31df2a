"""Where the process speaks: what cannot be written there is lost, and the work goes on.

The volume of the log may be full, or whoever read it gone. Neither is a reason to take no events.
"""

import io
import sys
from contextlib import suppress
from typing import Any, TextIO


class _LossyFile(io.FileIO):
    def write(self, data: Any) -> int:
        with suppress(OSError):
            return super().write(data) or len(data)
        return len(data)


def speak_regardless() -> None:
    """Replaces the two streams of the process by ones whose writes never fail."""
    sys.stdout, sys.stderr = _regardless(sys.stdout), _regardless(sys.stderr)


def _regardless(stream: TextIO) -> TextIO:
    with suppress(OSError):
        stream.flush()
    file = io.BufferedWriter(_LossyFile(stream.fileno(), "wb", closefd=False))
    return io.TextIOWrapper(file, stream.encoding, stream.errors, line_buffering=True)
