"""One event loop in a thread of its own, so that several threads share one asynchronous client and its connections.

A waiting thread polls, so that a stop set by anyone ends the wait at once. Ends without warnings: tasks are cancelled,
the client is closed on its own loop, then the loop. Does not retry, and does not know what it runs.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from text_to_ml.errors import LLMUnreachable

T = TypeVar("T")
POLL = 0.05
PATIENCE = 3.0


class Loop:
    """A background event loop. ``at_end`` runs on it when it is closed (give back the client's connections)."""

    def __init__(self, at_end: Callable[[], Awaitable[object]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._at_end = at_end
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._loop.run_forever, name="text-to-ml llm", daemon=True)
        self._thread.start()
        _close_at_exit(self)

    def run(self, work: Coroutine[Any, Any, T], stop: threading.Event | None = None) -> T:
        """The result of ``work``; its exception is raised here. LLMUnreachable when stopped or closed meanwhile."""
        with self._lock:
            if self._closed:
                work.close()
                raise LLMUnreachable("stopped: the connection to the language model is closed")
            future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        while True:
            try:
                return future.result(timeout=POLL)
            except FutureTimeoutError:
                if future.done():
                    raise
                if stop is not None and stop.is_set():
                    future.cancel()
                    raise LLMUnreachable("stopped", charged=(None, None)) from None
            except CancelledError:
                raise LLMUnreachable("stopped: the connection to the language model is closed") from None
            except BaseException:
                future.cancel()
                raise

    def close(self) -> None:
        """Cancel what runs, close the client, end the thread. Safe to call twice, and with requests in flight."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._thread.is_alive():
            with contextlib.suppress(FutureTimeoutError, CancelledError, RuntimeError):
                asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(timeout=PATIENCE)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)
        if not self._thread.is_alive():
            self._loop.close()

    async def _end(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE / 2)
        with contextlib.suppress(Exception):
            await self._at_end()
        await asyncio.get_running_loop().shutdown_asyncgens()


def _close_at_exit(loop: Loop) -> None:
    """Close a loop that nobody closed before the interpreter ends; does not keep it alive."""
    reference = weakref.ref(loop)

    def close() -> None:
        still = reference()
        if still is not None:
            still.close()

    atexit.register(close)
    weakref.finalize(loop, atexit.unregister, close)
