"""At most so many requests at once. A request that waits for its turn ends at once when the run is stopped."""

from __future__ import annotations

import threading

from text_to_ml.errors import LLMUnreachable
from text_to_ml.llm.base import LLM, Reply, Request

POLL = 0.1


class Limited:
    """An LLM with at most ``concurrency`` requests in flight."""

    def __init__(self, inner: LLM, concurrency: int, stop: threading.Event | None = None) -> None:
        self.name = inner.name
        self._inner = inner
        self._turns = threading.BoundedSemaphore(concurrency)
        self._stop = stop

    def complete(self, request: Request) -> Reply:
        """One completion, when it is this request's turn."""
        while not self._turns.acquire(timeout=POLL):
            if self._stop is not None and self._stop.is_set():
                raise LLMUnreachable("stopped")
        try:
            return self._inner.complete(request)
        finally:
            self._turns.release()

    def close(self) -> None:
        """Close what is wrapped."""
        self._inner.close()
