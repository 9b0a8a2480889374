"""Do zero-cost proxies tell how a network will score? Rank correlations over the networks of the table of real trainings.

Each line of the table is one network at its own sampled hyperparameters, trained on real images; its proxies are computed as in a run,
on synthetic data of the domain, without training.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.strategies import table

from text_to_ml.program import Stage
from text_to_ml.search.proxies import PROXIES
from text_to_ml.search.proxies.job import score
from text_to_ml.search.proxies.ranking import rank
from text_to_ml.search.proxies.scores import ProxyScores
from text_to_ml.search.screening import scores_of

MEAN = "mean of ranks"
FEWEST = 4
TABLE = "networks"
ABSENT = "no table of trained networks in benchmarks/cache: make bench-search builds it; rank correlations are left out"


def there() -> bool:
    """Whether networks were trained for the benchmark of search."""
    return table.path_of(TABLE).exists()


def trained(name: str = TABLE) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Of each line of the table the network, its proxies and its best loss at full budget; and of each candidate its proxies at its
    defaults, which are what screening looks at, and the best loss of all its lines."""
    lines = table.read(name)
    with tempfile.TemporaryDirectory() as folder:
        bench = table.opened(name, Path(folder))
        facts = bench.setting.domain.facts(bench.task, Path(folder) / "miniature", bench.plan)
        base = {"facts": facts, "synthetic": "", "domain": f"text_to_ml.domains.{bench.setting.domain.name}"}
        sources = {c.name: bench.written(c).source for c in bench.space.stage(Stage.MODELING)}

        def proxies(name: str, values: dict[str, Any]) -> ProxyScores:
            return scores_of(score({**base, "source": sources[name], "name": name, "values": values}))

        every, best = [], {}
        for line in lines:
            chosen = line["choices"][str(Stage.MODELING)]
            name, loss = chosen["candidate"], min(line["scores"]["1:1"])
            own = bench.space.find(Stage.MODELING, name).own
            every.append(
                {
                    "network": name,
                    "loss": loss,
                    "proxies": proxies(name, {h.name: chosen["values"][h.name] for h in own}),
                }
            )
            best[name] = min(loss, best.get(name, loss))
        defaults = {name: {h.name: h.default for h in bench.space.find(Stage.MODELING, name).own} for name in best}
        return every, [{"network": n, "loss": best[n], "proxies": proxies(n, defaults[n])} for n in best]


def correlations(
    networks: Sequence[dict[str, Any]], candidates: Sequence[dict[str, Any]]
) -> dict[str, dict[str, float]]:
    """Spearman's rank correlation of each proxy, and of the mean of their relative ranks, with the trained score: over candidates, over
    all networks, and over those of each architecture. 1: the order is that of the scores."""
    from scipy.stats import spearmanr

    groups = {"candidates, at their best": list(candidates), "all": list(networks)}
    for one in networks:
        groups.setdefault(one["network"].rsplit("_", 1)[0], []).append(one)
    found = {}
    for name, some in groups.items():
        if len(some) < FEWEST:
            continue
        good = [-one["loss"] for one in some]
        ranks = rank({str(i): one["proxies"] for i, one in enumerate(some)})
        by_proxy = {p: [one["proxies"].value(p) for one in some] for p in PROXIES}
        by_proxy[MEAN] = [-ranks[str(i)] for i in range(len(some))]
        found[f"{name} ({len(some)})"] = {
            p: round(float(spearmanr([float("-inf") if v is None else v for v in values], good)[0]), 3)
            for p, values in by_proxy.items()
        }
    return found


def markdown(found: dict[str, dict[str, float]]) -> str:
    """The correlations as a table."""
    columns = [*PROXIES, MEAN]
    lines = [f"| networks | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    lines += [f"| {name} | {' | '.join(f'{row[c]:.2f}' for c in columns)} |" for name, row in found.items()]
    return "\n".join(lines)
