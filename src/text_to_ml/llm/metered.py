"""What was spent, and the hard stops: nothing is sent that could go beyond --max-cost or --max-tokens.

Before a call its input (by estimate) and its longest output are reserved, so calls of other threads cannot spend the
same money. Where the whole output does not fit, the call first waits for those in flight to settle, then its output
limit is lowered; with less than `LEAST_OUTPUT` tokens left it is not sent. What a server reports replaces the estimate
after the call; a failed call that the server may have charged counts too. An input estimate that is too low can take
the last call over the limit by the difference.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from text_to_ml.errors import LLMError, LLMUnreachable, SpendingLimit
from text_to_ml.llm.base import LLM, Reply, Request
from text_to_ml.llm.prices import Prices
from text_to_ml.llm.tokens import count_tokens, request_tokens

LEAST_OUTPUT = 256
POLL = 0.1


@dataclass(frozen=True)
class Spent:
    """An account at one moment. ``cost_usd`` is None where the price is not known; estimated: some of it is."""

    calls: int
    cached_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    estimated: bool


class Meter:
    """The account of one run. Numbers are of this process; ``before`` is what the run had spent already."""

    def __init__(
        self,
        prices: Prices | None = None,
        max_cost: float | None = None,
        max_tokens: int | None = None,
        before: tuple[int, float] = (0, 0.0),
    ) -> None:
        self.before = before
        self.calls = self.cached_calls = self.input_tokens = self.output_tokens = 0
        self.estimated = False
        self._prices = prices
        self._max_cost = max_cost
        self._max_tokens = max_tokens
        self._dollars = 0.0
        self._priced = prices is not None and prices.known
        self._reserved: list[tuple[int, float]] = []
        self._change = threading.Condition()

    @property
    def cost_usd(self) -> float | None:
        """Dollars spent in this process; None where the model's price is not known."""
        return self._dollars if self._priced else None

    @property
    def total_tokens(self) -> int:
        """Tokens of the whole run, with those of before."""
        return self.before[0] + self.input_tokens + self.output_tokens

    @property
    def total_cost_usd(self) -> float | None:
        """Dollars of the whole run, with those of before; None where the price is not known."""
        return self.before[1] + self._dollars if self._priced else None

    def spent(self) -> Spent:
        """The account now."""
        with self._change:
            return Spent(
                self.calls, self.cached_calls, self.input_tokens, self.output_tokens, self.cost_usd, self.estimated
            )

    def saw_cached(self) -> None:
        """Count a reply that cost nothing."""
        with self._change:
            self.cached_calls += 1

    def reserve(self, request: Request, stop: threading.Event | None = None) -> tuple[Request, tuple[int, float]]:
        """The request with an output limit that fits, and what was reserved for it; SpendingLimit where none fits."""
        tokens_in = request_tokens(request)
        with self._change:
            while True:
                room = self._room(tokens_in)
                wanted = request.max_output_tokens
                if room < wanted and self._reserved:
                    self._change.wait(POLL)
                    if stop is not None and stop.is_set():
                        raise LLMUnreachable("stopped")
                    continue
                if room < min(LEAST_OUTPUT, wanted):
                    raise SpendingLimit(self._message(request.purpose))
                allowed = min(room, wanted)
                held = (tokens_in + allowed, self._price(tokens_in, allowed))
                self._reserved.append(held)
                return (request if allowed == wanted else replace(request, max_output_tokens=allowed)), held

    def settle(
        self, held: tuple[int, float], used: tuple[int, int] | None, cost: float | None, *, estimated: bool
    ) -> float | None:
        """Replace a reservation by what was used (None: nothing was). Gives the call's dollars."""
        with self._change:
            self._reserved.remove(held)
            self._change.notify_all()
            if used is None:
                return None
            if cost is None and self._priced:
                cost = self._price(*used)
            self.calls += 1
            self.input_tokens += used[0]
            self.output_tokens += used[1]
            self._dollars += cost or 0.0
            self.estimated = self.estimated or estimated
            return cost

    def _room(self, tokens_in: int) -> int:
        """Output tokens that fit beside what is spent and reserved."""
        room = 10**9
        if self._max_tokens is not None:
            reserved = sum(tokens for tokens, _ in self._reserved)
            room = self._max_tokens - self.total_tokens - reserved - tokens_in
        if self._max_cost is not None:
            left = self._max_cost - self.before[1] - self._dollars - sum(cost for _, cost in self._reserved)
            base = self._price(tokens_in, 0)
            each = (self._price(tokens_in, 1000) - base) / 1000
            if left <= base:
                return min(room, 0) if left < base or each > 0 else room
            room = min(room, int((left - base) / each) if each > 0 else room)
        return room

    def _price(self, tokens_in: int, tokens_out: int) -> float:
        cost = self._prices.cost(tokens_in, tokens_out) if self._prices is not None else None
        return cost or 0.0

    def _message(self, purpose: str) -> str:
        parts = []
        if self._max_cost is not None:
            parts.append(f"--max-cost {self._max_cost:g}: ${self.before[1] + self._dollars:.4f} are spent")
        if self._max_tokens is not None:
            parts.append(f"--max-tokens {self._max_tokens}: {self.total_tokens} tokens are used")
        return f"{'; '.join(parts)}; too little is left for {purpose!r}, which was not sent. Raise the limit to go on."


class Metered:
    """An LLM whose calls are counted and bounded by a meter."""

    def __init__(self, inner: LLM, meter: Meter, stop: threading.Event | None = None) -> None:
        self.name = inner.name
        self.meter = meter
        self._inner = inner
        self._stop = stop

    def complete(self, request: Request) -> Reply:
        """One completion within what is left."""
        fitted, held = self.meter.reserve(request, self._stop)
        used: tuple[int, int] | None = None
        cost: float | None = None
        estimated = False
        try:
            reply = self._inner.complete(fitted)
        except LLMError as error:
            if error.charged is not None:
                said_in, said_out = error.charged
                estimated = said_in is None
                used = (request_tokens(fitted) if said_in is None else said_in, said_out or 0)
            raise
        else:
            usage = reply.usage
            estimated = usage.input_tokens is None or usage.output_tokens is None
            tokens_in = request_tokens(fitted) if usage.input_tokens is None else usage.input_tokens
            used = (tokens_in, count_tokens(reply.text) if usage.output_tokens is None else usage.output_tokens)
            cost = reply.cost_usd
        finally:
            cost = self.meter.settle(held, used, cost, estimated=estimated)
        return replace(reply, cost_usd=cost)

    def close(self) -> None:
        """Close what is wrapped."""
        self._inner.close()
