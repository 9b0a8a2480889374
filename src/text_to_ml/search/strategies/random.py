"""Random search: the writer's portfolio first, then configurations drawn uniformly (paper: Appendix C.3).

Trial n depends on the seed and n alone, so parallel and interrupted runs ask the same trials.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from text_to_ml.program import SearchSpace, Stage
from text_to_ml.search.space import sample
from text_to_ml.search.strategies import Observation, Proposal


class RandomSearch:
    """The random member of the family."""

    name = "random"

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def ask(self, number: int, space: SearchSpace, history: Sequence[Observation]) -> Proposal:
        """The ``number``-th configuration."""
        if number < len(space.portfolio):
            configuration = space.portfolio[number]
            reserve = {c.name for c in space.stage(Stage.MODELING) if c.reserve}
            baseline = configuration.choices[Stage.MODELING].candidate in reserve
            return Proposal(configuration, origin="baseline" if baseline else "portfolio")
        return Proposal(sample(space, random.Random(f"{self.seed}:{number}")))
