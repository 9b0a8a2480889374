"""Tables: the exported program against default boosting, default CatBoost and other libraries at the same seconds, side by side.

    python -m benchmarks.tables [--seconds 60] [--seeds 3] [--data DIR] [--peers NAMES] [--only NAMES] [--out FILE]
                                [--model PROVIDER:NAME [--base-url URL]]

"ensemble": our run with --ensemble. 25 % outer splits of tables bundled with scikit-learn (and of Boston, Age, Default, Iris where --data holds them). Each
line of the output file is one result; a run that was stopped goes on where it stopped. Peers: boosting, catboost (at their defaults),
flaml, autogluon, mljar, sapientml, aide, each installed in an environment of its own when it is first asked for (peers/environments.py).
--model: the language model of our runs; "aide" asks the same one, as often as our run of the same table and seed did. What could not be
run is said below the table. Imports only the door of text_to_ml.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.peers.environments import PACKAGES, PeerError, python_of
from benchmarks.results import Results, RunError, arguments, run_and_predict

import text_to_ml

PEERS = Path(__file__).resolve().with_name("peers")
DEFAULT = ("boosting", "catboost")
OWN = {"ours": (), "ensemble": ("--ensemble",)}
"""Options of our own runs."""


@dataclass
class Table:
    """A data set: one row per entity in ``labels``; ``rows`` hold several rows per entity where that is so."""

    name: str
    rows: pd.DataFrame
    labels: pd.Series
    target: str
    metric: str
    kind: str
    drop: tuple[str, ...] = ()
    entity: str | None = None


def bundled() -> list[Table]:
    """Tables that scikit-learn brings."""
    from sklearn import datasets

    found = []
    for name, metric, kind in (
        ("breast_cancer", "log_loss", "classification"),
        ("wine", "log_loss", "classification"),
        ("diabetes", "rmse", "regression"),
        ("digits", "accuracy", "classification"),
    ):
        data = getattr(datasets, f"load_{name}")(as_frame=True)
        found.append(Table(name, data.data, data.target.rename("target"), "target", metric, kind))
    return found


def given(folder: Path) -> list[Table]:
    """The paper's tables, where the user has them."""
    found = []
    for name, file, target, metric, kind, drop in (
        ("Boston", "Boston/data.csv", "MEDV", "rmse", "regression", ()),
        ("Age", "Age/train.csv", "Class", "balanced_log_loss", "classification", ("Id",)),
        ("Iris", "Iris/iris.csv", "Species", "accuracy", "classification", ("Id",)),
    ):
        if (folder / file).is_file():
            frame = pd.read_csv(folder / file)
            found.append(Table(name, frame.drop(columns=target), frame[target], target, metric, kind, drop))
    if (folder / "Default/train_data.csv").is_file():
        rows = pd.read_csv(folder / "Default/train_data.csv")
        labels = pd.read_csv(folder / "Default/train_labels.csv").set_index("customer_ID")["target"]
        found.append(Table("Default", rows, labels, "target", "amex", "classification", (), "customer_ID"))
    return found


def split(table: Table, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the training and the test part of the labels."""
    from sklearn.model_selection import train_test_split

    strata = table.labels if table.kind == "classification" else None
    train, test = train_test_split(np.arange(len(table.labels)), test_size=0.25, random_state=seed, stratify=strata)
    return np.sort(train), np.sort(test)


def numeric(table: Table) -> pd.DataFrame:
    """One numeric row per entity for the peers: codes for text, days for dates, mean and last of several rows."""
    frame = table.rows.drop(columns=list(table.drop))
    for column in frame.columns:
        if column == table.entity or frame[column].dtype.kind in "iufb":
            continue
        dates = pd.to_datetime(frame[column], errors="coerce", format="%Y-%m-%d")
        frame[column] = (
            dates.astype("int64") // 10**9 if dates.notna().all() else frame[column].astype("category").cat.codes
        )
    if table.entity is None:
        return frame
    groups = frame.groupby(table.entity)
    parts = [groups.mean().add_suffix("_mean"), groups.last().add_suffix("_last"), groups.std().add_suffix("_std")]
    return pd.concat(parts, axis=1).loc[table.labels.index].reset_index(drop=True)


def score(table: Table, labels: pd.Series, outputs: np.ndarray) -> float:
    """The table's metric; ``outputs`` are labels, probabilities in class order, or values."""
    metric = text_to_ml.get_metric(table.metric)
    if table.kind == "regression":
        return metric(labels.to_numpy(dtype=float), np.asarray(outputs, dtype=float))
    classes = {str(label): code for code, label in enumerate(sorted(table.labels.unique()))}
    targets = np.array([classes[str(v)] for v in labels])
    if metric.form == "labels":
        return metric(targets, np.array([classes[str(v)] for v in outputs]))
    return metric(targets, np.asarray(outputs, dtype=float))


def ours(
    table: Table, train: np.ndarray, test: np.ndarray, seconds: float, seed: int, work: Path, options: Sequence[str]
) -> tuple[np.ndarray, dict[str, Any]]:
    """Run the command line, then the exported program alone, as a user would; its outputs, and what the run said of itself."""
    keys = table.labels.index if table.entity else None
    part = table.rows[table.rows[table.entity].isin(keys[train])] if table.entity else table.rows.iloc[train]
    new = table.rows[table.rows[table.entity].isin(keys[test])] if table.entity else table.rows.iloc[test]
    files = "train.csv: one row per sample."
    if table.entity:
        table.labels.iloc[train].rename_axis(table.entity).to_frame().to_csv(work / "labels.csv")
        files = f"train.csv: several rows per {table.entity}; labels.csv: {table.entity} and {table.target}."
        part.to_csv(work / "train.csv", index=False)
    else:
        part.assign(**{table.target: table.labels.iloc[train]}).to_csv(work / "train.csv", index=False)
    new.to_csv(work / "new.csv", index=False)
    category = f"\ncategory: {table.kind}" if table.kind == "classification" else ""
    task = f"---\nname: {table.name}\ntarget: {table.target}\nmetric: {table.metric}{category}\n---\n"
    (work / "task.md").write_text(f"{task}## Input data\nTabular.\n## Output data\n{table.target}\n## Files\n{files}\n")
    note = run_and_predict(work, seconds, seed, options)
    note["calls"] = text_to_ml.Run(work / "run").llm()["calls"]
    frame = pd.read_csv(work / "out.csv")
    if table.entity:
        frame = frame.set_index(table.entity).loc[table.labels.index[test]]
    columns = [c for c in frame.columns if str(c) == table.target or str(c).startswith(f"{table.target}_")]
    values = frame[columns].to_numpy()
    return (values[:, 0] if values.shape[1] == 1 else values), note


def peer(
    table: Table,
    train: np.ndarray,
    test: np.ndarray,
    seconds: float,
    seed: int,
    work: Path,
    who: str,
    python: str,
    endpoint: dict[str, str],
) -> np.ndarray:
    """One of the peers in an interpreter of its own; PeerError where it fails. ``endpoint``: variables that name the language model."""
    features = numeric(table)
    features.iloc[train].to_csv(work / "X.csv", index=False)
    features.iloc[test].to_csv(work / "T.csv", index=False)
    labels = table.labels.reset_index(drop=True)
    classes = {label: code for code, label in enumerate(sorted(labels.unique()))}
    coded = labels.map(classes) if table.kind == "classification" else labels
    coded.iloc[train].to_csv(work / "y.csv", index=False)
    command = [python, str(PEERS / f"run_{who}.py"), table.kind, table.metric, str(seconds), str(seed), str(work)]
    limit = 20 * seconds + 300
    environment = {**os.environ, **endpoint}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, cwd=work, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        raise PeerError(f"{who} on {table.name}: not done after {limit:.0f} s") from None
    if done.returncode or not (work / "answer.json").exists():
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason was given"]
        raise PeerError(f"{who} on {table.name}: {said[-1][:200]}")
    out = np.array(json.loads((work / "answer.json").read_text()))
    if table.metric == "accuracy":
        names = sorted(labels.unique())
        return np.array([names[int(v)] for v in out], dtype=object)
    if table.metric == "balanced_log_loss":
        shares = np.bincount(coded.iloc[train]) / len(train)
        out = out / shares
        out = out / out.sum(axis=1, keepdims=True)
    return out


def endpoint_of(options: argparse.Namespace, calls: int) -> dict[str, str]:
    """What AIDE must know: the language model, and how often it may be asked."""
    if options.model is None or not calls:
        raise PeerError("aide needs --model PROVIDER:NAME, and our own run of the same table with it")
    base = {"OPENAI_BASE_URL": options.base_url} if options.base_url else {}
    return {"AIDE_MODEL": options.model.partition(":")[2], "AIDE_CALLS": str(calls), **base}


def one(
    table: Table, who: str, seed: int, options: argparse.Namespace, calls: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One result, ``fault`` says why there is no score; and what the run said of itself. ``calls``: of our run to its language model."""
    train, test = split(table, seed)
    row: dict[str, Any] = {
        "table": table.name, "seed": seed, "who": who, "limit": options.seconds, "metric": table.metric, "score": None, "seconds": None,
    }  # fmt: skip
    note: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        try:
            python = python_of(who, options.environments)
            endpoint = endpoint_of(options, calls) if who == "aide" else {}
            started = time.perf_counter()
            if who in OWN:
                model = ("--model", options.model) if options.model else ()
                base = ("--base-url", options.base_url) if options.base_url else ()
                outputs, note = ours(table, train, test, options.seconds, seed, work, (*OWN[who], *model, *base))
            else:
                outputs = peer(table, train, test, options.seconds, seed, work, who, python, endpoint)
        except (PeerError, RunError) as error:
            return row | {"fault": f"{who} on {table.name}: {str(error)[-300:]}" if who in OWN else str(error)}, note
    row["seconds"] = round(time.perf_counter() - started, 1)
    return row | {"score": score(table, table.labels.iloc[test], outputs)}, note


def main() -> None:
    """Run what is missing and print the table."""
    parser = arguments(__doc__ or "", 60, 3, "benchmarks/cache/tables.jsonl")
    parser.add_argument(
        "--peers", default=",".join(DEFAULT), help=f"any of ensemble, {', '.join((*DEFAULT, *PACKAGES))}"
    )
    parser.add_argument("--model", help="PROVIDER:NAME; without it our runs use the built-in writer")
    parser.add_argument("--base-url")
    parser.add_argument("--environments", type=Path, default=Path("benchmarks/cache/peers"))
    options = parser.parse_args()
    options.environments = options.environments.resolve()
    known = ("ensemble", *DEFAULT, *PACKAGES)
    unknown = [p for p in options.peers.split(",") if p not in known]
    if unknown:
        parser.error(f"--peers {unknown[0]}: must be any of {', '.join(known)}.")
    done = Results(options.out)
    tables = [t for t in (*given(options.data), *bundled()) if not options.only or t.name in options.only.split(",")]
    peers = ["ours", *options.peers.split(",")]
    for seed in range(options.seeds):
        for table in tables:
            for who in peers:
                if not done.has(table=table.name, seed=seed, who=who, limit=options.seconds):
                    done.add(*one(table, who, seed, options, calls_of(done.rows, table.name, seed)))
    report(done.rows, peers, options.seconds)


def calls_of(rows: list[dict[str, Any]], table: str, seed: int) -> int:
    """How often our run of a table and seed asked its language model."""
    return max(
        (r.get("calls") or 0 for r in rows if (r["table"], r["seed"], r["who"]) == (table, seed, "ours")), default=0
    )


def standing(frame: pd.DataFrame, peers: list[str]) -> None:
    """Mean rank over tables and seeds, and how far each is behind the best of a table at most, of its mean scores."""
    sign = frame.metric.map(lambda m: 1.0 if text_to_ml.get_metric(m).direction == "minimize" else -1.0)
    losses = frame.assign(loss=sign * frame.score)
    ranks = losses.pivot_table(index=["table", "seed"], columns="who", values="loss").dropna().rank(axis=1)
    means = losses.pivot_table(index="table", columns="who", values="loss")
    behind = means.sub(means.min(axis=1), axis=0).div(means.min(axis=1).abs(), axis=0)
    for who in [p for p in peers if p in ranks]:
        worst = behind[who].idxmax()
        print(
            f"{who}: mean rank {ranks[who].mean():.2f} of {ranks.shape[1]}, at most {behind[who].max():.1%} behind ({worst})"
        )


def report(done: list[dict[str, Any]], peers: list[str], seconds: float) -> None:
    """Mean score, its standard error over seeds and mean seconds; who is not worse than whom (within one standard error)."""
    rows = [d for d in done if d["limit"] == seconds]
    frame = pd.DataFrame([d for d in rows if d["score"] is not None])
    print(f"\n{'table':<15}{'metric':<20}" + "".join(f"{p:>24}" for p in peers))
    verdicts = {p: [0, 0] for p in peers[1:]}
    for name, part in frame.groupby("table", sort=False) if len(frame) else ():
        metric = text_to_ml.get_metric(part.metric.iloc[0])
        sign = 1.0 if metric.direction == "minimize" else -1.0
        scores, spent = (part.pivot_table(index="seed", columns="who", values=v) for v in ("score", "seconds"))
        cells = "".join(
            f"{scores[p].mean():>10.4f}±{scores[p].sem():<7.4f}{spent[p].mean():4.0f} s" if p in scores else f"{'':>24}"
            for p in peers
        )
        print(f"{name:<15}{metric.name:<20}{cells}")
        for p in peers[1:]:
            if p in scores and "ours" in scores:
                gap = (sign * (scores["ours"] - scores[p])).dropna()
                error = gap.sem() if len(gap) > 1 else 0.0
                verdicts[p][0] += bool(gap.mean() <= max(error, scores[p].sem() if len(gap) > 1 else 0.0))
                verdicts[p][1] += 1
    for p, (count, of) in verdicts.items():
        print(f"not worse than {p} (within one standard error) on {count} of {of}")
    if len(frame):
        standing(frame, peers)
    for fault in dict.fromkeys(d["fault"] for d in rows if d.get("fault")):
        print(f"not run: {fault}")


if __name__ == "__main__":
    main()
