"""Finalists: the best trials are scored again on fresh folds, then chosen by a paired comparison.

A finalist that the paired differences do not tell from the best one is as good; among these the simpler one is taken: it must be at
least `FASTER` times as quick to fit. So noise does not buy a slow program.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from text_to_ml.search.study import FINALISTS, RERUN, Study
from text_to_ml.search.trial import Budget, Trial, Watch, gap

FASTER = 2.0


def rescored(study: Study, budget: Budget, more: Sequence[Trial] = (), finalists: int = FINALISTS) -> list[Trial]:
    """The best trials, and ``more``, scored on fresh folds in parallel while there is time; the best of the former first.

    Returns the finalists in the order in which they are to be handed over, then those of ``more`` that are none. A trial for which
    there was no time, and every one where the user has asked to stop, keeps its own score.
    """
    best = study.ranked()[:finalists]
    others = [t for t in more if t.number not in {b.number for b in best}]
    if not study.rescore or not study.evaluator.has_fresh_folds or study.stop.is_set():
        return [*best, *others]

    def over() -> bool:
        return budget.left() <= study.hand_over_seconds(budget.total)

    with ThreadPoolExecutor(study.workers, thread_name_prefix="finalist") as pool, Watch(study.stop, over) as cancel:

        def again(trial: Trial) -> Trial:
            known = trial.rescored and (not study.ensemble or study.evaluator.kept(f"again-{trial.number}") is not None)
            if known or cancel.is_set() or budget.left() < RERUN * trial.full_seconds:
                return trial
            modules = study.modules(trial.configuration, patient=True)
            assert modules is not None
            result = study.evaluator.evaluate(
                modules, trial.configuration, name=f"again-{trial.number}", repeat=1, cancel=cancel, limits=study.limits
            )
            return replace(trial, rescored=result.folds, rescored_blocks=result.blocks)

        order = {t.number: place for place, t in enumerate([*best[:1], *more, *best[1:]])}
        scored = {t.number: t for t in pool.map(again, sorted([*best, *others], key=lambda t: order[t.number]))}
    return [*chosen_first(study, [scored[t.number] for t in best]), *(scored[t.number] for t in others)]


def chosen_first(study: Study, trials: Sequence[Trial]) -> list[Trial]:
    """Finalists, best first by all their fold scores; but with a time limit one that is much quicker and not worse beyond noise
    comes before the best (without one the same seed gives the same program, whatever else the machine does). Trials without
    fresh scores come after those that have them."""
    ranked = sorted(trials, key=lambda t: (not t.rescored, study.loss(t.mean_score), t.number))
    if not ranked or not study.race:
        return ranked
    best = ranked[0]
    equal = [t for t in ranked[1:] if FASTER * t.full_seconds <= best.full_seconds and tied(study, t, best)]
    first = min(equal, key=lambda t: (t.full_seconds, t.number), default=best)
    return [first, *(t for t in ranked if t is not first)]


def tied(study: Study, trial: Trial, best: Trial) -> bool:
    """True where both were scored on fresh folds, and on all folds together a trial is worse than the best by less than the standard
    error of the paired differences."""
    mine, its = (*trial.pieces, *trial.fresh_pieces), (*best.pieces, *best.fresh_pieces)
    if not (trial.rescored and best.rescored) or len(mine) != len(its) or len(mine) < 2:
        return False
    mean, error = gap([study.loss(s) for s in mine], [study.loss(s) for s in its])
    return mean <= error
