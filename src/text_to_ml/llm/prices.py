"""What a call costs: the user's own price, else the table of genai-prices, else unknown (never 0).

A server given by --base-url has no known price unless genai-prices knows its address. Prices of long contexts and of
cached input are applied where the table has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from text_to_ml.llm.options import LLMOptions, Route, route

MILLION = 1_000_000


@dataclass(frozen=True)
class Prices:
    """Prices of one model. ``given`` is dollars per million tokens, in and out; ``where`` is None for a replay."""

    given: tuple[float, float] | None
    where: Route | None

    @classmethod
    def of(cls, options: LLMOptions) -> Prices:
        """The prices that hold for these options."""
        return cls(options.price, None if options.price is not None else route(options))

    @property
    def known(self) -> bool:
        """Whether a call's cost can be told."""
        return self.cost(1000, 1000) is not None

    def cost(self, input_tokens: int, output_tokens: int) -> float | None:
        """Dollars for so many tokens; None where the price is not known."""
        if self.given is not None:
            return (input_tokens * self.given[0] + output_tokens * self.given[1]) / MILLION
        from genai_prices import Usage

        return self.table(Usage(input_tokens=input_tokens, output_tokens=output_tokens))

    def of_usage(self, usage: Any, input_tokens: int, output_tokens: int) -> float | None:
        """Dollars for a client library's usage, which may tell cached input apart."""
        if self.given is not None:
            return self.cost(input_tokens, output_tokens)
        found = self.table(usage)
        return self.cost(input_tokens, output_tokens) if found is None else found

    def table(self, usage: Any) -> float | None:
        """Dollars by genai-prices; None where it does not know the model."""
        from genai_prices import calc_price

        where = self.where
        if where is None:
            return None
        try:
            if where.compatible:
                return float(calc_price(usage, where.name, provider_api_url=where.base_url).total_price)
            if where.provider.price_id is None:
                return None
            return float(calc_price(usage, where.name, provider_id=where.provider.price_id).total_price)
        except (LookupError, ValueError):
            return None
