"""The worker process: results come back, errors too, and a job that hangs or dies is given up."""

import os
import time
from collections.abc import AsyncIterator

import pytest

from shared.runtime.worker_process import ProcessWorker
from shared.worker import WorkerFailed


@pytest.fixture
async def worker() -> AsyncIterator[ProcessWorker]:
    made = ProcessWorker(job_seconds=20)
    yield made
    await made.close()


async def test_a_pure_function_runs_in_another_process(worker: ProcessWorker) -> None:
    assert await worker.run(os.getpid) != os.getpid()
    assert await worker.run(divmod, 7, 2) == (3, 1)


async def test_the_error_of_a_job_is_its_callers(worker: ProcessWorker) -> None:
    with pytest.raises(ZeroDivisionError):
        await worker.run(divmod, 1, 0)


async def test_a_dead_process_is_replaced(worker: ProcessWorker) -> None:
    with pytest.raises(WorkerFailed):
        await worker.run(os._exit, 3)
    assert await worker.run(divmod, 7, 2) == (3, 1)


async def test_a_job_that_hangs_is_given_up(worker: ProcessWorker) -> None:
    await worker.run(divmod, 7, 2)
    worker._job_seconds = 0.2
    with pytest.raises(WorkerFailed):
        await worker.run(time.sleep, 60)
    worker._job_seconds = 20
    assert await worker.run(divmod, 7, 2) == (3, 1)
