"""Tables: the exported program against default boosting, default CatBoost and FLAML at the same seconds, side by side.

    python benchmarks/tables.py [--seconds 60] [--seeds 3] [--data DIR] [--flaml-python PATH] [--only NAMES] [--out FILE]

25 % outer splits of tables bundled with scikit-learn (and of Boston, Age, Default, Iris where --data holds them). Each
line of the output file is one result; a run that was stopped goes on where it stopped. FLAML is optional: give the
interpreter of an environment that has it. Imports only the door of text_to_ml.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.results import Results, arguments, run_and_predict

import text_to_ml


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


def ours(table: Table, train: np.ndarray, test: np.ndarray, seconds: float, seed: int, work: Path) -> np.ndarray:
    """Run the command line, then the exported program alone, as a user would."""
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
    note = run_and_predict(work, seconds, seed)
    (work / "summary.json").write_text(json.dumps(note))
    frame = pd.read_csv(work / "out.csv")
    if table.entity:
        frame = frame.set_index(table.entity).loc[table.labels.index[test]]
    columns = [c for c in frame.columns if str(c) == table.target or str(c).startswith(f"{table.target}_")]
    values = frame[columns].to_numpy()
    return values[:, 0] if values.shape[1] == 1 else values


PEER = """
import json, sys, warnings
warnings.filterwarnings("ignore")
import numpy as np, pandas as pd
kind, metric, seconds, seed, folder, peer = sys.argv[1:7]
X, y = pd.read_csv(f"{folder}/X.csv"), pd.read_csv(f"{folder}/y.csv").iloc[:, 0]
T = pd.read_csv(f"{folder}/T.csv")
classification = kind == "classification"
if peer == "boosting":
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    model = (HistGradientBoostingClassifier if classification else HistGradientBoostingRegressor)(random_state=int(seed))
    model.fit(X, y)
elif peer == "catboost":
    from catboost import CatBoostClassifier, CatBoostRegressor
    model = (CatBoostClassifier if classification else CatBoostRegressor)(random_seed=int(seed), verbose=False, allow_writing_files=False)
    model.fit(X, y)
else:
    from flaml import AutoML
    model = AutoML()
    names = {"rmse": "rmse", "log_loss": "log_loss", "balanced_log_loss": "log_loss", "accuracy": "accuracy", "amex": "roc_auc"}
    model.fit(X, y, task=kind, metric=names[metric], time_budget=float(seconds), seed=int(seed), verbose=0, n_jobs=2)
if not classification or metric == "accuracy":
    out = np.asarray(model.predict(T)).ravel().tolist()
else:
    out = model.predict_proba(T).tolist()
json.dump(out, open(f"{folder}/{peer}.json", "w"))
"""


def peer(
    table: Table, train: np.ndarray, test: np.ndarray, seconds: float, seed: int, work: Path, who: str, python: str
) -> np.ndarray:
    """One of the peers in an interpreter of its own."""
    features = numeric(table)
    features.iloc[train].to_csv(work / "X.csv", index=False)
    features.iloc[test].to_csv(work / "T.csv", index=False)
    labels = table.labels.reset_index(drop=True)
    classes = {label: code for code, label in enumerate(sorted(labels.unique()))}
    coded = labels.map(classes) if table.kind == "classification" else labels
    coded.iloc[train].to_csv(work / "y.csv", index=False)
    arguments = [table.kind, table.metric, str(seconds), str(seed), str(work), who]
    subprocess.run([python, "-c", PEER, *arguments], check=True, capture_output=True, timeout=20 * seconds + 300)
    out = np.array(json.loads((work / f"{who}.json").read_text()))
    if table.metric == "accuracy":
        names = sorted(labels.unique())
        return np.array([names[int(v)] for v in out], dtype=object)
    if table.metric == "balanced_log_loss":
        shares = np.bincount(coded.iloc[train]) / len(train)
        out = out / shares
        out = out / out.sum(axis=1, keepdims=True)
    return out


def main() -> None:
    """Run what is missing and print the table."""
    parser = arguments(__doc__ or "", 60, 3, "benchmarks/cache/tables.jsonl")
    parser.add_argument("--flaml-python", default="")
    options = parser.parse_args()
    done = Results(options.out)
    tables = [t for t in (*given(options.data), *bundled()) if not options.only or t.name in options.only.split(",")]
    peers = ["ours", "boosting", "catboost", *(["flaml"] if options.flaml_python else [])]
    for seed in range(options.seeds):
        for table in tables:
            for who in peers:
                if done.has(table=table.name, seed=seed, who=who, limit=options.seconds):
                    continue
                train, test = split(table, seed)
                started = time.perf_counter()
                with tempfile.TemporaryDirectory() as name:
                    work = Path(name)
                    if who == "ours":
                        outputs = ours(table, train, test, options.seconds, seed, work)
                        note = json.loads((work / "summary.json").read_text())
                    else:
                        python = options.flaml_python if who == "flaml" else sys.executable
                        outputs = peer(table, train, test, options.seconds, seed, work, who, python)
                        note = {}
                row = {
                    "table": table.name, "seed": seed, "who": who, "limit": options.seconds, "metric": table.metric,
                    "score": score(table, table.labels.iloc[test], outputs), "seconds": round(time.perf_counter() - started, 1),
                }  # fmt: skip
                done.add(row, note)
    report(done.rows, peers, options.seconds)


def report(done: list[dict], peers: list[str], seconds: float) -> None:
    """Mean score and its standard error over seeds; who is not worse than whom (within one standard error)."""
    frame = pd.DataFrame([d for d in done if d["limit"] == seconds])
    print(f"\n{'table':<15}{'metric':<20}" + "".join(f"{p:>18}" for p in peers))
    verdicts: dict[str, int] = dict.fromkeys(peers[1:], 0)
    for name, rows in frame.groupby("table", sort=False):
        metric = text_to_ml.get_metric(rows.metric.iloc[0])
        sign = 1.0 if metric.direction == "minimize" else -1.0
        pivot = rows.pivot_table(index="seed", columns="who", values="score")
        cells = "".join(
            f"{pivot[p].mean():>10.4f}±{pivot[p].sem():<7.4f}" if p in pivot else f"{'':>18}" for p in peers
        )
        print(f"{name:<15}{metric.name:<20}{cells}")
        for p in peers[1:]:
            if p in pivot:
                gap = sign * (pivot["ours"] - pivot[p])
                error = gap.sem() if len(gap) > 1 else 0.0
                verdicts[p] += bool(gap.mean() <= max(error, pivot[p].sem() if len(gap) > 1 else 0.0))
    for p, count in verdicts.items():
        print(f"not worse than {p} (within one standard error) on {count} of {frame.table.nunique()}")


if __name__ == "__main__":
    main()
