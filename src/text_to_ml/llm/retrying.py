"""The one place where a request is tried again: faults that may pass, with waits that are seen and can be stopped.

`Retry-After` is honoured; else waits double, with jitter. Few tries where more are no use: a time-out and an unusable
reply twice (each has cost its time or money already), a server that never answered twice. Refused requests, refused
keys and used-up quotas are final.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from text_to_ml.errors import LLMError, LLMReplyError, LLMUnreachable
from text_to_ml.llm.base import LLM, Reply, Request

OnWait = Callable[[str, float, str], None]


@dataclass(frozen=True)
class Patience:
    """How long to try: ``retries`` after the first try, waits from ``first`` to ``longest`` s, ``total`` s in all.

    few: retries for faults where more are no use.
    """

    retries: int = 6
    first: float = 1.0
    longest: float = 60.0
    total: float = 600.0
    few: int = 2


class Retrying:
    """An LLM that tries again. ``on_wait(purpose, seconds, reason)`` is told before every wait."""

    def __init__(
        self,
        inner: LLM,
        patience: Patience | None = None,
        on_wait: OnWait | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.name = inner.name
        self._inner = inner
        self._patience = patience or Patience()
        self._on_wait = on_wait
        self._stop = stop or threading.Event()
        self._reached = False

    def complete(self, request: Request) -> Reply:
        """One completion, after as many tries as it takes."""
        waited = 0.0
        tries = 0
        while True:
            if self._stop.is_set():
                raise LLMUnreachable("stopped")
            try:
                reply = self._inner.complete(request)
            except LLMError as error:
                self._reached = self._reached or error.status is not None or isinstance(error, LLMReplyError)
                tries += 1
                seconds = self._wait(error, tries)
                last = gave_up(error, tries, waited, seconds, self._patience)
                if not error.transient:
                    raise
                if tries > self._allowed(error) or waited + seconds > self._patience.total:
                    raise last from None
                if self._on_wait is not None:
                    self._on_wait(request.purpose, seconds, str(error))
            else:
                self._reached = True
                return reply
            waited += seconds
            if self._stop.wait(seconds):
                raise LLMUnreachable("stopped")

    def close(self) -> None:
        """Close what is wrapped."""
        self._inner.close()

    def _allowed(self, error: LLMError) -> int:
        dear = isinstance(error, LLMReplyError) or (error.charged is not None and error.status is None)
        unproven = not self._reached and error.status is None
        return min(self._patience.retries, self._patience.few) if dear or unproven else self._patience.retries

    def _wait(self, error: LLMError, tries: int) -> float:
        if error.retry_after is not None:
            return max(0.0, error.retry_after)
        doubled = min(self._patience.longest, self._patience.first * 2.0 ** (tries - 1))
        return doubled * random.uniform(0.5, 1.0)


def gave_up(error: LLMError, tries: int, waited: float, seconds: float, patience: Patience) -> LLMError:
    """The error after all tries: the last one, with what was done about it."""
    text = str(error).rstrip(".")
    if waited + seconds > patience.total:
        text += f". The server asks to wait {seconds:.0f} s; at most {patience.total:.0f} s are waited in all"
    elif tries > 1:
        text += f" ({tries} tries, {waited:.0f} s waited)"
    return type(error)(
        text + ".", transient=True, retry_after=error.retry_after, status=error.status, charged=error.charged
    )
