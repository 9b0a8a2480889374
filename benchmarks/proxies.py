"""Zero-cost proxies on synthetic data: how far each moves from seed to seed, what it costs, and whether it tells the trained score.

    python -m benchmarks.proxies [--seeds 50] [--batch 32] [--out FILE]

Networks have fixed random weights; the synthetic data of one shape is drawn anew for each seed. The mean relative deviation is
mean |v - mean| / |mean| over the seeds, in percent; the paper (App. C.5) gives 0.76 % for its worst proxy, on pretrained
networks. Seconds are the median of one call, on one thread. Rank correlations: over the trained networks of `benchmarks.search`, where
that table is in benchmarks/cache (strategies/correlation.py). Needs the extra `deep`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from benchmarks.strategies import correlation
from torch import nn

from text_to_ml.search.proxies import PROXIES, ProxyScores, evaluate

PAPER = 0.76


class Block(nn.Module):
    """A residual block of ResNet-18."""

    def __init__(self, inner: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inner, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.short = nn.Conv2d(inner, width, 1, stride, bias=False) if stride > 1 or inner != width else nn.Identity()

    def forward(self, x: Any) -> Any:
        return torch.relu(self.body(x) + self.short(x))


class Recurrent(nn.Module):
    """Embedding, LSTM, and a head with a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(1000, 64)
        self.lstm = nn.LSTM(64, 64, 2, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, input_ids: Any) -> Any:
        return self.head(self.lstm(self.embed(input_ids))[0].mean(1))


class Encoder(nn.Module):
    """torch's encoder with LayerNorm last."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Linear(16, 64)
        layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 4, norm=nn.LayerNorm(64))

    def forward(self, x: Any) -> Any:
        return self.body(self.start(x))


def resnet(width: int = 16) -> nn.Module:
    """ResNet-18 with a narrow body, for 32 by 32 pixels."""
    parts: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inner = width
    for stage in range(4):
        for block in range(2):
            parts.append(Block(inner, width * 2**stage, 2 if stage and not block else 1))
            inner = width * 2**stage
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inner, 10))


def transformer(kind: str) -> nn.Module:
    """A tiny transformer of the library, 4 layers of width 128."""
    if kind == "vit":
        vit = transformers.ViTConfig(
            hidden_size=128,
            num_hidden_layers=4,
            num_attention_heads=4,
            intermediate_size=256,
            image_size=32,
            patch_size=4,
        )
        return transformers.ViTForImageClassification(vit)
    if kind == "bert":
        bert = transformers.BertConfig(
            hidden_size=128, num_hidden_layers=4, num_attention_heads=4, intermediate_size=256, vocab_size=1000
        )
        return transformers.BertForSequenceClassification(bert)
    gpt = transformers.GPT2Config(n_embd=128, n_layer=4, n_head=4, vocab_size=1000, bos_token_id=0, eos_token_id=0)
    return transformers.GPT2LMHeadModel(gpt)


def mlp() -> nn.Module:
    """Three layers on 20 numbers."""
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def numbers(*shape: int) -> dict[str, Callable[[int, torch.Generator], Any]]:
    """Two laws for data made of numbers."""
    return {
        "uniform": lambda batch, g: (torch.rand(batch, *shape, generator=g),),
        "normal": lambda batch, g: (torch.randn(batch, *shape, generator=g),),
    }


def tokens(batch: int, generator: torch.Generator) -> dict[str, Any]:
    """Token positions of equal chance, 32 a sample."""
    return {"input_ids": torch.randint(0, 1000, (batch, 32), generator=generator)}


NETWORKS: dict[str, tuple[Callable[[], nn.Module], dict[str, Callable[[int, torch.Generator], Any]]]] = {
    "MLP": (mlp, numbers(20)),
    "ResNet-18 w16": (resnet, numbers(3, 32, 32)),
    "ViT tiny": (lambda: transformer("vit"), numbers(3, 32, 32)),
    "encoder": (Encoder, numbers(24, 16)),
    "BERT tiny": (lambda: transformer("bert"), {"tokens": tokens}),
    "GPT-2 tiny": (lambda: transformer("gpt2"), {"tokens": tokens}),
    "LSTM": (Recurrent, {"tokens": tokens}),
}


def deviation(values: Sequence[float]) -> float:
    """Mean relative deviation in percent."""
    mean = statistics.fmean(values)
    return 100 * statistics.fmean(abs(v - mean) for v in values) / abs(mean) if mean else 0.0


def measure(name: str, law: str, seeds: int, batch: int) -> dict[str, Any]:
    """One row of the table."""
    build, laws = NETWORKS[name]
    torch.manual_seed(0)
    model = build()
    runs: list[ProxyScores] = []
    for seed in range(seeds):
        runs.append(evaluate(model, laws[law](batch, torch.Generator().manual_seed(seed))))
    row: dict[str, Any] = {"network": name, "data": law, "batch": batch, "seeds": seeds}
    for proxy in PROXIES:
        values = [v for run in runs if (v := run.value(proxy)) is not None]
        row[proxy] = {
            "mean": statistics.fmean(values) if values else None,
            "deviation_percent": deviation(values) if values else None,
            "seconds": statistics.median(run.seconds[proxy] for run in runs),
            "failed": seeds - len(values),
            "reasons": sorted({run.reasons[proxy] for run in runs if proxy in run.reasons}),
        }
    row["seconds"] = statistics.median(sum(run.seconds.values()) for run in runs)
    return row


def show(row: dict[str, Any]) -> str:
    """The row as a line of the table."""
    cells = [row["network"], row["data"]]
    for proxy in PROXIES:
        found = row[proxy]
        cells.append("failed" if found["mean"] is None else f"{found['mean']:.6g} ({found['deviation_percent']:.3f} %)")
    return "| " + " | ".join([*cells, f"{row['seconds']:.2f}"]) + " |"


def main() -> None:
    """Measure all networks, print the table, write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--batch", type=int, default=32)
    today = datetime.datetime.now(datetime.UTC).date()
    default = Path(__file__).parent / "results" / f"proxies-{today}.json"
    parser.add_argument("--out", type=Path, default=default)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| network | data | " + " | ".join(f"{p} (deviation)" for p in PROXIES) + " | s for all |")
    print("|" + "---|" * (len(PROXIES) + 3))
    rows = []
    for name, (_, laws) in NETWORKS.items():
        for law in laws:
            rows.append(measure(name, law, options.seeds, options.batch))
            print(show(rows[-1]), flush=True)
    cells = [(row[p]["deviation_percent"], p, row["network"], row["data"]) for row in rows for p in PROXIES]
    found = [cell for cell in cells if cell[0] is not None]
    worst = max(found)
    print(f"\nworst deviation {worst[0]:.3f} % ({', '.join(worst[1:])}); the paper's worst is {PAPER} %")
    mean = {p: statistics.fmean(v for v, proxy, *_ in found if proxy == p) for p in PROXIES}
    print("mean over the rows that did not fail: " + ", ".join(f"{p} {v:.3f} %" for p, v in mean.items()))
    for row in rows:
        for p in PROXIES:
            if row[p]["failed"]:
                print(
                    f"{row['network']}, {p}: {row[p]['failed']} of {row['seeds']} failed: {'; '.join(row[p]['reasons'])}"
                )
    correlated = correlation.correlations(*correlation.trained()) if correlation.there() else {}
    print(
        f"\nrank correlation with the trained score\n\n{correlation.markdown(correlated)}"
        if correlated
        else correlation.ABSENT
    )
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    summary = {
        "paper_worst_percent": PAPER,
        "worst_percent": worst[0],
        "worst": worst[1:],
        "mean_percent": mean,
        "rank_correlation": correlated,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(
        json.dumps({"versions": versions, **summary, "rows": rows}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
