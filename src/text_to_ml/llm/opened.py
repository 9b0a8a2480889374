"""Open a language model as the options say: the provider, and around it what every run needs.

The order of the wrappers and the reasons for it stand in `text_to_ml.llm`. Client libraries are imported here, when a
model is opened, not before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from text_to_ml.llm.base import LLM, Reply, Request
from text_to_ml.llm.limited import Limited
from text_to_ml.llm.metered import Meter, Metered
from text_to_ml.llm.options import REPLAY, LLMOptions, check_options, route, split_model
from text_to_ml.llm.prices import Prices
from text_to_ml.llm.retrying import OnWait, Patience, Retrying

OnReply = Callable[[Request, Reply], None]


class OpenLLM:
    """A language model that is ready for use: an LLM with a ``meter``. A context manager."""

    def __init__(self, inner: LLM, meter: Meter, on_reply: OnReply | None = None) -> None:
        self.name = inner.name
        self.meter = meter
        self._inner = inner
        self._on_reply = on_reply

    def complete(self, request: Request) -> Reply:
        """One completion; see `text_to_ml.llm.base.LLM`."""
        reply = self._inner.complete(request)
        if reply.cached:
            self.meter.saw_cached()
        if self._on_reply is not None:
            self._on_reply(request, reply)
        return reply

    def close(self) -> None:
        """Give back connections and files. Requests in flight end with `LLMUnreachable`."""
        self._inner.close()

    def __enter__(self) -> OpenLLM:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_llm(
    options: LLMOptions,
    *,
    on_wait: OnWait | None = None,
    on_reply: OnReply | None = None,
    stop: threading.Event | None = None,
    patience: Patience | None = None,
    provider: LLM | None = None,
) -> OpenLLM:
    """Open the language model of these options; OptionError where they cannot work (see `check_options`).

    on_wait   told (purpose, seconds, reason) before every wait of the retry layer, in the calling thread
    on_reply  told (request, reply) after every finished call, in the calling thread
    stop      ends waits and requests in flight at once, with `LLMUnreachable("stopped")`
    patience  how the retry layer waits, where the options' ``retries`` do not say enough
    provider  a language model to use in place of the options' own, with everything around it (for tests)
    """
    prices: Prices | None = None
    if provider is None:
        check_options(options)
    kind, name = split_model(options.model)
    inner: LLM
    if kind == REPLAY and provider is None:
        from text_to_ml.llm.recorded import Replayed

        inner = Replayed(Path(name))
        meter = Meter(before=options.spent)
    else:
        prices = Prices.of(options) if provider is None or options.price is not None else None
        meter = Meter(prices, options.max_cost, options.max_tokens, options.spent)
        address = options.base_url if provider is not None else route(options).base_url
        inner = around(provider or reach(options, prices, stop), options, meter, address, on_wait, stop, patience)
    if options.record is not None:
        from text_to_ml.llm.recorded import Recorded

        inner = Recorded(inner, Path(options.record))
    return OpenLLM(inner, meter, on_reply)


def reach(options: LLMOptions, prices: Prices | None, stop: threading.Event | None) -> LLM:
    """The provider itself."""
    from text_to_ml.llm.adapter import Adapter

    return Adapter(route(options), options.timeout, prices, stop)


def around(
    inner: LLM,
    options: LLMOptions,
    meter: Meter,
    address: str | None,
    on_wait: OnWait | None,
    stop: threading.Event | None,
    patience: Patience | None,
) -> LLM:
    """A provider with meter, limit, retries and cache around it."""
    limited = Limited(Metered(inner, meter, stop), options.concurrency, stop)
    retrying = Retrying(limited, patience or Patience(retries=options.retries), on_wait, stop)
    if not options.cache:
        return retrying
    from text_to_ml.llm.cached import Cached

    return Cached(retrying, address)
