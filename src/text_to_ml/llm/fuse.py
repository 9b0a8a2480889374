"""Fuse: after an error that waiting does not mend, nothing more is asked in this run, so that it goes on without delay.

A server that stayed away through all retries, a refused key, a used-up quota, a spending limit: each candidate would meet the same
again. A resumed run starts with a new fuse.
"""

from __future__ import annotations

import threading

from text_to_ml.errors import LLMError, LLMQuotaExceeded, LLMRejected, LLMUnreachable, SpendingLimit
from text_to_ml.llm.base import LLM, Reply, Request

FINAL = (LLMUnreachable, LLMRejected, LLMQuotaExceeded, SpendingLimit)


class Fuse:
    """An LLM that repeats the first final error. ``stop``: what happens once it is set blows no fuse."""

    def __init__(self, inner: LLM, stop: threading.Event) -> None:
        self.name = inner.name
        self.blown: LLMError | None = None
        self._inner = inner
        self._stop = stop

    def complete(self, request: Request) -> Reply:
        """One completion; raises at once what was final before."""
        if self.blown is not None:
            raise type(self.blown)(str(self.blown))
        try:
            return self._inner.complete(request)
        except FINAL as error:
            if not self._stop.is_set():
                self.blown = error
            raise

    def close(self) -> None:
        """Close what is wrapped."""
        self._inner.close()
