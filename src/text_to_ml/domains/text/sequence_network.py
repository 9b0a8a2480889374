"""Networks of sequence-to-sequence: what their rules are run on, and the rules that no other network has. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback. Messages never quote a text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from text_to_ml.domains.base import NETWORK
from text_to_ml.domains.shared.network_case import NetworkCase
from text_to_ml.domains.shared.network_rules import check_batches, fitted, of_many_lengths, with_texts
from text_to_ml.domains.shared.synthetic import rows_at
from text_to_ml.domains.text.checks import likeness
from text_to_ml.domains.text.sequence_rules import SEQUENCE
from text_to_ml.runtime.rules import Rule, rule

if TYPE_CHECKING:
    from torch import Tensor, nn

RULES: list[Rule] = []
FEW = 6
"""Rows for which texts are written at every setting."""
RATES = (1e-3, 3e-3, 1e-2)
REPEATED = 40


@dataclass
class SequenceNetworkCase(NetworkCase):
    """A network that writes texts. Outputs are those for one text, the same for all rows, so that they can be compared."""

    @property
    def kind(self) -> str:
        """As the runtime names it."""
        return "sequence"

    @property
    def n_outputs(self) -> int:
        """One text."""
        return 1

    @property
    def targets(self) -> np.ndarray:
        """Texts."""
        return self.y

    @property
    def texts(self) -> np.ndarray:
        """Targets that are texts."""
        return self.y

    def raw_shape(self, rows: int) -> tuple[int | None, ...]:
        """A score for each token of the vocabulary at each place of the text."""
        return rows, self.labels(self.network, self.y[:1]).shape[1], None

    def labels(self, network: nn.Module, texts: Any) -> Tensor:
        """Tokens of texts."""
        from text_to_ml.runtime.network import labels_of

        return labels_of(network, texts)

    def inputs(self, X: Any, network: nn.Module | None = None) -> Any:
        """What the network is called with for these rows, and a text."""
        chosen = self.network if network is None else network
        return {**super().inputs(X, chosen), "labels": self.labels(chosen, np.repeat(self.y[:1], len(X)))}

    def loss(self, network: nn.Module, rows: Any) -> Tensor:
        """The loss of training on some rows."""
        from text_to_ml.runtime.training import Lesson, Training

        targets = self.labels(network, self.y[rows])
        inputs = {**super().inputs(rows_at(self.X, rows), network), "labels": targets}
        return Lesson(network, self.kind, Training(), 0, 1).loss((inputs, targets))

    def written(self, X: Any) -> list[str]:
        """What the network writes for these rows."""
        import torch

        from text_to_ml.runtime.training import quiet

        with torch.no_grad(), quiet():
            found = self.network.eval().generate(**super().inputs(X))  # type: ignore[operator,unused-ignore]
        assert isinstance(found, list) and all(isinstance(text, str) for text in found), (
            f"generate must give a list of str, got {type(found).__name__}"
        )
        assert len(found) == len(X), f"generate must give one text for each row, got {len(found)} for {len(X)} rows"
        return found


def network_case(*given: Any) -> NetworkCase:
    """The case of a network (see `text_to_ml.domains.shared.verification.Kit`); its fourth value is the features."""
    return (SequenceNetworkCase if given[3].sequence else NetworkCase)(*given)


@rule(NETWORK, RULES, synthetic=True, kinds=SEQUENCE)
def encode_targets_gives_labels(c: SequenceNetworkCase) -> None:
    """Sequence to sequence: `encode_targets(texts)` takes an array of str and gives the tokens to be written, int64 of shape (rows,
    length): each text with a token for its end, then -100; at most `max_target_length`, an int attribute of the network. Other texts get
    other tokens; an empty text has the token of its end."""
    import torch

    limit: Any = getattr(c.network, "max_target_length", None)
    assert isinstance(limit, int) and not isinstance(limit, bool), (
        "the network needs an int attribute max_target_length"
    )
    long = np.array(["river stone music " * (2 * limit), "", str(c.y[0])])
    for texts, what in ((c.y, "usual texts"), (long, "a very long and an empty text")):
        labels = c.labels(c.network, texts)
        assert isinstance(labels, torch.Tensor) and labels.dtype == torch.int64 and labels.dim() == 2, (
            f"{what}: encode_targets must give an int64 tensor of two dimensions"
        )
        assert len(labels) == len(texts), f"{what}: encode_targets gives {len(labels)} rows for {len(texts)} texts"
        assert labels.shape[1] <= limit, f"{what}: {labels.shape[1]} tokens, max_target_length is {limit}: truncate"
        there = labels != -100
        assert bool(((labels >= 0) | ~there).all()), f"{what}: tokens must not be negative, but for -100 behind the end"
        assert bool(there[:, 0].all()), f"{what}: a row has no token at all; an empty text has the token of its end"
        assert bool((there[:, 1:] <= there[:, :-1]).all()), f"{what}: -100 must stand behind the tokens only"
    first = c.labels(c.network, np.array([str(c.y[0]), *map(str, c.y[1:8])]))
    assert not all(torch.equal(first[0], other) for other in first[1:]), "eight other texts all get the same tokens"


@rule(NETWORK, RULES, every_setting=True, synthetic=True, kinds=SEQUENCE)
def network_gives_scores_of_tokens(c: SequenceNetworkCase) -> None:
    """Sequence to sequence: `forward(**tensors, labels=…)` gives finite floats of shape (rows, length of labels, tokens of the
    vocabulary), the scores of what stands at each place of labels, for any number of rows, 1 too; in training mode for 2 and more."""
    check_batches(c)
    most, tokens = int(c.labels(c.network, c.y).max()), c.outputs(rows_at(c.X_new, slice(0, 1))).shape[2]
    assert most < tokens, f"encode_targets gives the token {most}, but forward scores {tokens} tokens only"


@rule(NETWORK, RULES, synthetic=True, kinds=SEQUENCE)
def scores_do_not_see_ahead(c: SequenceNetworkCase) -> None:
    """Sequence to sequence: the scores at a place depend on the source and on the tokens before that place, not on the token that stands
    there or behind it: labels are shifted by one place before they are read."""
    import torch

    from text_to_ml.runtime.training import call

    inputs = c.inputs(rows_at(c.X_new, slice(0, 2)))
    labels = inputs["labels"]
    assert labels.shape[1] > 1, "a text of several words has one token only"
    place = int((labels[0] != -100).sum()) // 2
    changed = labels.clone()
    others = c.labels(c.network, c.y)
    tokens = others[others >= 0].unique()
    changed[:, place] = tokens[tokens != labels[0, place]][0]
    with torch.no_grad():
        before, after = (call(c.network.eval(), {**inputs, "labels": given}) for given in (labels, changed))
    gap = (before - after).abs().amax(dim=(0, 2))
    size = 1 + float(before.abs().max())
    assert float(gap[: place + 1].max()) <= 1e-4 * size, (
        "scores change with the token that they are to foretell; shift labels by one place, and mask what comes later"
    )
    assert place + 1 >= len(gap) or float(gap[place + 1 :].max()) > 0, (
        "scores do not depend on the tokens before their place"
    )


@rule(NETWORK, RULES, every_setting=True, synthetic=True, kinds=SEQUENCE)
def generate_gives_texts(c: SequenceNetworkCase) -> None:
    """Sequence to sequence: `generate(**tensors)` takes what `encode` gives and writes one text for each row, a list of str without
    special tokens; the same rows give the same texts, and a row's text does not depend on the other rows."""
    X = rows_at(of_many_lengths(c), slice(0, FEW))
    texts = c.written(X)
    assert texts == c.written(X), "the same rows twice give other texts: sampling must not be used"
    alone = [c.written(rows_at(X, [i]))[0] for i in range(FEW)]
    differ = sum(a != b for a, b in zip(texts, alone, strict=True))
    assert differ <= FEW // 3, (  # rounding may turn the choice between tokens of equal score
        f"{differ} of {FEW} rows written alone give other texts than among others: keep rows in order and mask padding"
    )
    for text, what in (("", "empty sources"), ("zzyzx qwrty 東京 は 👩‍🔬 <p>&amp;</p> \x00\t", "words never seen")):
        odd = with_texts(c, text)
        assert len(c.written(odd)) == len(odd), f"generate fails for {what}"


@rule(NETWORK, RULES, synthetic=True, kinds=SEQUENCE)
def network_that_writes_goes_through_training(c: SequenceNetworkCase) -> None:
    """Sequence to sequence: pre-written training takes the network: with few rows (12) too it is fitted, writes a text for each row, and
    the same texts for the same seed."""
    first, second = (fitted(c).predict(c.X_new) for _ in range(2))
    assert first.shape == (len(c.X_new),) and first.dtype.kind == "U", (
        f"after training predictions must be {len(c.X_new)} texts, got shape {first.shape}, {first.dtype}"
    )
    assert np.array_equal(first, second), (
        "two fits with the same seed write other texts: all randomness must come from torch's generator, which is seeded"
    )


@rule(NETWORK, RULES, synthetic=True, kinds=SEQUENCE)
def network_writes_what_it_learnt(c: SequenceNetworkCase) -> None:
    """Sequence to sequence: a network that is trained on a single pair again and again writes that pair's target for its source:
    `generate` reads the tokens that `encode_targets` makes, and begins and ends as `forward` was taught to."""
    import torch

    row = min(range(len(c.y)), key=lambda i: (c.X.iloc[i].eq("").any(), len(str(c.y[i]))))
    source, target = rows_at(c.X, [row]), str(c.y[row])
    network = c.network
    saved = {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in network.state_dict().items()}
    weights = [p for p in network.parameters() if p.requires_grad]
    said = ""
    try:
        for rate in RATES:
            optimiser = torch.optim.Adam(weights, rate)
            for _ in range(REPEATED):
                optimiser.zero_grad()
                c.loss(network.eval(), [row]).backward()  # type: ignore[no-untyped-call,unused-ignore]
                optimiser.step()
            said = c.written(source)[0]
            if likeness(said.lower(), target.lower()) > 0.6:
                return
    finally:
        network.load_state_dict(saved)
    raise AssertionError(
        f"trained on one pair of {len(target.split())} words for {REPEATED * len(RATES)} steps, it writes {len(said.split())} words, of "
        f"which {likeness(said.lower(), target.lower()):.0%} are those of the target"
    )
