"""Random search: the writer's portfolio first, then configurations drawn uniformly, all at full budget (paper: Appendix C.3)."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

from text_to_ml.program import SearchSpace
from text_to_ml.search.space import Place, sample
from text_to_ml.search.strategies import Observation, Proposal, Settings, portfolio


class RandomSearch:
    """The random member of the family. Trial n depends on the seed and n alone."""

    name = "random"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def ask(
        self, number: int, space: SearchSpace, history: Sequence[Observation], dropped: Collection[Place] = ()
    ) -> Proposal | None:
        """The ``number``-th configuration."""
        first = portfolio(number, space)
        return first or Proposal(sample(space, random.Random(f"{self.settings.seed}:{number}"), dropped))
