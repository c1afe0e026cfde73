"""Tasks that run beside the requests, as long as the process. One that fails is a bug, and says so at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from streams import log

_log = log.get(__name__)


def start(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Runs `work`; what it raises is logged when it happens, not when somebody looks."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_report)
    return task


def failed(task: asyncio.Task[None] | None) -> bool:
    """Whether the task has ended by an error: only a restart brings it back."""
    return task is not None and task.done() and not task.cancelled() and task.exception() is not None


async def stop(task: asyncio.Task[None] | None) -> None:
    """Cancels the task and waits for its end."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _report(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.critical("background_task_failed", task=task.get_name(), exc_info=error)
