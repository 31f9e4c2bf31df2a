"""The one worker process: started on first use, one job at a time, replaced when it dies or hangs."""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from shared.worker import WorkerFailed

Result = TypeVar("Result")
JOB_SECONDS = 30.0


class ProcessWorker:
    """Runs pure module-level functions on plain data in a spawned process."""

    def __init__(self, job_seconds: float = JOB_SECONDS) -> None:
        self._job_seconds = job_seconds
        self._pool: ProcessPoolExecutor | None = None
        self._turn = asyncio.Lock()

    async def run(self, function: Callable[..., Result], *plain_data: Any) -> Result:
        async with self._turn:
            pool = self._pool or self._start()
            try:
                job = asyncio.get_running_loop().run_in_executor(pool, function, *plain_data)
                return await asyncio.wait_for(job, self._job_seconds)
            except (TimeoutError, BrokenProcessPool) as error:
                self._replace()
                raise WorkerFailed(f"{function.__name__} was given up") from error

    def _start(self) -> ProcessPoolExecutor:
        # never fork: threads of the driver and open sockets would be copied
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=context)
        return self._pool

    def _replace(self) -> None:
        if self._pool is None:
            return
        for process in list((self._pool._processes or {}).values()):
            process.kill()  # a hung job never returns by itself
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = None

    async def close(self) -> None:
        """Ends the process; a job that runs is given up."""
        pool, self._pool = self._pool, None
        if pool is not None:
            for process in list((pool._processes or {}).values()):
                process.kill()
            await asyncio.to_thread(pool.shutdown, True, cancel_futures=True)
