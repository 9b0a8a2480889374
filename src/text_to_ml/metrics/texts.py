"""Metrics of texts: (n,) strings, one reference for each. Each function is copied into programs, so it is self-contained.

BLEU, chrF and TER are sacrebleu's corpus scores on its own scale, 0 to 100 (TER may lie above); ROUGE-L and exact match 0 to 1.
"""

from __future__ import annotations

import numpy as np


def bleu(targets: np.ndarray, predictions: np.ndarray, lowercase: bool = False, max_order: int = 4) -> float:
    """Corpus BLEU (Papineni et al. 2002) with sacrebleu's tokeniser 13a, 0 to 100."""
    from sacrebleu.metrics.bleu import BLEU

    scorer = BLEU(lowercase=lowercase, max_ngram_order=max_order, force=True)
    return float(scorer.corpus_score([str(p) for p in predictions], [[str(t) for t in targets]]).score)


def chrf(targets: np.ndarray, predictions: np.ndarray, word_order: int = 0) -> float:
    """Corpus chrF (Popovic 2015), 0 to 100; ``word_order`` 2 is chrF++."""
    from sacrebleu.metrics.chrf import CHRF

    scorer = CHRF(word_order=word_order)
    return float(scorer.corpus_score([str(p) for p in predictions], [[str(t) for t in targets]]).score)


def ter(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Corpus translation edit rate (Snover et al. 2006): edits and shifts per hundred words of the references."""
    from sacrebleu.metrics.ter import TER

    return float(TER().corpus_score([str(p) for p in predictions], [[str(t) for t in targets]]).score)


def rouge_l(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Mean F1 of the longest common subsequence of words, small letters and digits only (ROUGE-L, Lin 2004), 0 to 1."""
    import re

    scores = []
    for target, prediction in zip(targets, predictions, strict=True):
        wanted, got = (re.findall(r"\w+", str(text).lower()) for text in (target, prediction))
        best = [0] * (len(got) + 1)
        for word in wanted:
            before = best[:]
            for j, other in enumerate(got):
                best[j + 1] = before[j] + 1 if word == other else max(before[j + 1], best[j])
        common = best[-1]
        scores.append(2 * common / (len(wanted) + len(got)) if wanted or got else 1.0)
    return float(np.mean(scores))


def exact_match(targets: np.ndarray, predictions: np.ndarray) -> float:
    """Share of rows whose text is the target, blanks at the ends left out of account, 0 to 1."""
    return float(np.mean([str(t).strip() == str(p).strip() for t, p in zip(targets, predictions, strict=True)]))
