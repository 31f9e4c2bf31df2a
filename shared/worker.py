"""Where heavy work goes: a protocol, so that nobody below `runtime` knows about processes."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


class Worker(Protocol):
    """Runs one pure module-level function at a time on plain data, off the event loop."""

    async def run(self, function: Callable[..., Result], *plain_data: Any) -> Result:
        """The function's result; raises `WorkerFailed` when it took too long or its process died."""
        ...


class WorkerFailed(Exception):
    """The job was given up: it ran over its time or its process ended."""
