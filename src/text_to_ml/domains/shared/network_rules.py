"""The rules of modeling candidates that are networks (`nn.Module`), for images and for texts. Runs inside the sandbox.

Docstring = the sentence in the prompt; body = the unit test; assertion message = the feedback.
Paper: section 4, Appendix C.1 (structure of what flows into and out of deep-learning modules); gradients, evaluation mode,
state dict and descent are ours.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from text_to_ml.domains.base import NETWORK
from text_to_ml.domains.shared.network_case import NetworkCase
from text_to_ml.domains.shared.synthetic import rows_at, same
from text_to_ml.runtime.rules import Rule, rule, state_of

RULES: list[Rule] = []
"""Those of images and of texts."""
SIZES = ((16, 16), (40, 24), (96, 96))
STEPS = 3


@rule(NETWORK, RULES)
def build_model_gives_a_network(c: NetworkCase) -> None:
    """`build_model` returns a `torch.nn.Module` with weights that can be trained; the same seed gives the same weights."""
    import torch

    first = c.build()
    weights = [p for p in first.parameters() if p.requires_grad]
    assert weights, "the network has no parameter with requires_grad=True, so that there is nothing to train"
    again = c.build().state_dict()
    other = [k for k, v in first.state_dict().items() if isinstance(v, torch.Tensor) and not torch.equal(v, again[k])]
    assert not other, f"built twice with the same seed, {other[:3]} differ; draw no random numbers but torch's"


@rule(NETWORK, RULES, every_setting=True, synthetic=True)
def network_gives_raw_outputs(c: NetworkCase) -> None:
    """`forward` gives raw outputs (logits, or values), float of shape (rows, n_outputs), finite, for a batch of any number of
    rows, 1 too, at the low end, the middle and the high end of each hyperparameter; in training mode for 2 rows and more."""
    check_batches(c)


@rule(NETWORK, RULES, synthetic=True)
def network_leaves_its_input_alone(c: NetworkCase) -> None:
    """Neither `encode`, `fit_vocabulary` nor `forward` changes what it is given in place."""
    c.outputs(c.X)
    assert same(c.untouched, c.X), "X was changed in place; work on a copy"


@rule(NETWORK, RULES, synthetic=True)
def network_is_deterministic_when_it_predicts(c: NetworkCase) -> None:
    """In evaluation mode the same rows give the same outputs, and a row's output does not depend on the other rows of its
    batch: dropout and batch statistics belong to training mode, and padding is masked."""
    import torch

    X = of_many_lengths(c) if c.is_text else c.X_new
    whole = c.outputs(X)
    assert torch.equal(whole, c.outputs(X)), "the same rows twice give other outputs in evaluation mode"
    last = len(X) - 1
    for rows, what in (([0], "a row predicted alone"), ([last], "the last row predicted alone")):
        got, expected = c.outputs(rows_at(X, rows)), whole[rows]
        gap = float((got - expected).abs().max())
        assert gap <= 1e-3 * (1 + float(expected.abs().max())), (
            f"{what} has outputs that differ by {gap:.3g} from those in its batch: in evaluation mode a row must not depend on "
            "other rows, nor on how far the batch is padded"
        )


@rule(NETWORK, RULES, synthetic=True)
def gradient_reaches_every_parameter(c: NetworkCase) -> None:
    """The gradient of the loss reaches every parameter with requires_grad=True within a few steps of training. Parts that are
    not used are taken out, and those that are not to be trained have requires_grad=False."""
    import torch

    network = c.build().train()
    named = {k: p for k, p in network.named_parameters() if p.requires_grad}
    optimiser = torch.optim.SGD(named.values(), lr=1e-2)
    silent = set(named)
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = c.loss(network, batch(c, step))
        loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
        silent -= {k for k in silent if (g := named[k].grad) is not None and bool((g != 0).any())}
        optimiser.step()
    assert not silent, f"no gradient reaches {sorted(silent)[:6]} ({len(silent)} of {len(named)} parameters)"


@rule(NETWORK, RULES, synthetic=True)
def state_dict_restores_the_network(c: NetworkCase) -> None:
    """Everything that the network learns lies in its state dict (parameters, buffers; anything else by `get_extra_state` and
    `set_extra_state`): a network built with another seed that loads it gives the same outputs."""
    import torch

    other = c.build(seed=1, size=shape_of(c)).eval()
    state = c.network.eval().state_dict()
    try:
        other.load_state_dict(state)
    except RuntimeError as error:
        raise AssertionError(
            f"load_state_dict fails on a network that was built with the same arguments: {str(error)[:400]}. Sizes must follow "
            "from the arguments of build_model alone, not from data"
        ) from error
    expected, got = c.outputs(c.X_new), c.outputs(c.X_new, other)
    assert expected.shape == got.shape and torch.allclose(expected, got, rtol=1e-4, atol=1e-5), (
        "a network that was built anew and loaded the state dict gives other outputs: what it learnt, its vocabulary too, "
        "must lie in the state dict"
    )


@rule(NETWORK, RULES, synthetic=True)
def training_lowers_the_loss(c: NetworkCase) -> None:
    """One step along the gradient of the loss lowers the loss of the same batch, for some length of the step."""
    import torch

    network = c.build().eval()
    rows = batch(c, 0)
    weights = [p for p in network.parameters() if p.requires_grad]
    loss = c.loss(network, rows)
    gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    square = sum(float((g.double() ** 2).sum()) for g in gradients if g is not None)
    assert square > 0, "the gradient of the loss is zero everywhere"
    start, lowest = float(loss.detach()), float("inf")
    saved = [w.detach().clone() for w in weights]
    for length in (1e-1, 1e-2, 1e-3, 1e-4):
        with torch.no_grad():
            for weight, before, gradient in zip(weights, saved, gradients, strict=True):
                weight.copy_(before if gradient is None else before - length * gradient / max(square**0.5, 1.0))
            lowest = min(lowest, float(c.loss(network, rows)))
    assert lowest < start, f"no step along the gradient lowers the loss of {start:.6g} (lowest {lowest:.6g})"


@rule(NETWORK, RULES, synthetic=True)
def network_goes_through_training(c: NetworkCase) -> None:
    """Pre-written training takes the network: with few rows (12) too it is fitted, predicts, and gives the same predictions for
    the same seed."""
    models = [fitted(c), fitted(c)]
    found = [m.predict(c.X_new) if c.kind == "regression" else m.predict_proba(c.X_new) for m in models]
    assert np.isfinite(found[0]).all() and found[0].shape == (len(c.X_new), c.n_outputs), (
        f"after training predictions have shape {found[0].shape} and are{'' if np.isfinite(found[0]).all() else ' not'} finite"
    )
    assert np.allclose(found[0], found[1], rtol=1e-4, atol=1e-5), (
        "two fits with the same seed predict differently: all randomness must come from torch's generator, which is seeded"
    )


@rule(NETWORK, RULES)
def module_keeps_nothing_between_networks(c: NetworkCase) -> None:
    """Building and using networks changes nothing at the module's top level."""
    c.outputs(c.X_new)
    assert state_of(c.module) == c.state, "a global of the module has changed; keep everything in the network"


IMAGE_RULES: list[Rule] = [*RULES]
TEXT_RULES: list[Rule] = [*RULES]


@rule(NETWORK, IMAGE_RULES)
def network_takes_images_of_any_size(c: NetworkCase) -> None:
    """The network works for every height and width from 16 to 96 that it is built for, square or not."""
    for height, width in SIZES:
        images = np.random.default_rng(0).random((2, c.X.shape[1], height, width)).astype(np.float32)
        network = c.build(size=images.shape[1:])
        check_raw(c, c.outputs(images, network), 2, f"for images of {height} by {width}")


@rule(NETWORK, TEXT_RULES, synthetic=True)
def encode_gives_ids_and_mask(c: NetworkCase) -> None:
    """`encode(X)` gives a dict of tensors, rows first: `input_ids` (int64) and `attention_mask` of the same shape (rows, length),
    in multiple choice also (rows, texts, length); 1 for tokens and 0 for padding behind them; padding has one id. It is truncated and
    padded to at most `max_length`, an attribute of the network; every text, an empty one too, has at least one token."""
    inputs = c.inputs(c.X_new)
    missing = [k for k in ("input_ids", "attention_mask") if k not in inputs]
    assert not missing, f"encode must give input_ids and attention_mask, {missing} is missing"
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    assert str(ids.dtype) == "torch.int64", f"input_ids must be int64, got {ids.dtype}"
    dimensions = (2, 3) if c.options else (2,)
    assert ids.shape == mask.shape and ids.dim() in dimensions and len(ids) == len(c.X_new), (
        f"input_ids {tuple(ids.shape)} and attention_mask {tuple(mask.shape)} must both be ({len(c.X_new)}, length)"
        f"{f', or ({len(c.X_new)}, texts, length)' if c.options else ''}"
    )
    limit: Any = getattr(c.network, "max_length", None)
    assert isinstance(limit, int) and not isinstance(limit, bool), "the network must have an int attribute max_length"
    long = with_texts(c, "river stone music " * (2 * limit))
    ragged = of_many_lengths(c)
    for X, what in (
        (c.X_new, "usual texts"),
        (ragged, "short and long texts"),
        (long, "very long texts"),
        (with_texts(c, ""), "empty texts"),
    ):
        check_mask(c.inputs(X), limit, what)


@rule(NETWORK, TEXT_RULES, synthetic=True)
def encode_knows_words(c: NetworkCase) -> None:
    """Other texts get other ids, the same text the same ids; words never seen and any characters are taken."""
    import torch

    odd = with_texts(c, "zzyzx qwrty 東京 は 👩‍🔬 Straße <p>&amp;</p> \x00\t")
    check_raw(c, c.outputs(odd), len(odd), "for words never seen")
    words = frequent_words(c)
    ids = [c.inputs(with_texts(c, f"{word} {word}"))["input_ids"] for word in [words[0], *words]]
    assert torch.equal(ids[0], ids[1]), "the same text twice gets other ids"
    assert not all(torch.equal(ids[0], other) for other in ids[1:]), (
        f"texts of one word each, {', '.join(words)}, which are frequent in the training rows, all get the same ids"
    )


@rule(NETWORK, TEXT_RULES, synthetic=True, kinds=("classification",))
def every_option_is_read(c: NetworkCase) -> None:
    """Multiple choice: the output of each option depends on that option's own text, which stands in the column `text__` and its name."""
    for number, name in enumerate(c.options):
        whole, other = (c.outputs(X)[:, number] for X in (c.X_new, c.X_new.assign(**{name: "garden winter"})))
        assert bool((whole != other).any()), (
            f"the output of class {number} stays the same when another text stands in its column {name!r}"
        )


# ------------------------------------------------------------------------------------------------ what they check


def check_batches(c: NetworkCase) -> None:
    """Assert that raw outputs are right for 1, 2 and more rows in evaluation mode, and for 2 in training mode."""
    from text_to_ml.runtime.training import call

    for rows in (1, 2, len(c.X_new)):
        X = rows_at(c.X_new, slice(0, rows))
        check_raw(c, c.outputs(X), rows, f"for {rows} rows")
    inputs = c.inputs(rows_at(c.X_new, slice(0, 2)))
    check_raw(c, call(c.build().train(), inputs), 2, "for 2 rows in training mode")


def fitted(c: NetworkCase) -> Any:
    """An estimator around a new network, trained for two epochs on 12 rows."""
    from text_to_ml.runtime.network import trained

    rows = batch(c, 0)
    build = trained(c.module.build_model, c.kind)
    model = build(shape_of(c), c.n_outputs, seed=0, threads=1, epochs=2, batch_size=8, learning_rate=1e-4, **c.values)
    return model.fit(rows_at(c.X, rows), c.targets[rows])


def check_raw(c: NetworkCase, outputs: Any, rows: int, what: str) -> None:
    """Assert that raw outputs are finite floats of the right shape."""
    import torch

    assert isinstance(outputs, torch.Tensor), f"forward must give a tensor {what}, got {type(outputs).__name__}"
    expected = c.raw_shape(rows)
    fits = outputs.dim() == len(expected) and all(e in (None, g) for e, g in zip(expected, outputs.shape, strict=True))
    assert fits, (
        f"forward must give shape {tuple('k' if e is None else e for e in expected)} {what}, got {tuple(outputs.shape)}"
    )
    assert outputs.is_floating_point(), f"forward must give floats {what}, got {outputs.dtype}"
    assert bool(torch.isfinite(outputs).all()), f"forward gives values that are not finite {what}"


def check_mask(inputs: dict[str, Any], limit: int, what: str) -> None:
    """Assert that ids and mask agree and keep to the stated length."""
    ids, mask = (inputs[name].flatten(0, -2) for name in ("input_ids", "attention_mask"))
    assert ids.shape[1] <= limit, f"{what}: {ids.shape[1]} tokens, max_length is {limit}: truncate"
    assert set(mask.unique().tolist()) <= {0, 1}, f"{what}: attention_mask must hold 0 and 1"
    lengths = mask.sum(dim=1)
    assert int(lengths.min()) >= 1, f"{what}: a row has no token at all; give an empty text one token"
    behind = (mask[:, 1:] <= mask[:, :-1]).all()
    before = (mask[:, 1:] >= mask[:, :-1]).all()
    assert bool(behind or before), f"{what}: attention_mask must be 1 for the tokens and 0 for the padding behind them"
    assert len(ids[mask == 0].unique()) <= 1, (
        f"{what}: padding must have one id, got {ids[mask == 0].unique().tolist()[:5]}"
    )


def frequent_words(c: NetworkCase) -> list[str]:
    """The most frequent words of the texts that the network was fitted on."""
    texts = [str(text) for name in c.X.columns if name.startswith("text__") for text in c.X[name]]
    counts = Counter(word for text in texts for word in re.findall(r"[a-z]{3,}", text.lower()))
    return [word for word, _ in counts.most_common(8)]


def with_texts(c: NetworkCase, text: str) -> Any:
    """A few new rows whose texts are all ``text``."""
    X = c.X_new.iloc[:3]
    return X.assign(**dict.fromkeys([n for n in X.columns if n.startswith("text__")], text))


def of_many_lengths(c: NetworkCase) -> Any:
    """New rows whose texts have from one to some thirty words."""
    X = c.X_new
    names = [n for n in X.columns if n.startswith("text__")]
    texts = [
        ["river", "stone", "music", "of", "the", "garden"][i % 6] + " winter was in it" * (i // 2)
        for i in range(len(X))
    ]
    return X.assign(**dict.fromkeys(names, texts))


def batch(c: NetworkCase, number: int) -> list[int]:
    """Positions of 12 rows, spread over the data."""
    step = max(1, len(c.X) // 12)
    return [(i * step + number) % len(c.X) for i in range(12)]


def shape_of(c: NetworkCase) -> Any:
    """What `build_model` is told of the case's features."""
    from text_to_ml.domains.shared.runtime import size_of

    return size_of(c.X)
