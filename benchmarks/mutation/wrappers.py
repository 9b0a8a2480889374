"""Mutations that add code: what a module takes or gives is changed on its way, as a wrong line would change it.

For modules whose estimator is a library's, so that there is no line of their own to change. Each is a text that a language
model could have written.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

PREPARATION = {
    "shuffled order": {
        "rows reversed": "return table.iloc[::-1]",
        "rows reversed under the old index": "return table.iloc[::-1].set_axis(table.index, axis=0)",
        "rows sorted by the first column": "return table.sort_values(list(table.columns)[0])",
        "rows sorted, index renewed": "return table.sort_values(list(table.columns)[0]).set_axis(table.index, axis=0)",
        "rows sampled": "return table.sample(frac=1.0, random_state=0)",
        "columns sorted by their sum": "return table[table.sum().sort_values().index]",
    },
    "off by one": {"first row repeated": "return table.iloc[[0, *range(len(table) - 1)]].set_axis(table.index, axis=0)"},
    "statistics of the rows at hand": {
        "centred by the rows at hand": "return table - table.mean()",
        "scaled by the rows at hand": "return table / table.abs().max().replace(0.0, 1.0)",
        "ranks of the rows at hand": "return table.rank()",
        "missing information filled by the rows at hand": "return table.assign(late=float(samples.isna().to_numpy().mean()))",
        "difference to the row before": "return table.assign(step=table.iloc[:, 0].diff().fillna(0.0))",
        "number of rows at hand": "return table.assign(n=float(len(table)))",
    },
    "unseeded": {
        "noise": "return table + 0.01 * np.random.normal(size=table.shape)",
        "noise of a column": "return table.assign(noise=np.random.default_rng().normal(size=len(table)))",
    },
    "target as feature": {
        "learnt by index": "return table.assign(seen=[float(self._by_index.get(i, 0.5)) for i in table.index])",
        "learnt by content": "return table.assign(seen=[float(self._by_row.get(repr(r), 0.5)) for r in table.to_numpy().tolist()])",
    },
    "input changed": {
        "samples filled in place": "samples.fillna({c: 0 for c in samples.columns if samples[c].dtype.kind in 'if'}, inplace=True)\n        return table",
        "a column added to samples": "samples['added'] = 1.0\n        return table",
    },
    "wrong dtype": {
        "float32": "return table.astype('float32')",
        "an array": "return table.to_numpy()",
        "objects": "return table.astype(object)",
    },
    "wrong shape": {
        "index renewed": "return table.reset_index(drop=True)",
        "a column doubled": "return pd.concat([table, table.iloc[:, :1]], axis=1)",
        "constant columns dropped": "return table.loc[:, table.nunique() > 1]",
        "duplicates dropped": "return table.drop_duplicates()",
        "columns of the rows at hand": "return table.loc[:, (table != 0).any()]",
        "infinite values": "return table.assign(inverse=1.0 / (table.iloc[:, 0] - table.iloc[:, 0]))",
    },
}  # fmt: skip
LOAD = {
    "target as feature": {
        "target kept": "return samples if targets is None else samples.assign(**{str(c): targets[c].reindex(samples.index) for c in targets.columns}), targets",
        "target under another name": "return samples if targets is None else samples.assign(earlier=targets.iloc[:, 0].reindex(samples.index)), targets",
        "target in an old column": "return samples if targets is None else samples.assign(**{str(samples.columns[0]): targets.iloc[:, 0].reindex(samples.index)}), targets",
    },
    "shuffled order": {
        "samples reversed": "return samples.iloc[::-1], targets",
        "samples reversed under the old index": "return samples.iloc[::-1].set_axis(samples.index, axis=0), targets",
        "targets reversed": "return samples, targets if targets is None else targets.iloc[::-1]",
        "targets reversed under the old index": "return samples, targets if targets is None else targets.iloc[::-1].set_axis(targets.index, axis=0)",
        "targets shifted": "return samples, targets if targets is None else targets.shift(1).bfill()",
        "both sampled": "order = samples.index.unique().to_series().sample(frac=1.0, random_state=0).index\n    return samples.loc[order], targets if targets is None else targets.loc[order]",
        "both sampled, index renewed": "return samples if targets is None else samples.sample(frac=1.0, random_state=0).reset_index(drop=True), targets if targets is None else targets.sample(frac=1.0, random_state=1).reset_index(drop=True)",
    },
    "off by one": {
        "last row lost": "return samples.iloc[:-1], targets if targets is None else targets.iloc[:-1]",
        "rows with gaps lost": "return samples.dropna(), targets if targets is None else targets.loc[samples.dropna().index.unique()]",
    },
    "wrong dtype": {"targets as text": "return samples, targets if targets is None else targets.astype('str')"},
}  # fmt: skip
MODEL = {
    "shuffled order": {
        "rows of outputs reversed": ("", "", "out[::-1]"),
        "outputs sorted": ("", "", "np.sort(out, axis=0)"),
        "targets sorted for fit": ("y = np.sort(y)", "", "out"),
        "targets reversed for fit": ("y = y[::-1]", "", "out"),
        "columns sorted by the rows at hand": ("", "X = X[X.sum().sort_values().index].set_axis(X.columns, axis=1)", "out"),
    },
    "statistics of the rows at hand": {
        "scaled by the rows at hand": ("", "X = (X - X.mean()) / (X.std().fillna(0.0) + 1e-9)", "out"),
        "outputs centred": ("", "", "np.clip(out - out.mean(axis=0) + (0.5 if out.ndim == 2 else 0.0), 0, None) if out.ndim == 1 else np.exp(out - out.mean(axis=0)) / np.exp(out - out.mean(axis=0)).sum(axis=1, keepdims=True)"),
        "sum over rows": ("", "", "out / out.sum(axis=0)"),
    },
    "input changed": {
        "X centred in place": ("X -= X.mean()", "", "out"),
        "y changed in place": ("y[:] = np.where(y == y[0], y, y)[::-1]", "", "out"),
        "X zeroed in place at prediction": ("", "X.iloc[:, 0] = 0.0", "out"),
    },
    "unseeded": {
        "noise in X": ("X = X + 0.1 * np.random.normal(size=X.shape)", "", "out"),
        "a random half of the rows": ("keep = np.sort(np.random.default_rng().permutation(len(X))[: max(4, len(X) * 3 // 4)]); X, y = (X.iloc[keep], y[keep]) if len(np.unique(y[keep])) == len(np.unique(y)) else (X, y)", "", "out"),
    },
    "wrong shape": {
        "last row lost": ("", "", "out[:-1]"),
        "squeezed": ("", "", "np.squeeze(out)"),
        "one more dimension": ("", "", "out[..., None]"),
        "needs two features": ("X.iloc[:, 1]", "", "out"),
        "needs 20 rows": ("X.iloc[19]", "", "out"),
        "remembers the number of rows": ("self.n = len(X)", "", "out * (len(out) / self.n)"),
    },
    "off by one": {
        "rows shifted": ("", "", "np.roll(out, 1, axis=0)"),
        "fitted without the first row, targets not": ("X, y = X.iloc[1:], y[:-1]", "", "out"),
    },
}  # fmt: skip
CLASSES = {
    "wrong class order": {
        "class columns reversed": ("", "", "out[:, ::-1]"),
        "class columns rolled": ("", "", "np.roll(out, 1, axis=1)"),
        "class columns sorted by their mean": ("", "", "out[:, np.argsort(out.mean(axis=0))]"),
        "targets counted from the other end": ("y = y.max() - y", "", "out"),
    },
    "wrong shape": {
        "labels for probabilities": ("", "", "out.argmax(axis=1)"),
        "second class only": ("", "", "out[:, 1]"),
        "half of the probabilities": ("", "", "out * 0.5"),
        "log probabilities": ("", "", "np.log(out + 1e-9)"),
    },
}  # fmt: skip
NUMBERS = {
    "wrong scale": {
        "log left on": ("y = np.log1p(np.clip(y, 0, None))", "", "out"),
        "exp of values": ("", "", "np.exp(np.clip(out, -50, 50))"),
        "sign lost": ("", "", "-out"),
        "a column": ("", "", "out.reshape(-1, 1)"),
    },
}  # fmt: skip
POST = {
    "wrong class order": {
        "classes reversed": ("classes = list(classes)[::-1]", "", "out"),
        "classes rolled": ("classes = [*classes[1:], classes[0]]", "", "out"),
        "columns reversed": ("", "outputs = outputs[:, ::-1]", "out"),
        "columns rolled": ("", "outputs = np.roll(outputs, 1, axis=1)", "out"),
    },
    "shuffled order": {
        "rows reversed": ("", "", "out[::-1]"),
        "rows sorted": ("", "", "np.sort(out, axis=0)"),
        "rows shifted": ("", "", "np.roll(out, 1, axis=0)"),
    },
    "statistics of the rows at hand": {
        "divided by the mean of the rows": ("", "outputs = outputs / (outputs.mean(axis=0) + 1e-12)", "out"),
        "centred by the rows": ("", "outputs = outputs - outputs.mean(axis=0) + 0.5", "out"),
    },
    "input changed": {"outputs changed in place": ("", "outputs *= 0.5", "out")},
    "wrong shape": {
        "last row lost": ("", "", "out[:-1]"),
        "squeezed": ("", "", "np.squeeze(out)"),
        "last column lost": ("", "outputs = outputs[:, :-1]", "out"),
        "transposed": ("", "", "out.T"),
    },
    "unseeded": {"noise": ("", "outputs = outputs + 0.05 * np.random.normal(size=outputs.shape)", "out")},
    "wrong scale": {"squared": ("", "outputs = outputs**2", "out"), "negated": ("", "outputs = -outputs", "out")},
}  # fmt: skip


def wrapped(source: str, stage: str, classification: bool) -> Iterator[tuple[str, str, str]]:
    """(operator, what, text) of every mutant of a module that adds code to it."""
    if stage == "data_preparation":
        for operator, changes in PREPARATION.items():
            for what, line in changes.items():
                yield operator, f"transform: {what}", preparation(source, line)
        for operator, changes in LOAD.items():
            for what, line in changes.items():
                text = source.replace("def load(", "def raw_load(")
                yield (
                    operator,
                    f"load: {what}",
                    text + f"\n\ndef load(files):\n    samples, targets = raw_load(files)\n    {line}\n",
                )
    elif stage == "modeling":
        for family in (MODEL, CLASSES if classification else NUMBERS):
            for operator, edits in family.items():
                for what, edit in edits.items():
                    yield operator, f"model: {what}", model(source, *edit)
    else:
        for operator, edits in POST.items():
            for what, edit in edits.items():
                yield operator, f"post-processing: {what}", post(source, *edit)


def arguments(source: str, owner: str, method: str = "") -> tuple[str, str]:
    """The signature of a function or method in the text, and its keyword-only arguments as they are passed on."""
    node = next(n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == owner)
    if isinstance(node, ast.ClassDef):
        found = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == method]
        if not found:
            return "self", ""
        node = found[0]
    return ast.unparse(node.args), ", ".join(f"{a.arg}={a.arg}" for a in node.args.kwonlyargs)


def preparation(source: str, line: str) -> str:
    """A data preparation around the module's own, which keeps what it needs of the targets."""
    signature, passed = arguments(source, "DataPreparation", "__init__")
    return (
        source.replace("class DataPreparation", "class RawPreparation")
        + f"""

class DataPreparation(RawPreparation):
    def __init__({signature}):
        super().__init__({passed})

    def fit(self, samples, targets):
        super().fit(samples, targets)
        first = np.asarray(targets, dtype=float).reshape(len(targets), -1)[:, 0]
        table = RawPreparation.transform(self, samples)
        self._by_index = dict(zip(table.index, first))
        self._by_row = dict(zip(map(repr, table.to_numpy().tolist()), first))
        return self

    def transform(self, samples):
        table = super().transform(samples)
        {line}
"""
    )


def model(source: str, before_fit: str, before: str, out: str) -> str:
    """An estimator around the module's own."""
    signature, passed = arguments(source, "build_model")
    return (
        "import numpy as np\n"
        + source.replace("def build_model(", "def raw_model(")
        + f"""

class Around:
    def __init__(self, inner):
        self.inner = inner

    def fit(self, X, y):
        {before_fit or "pass"}
        self.inner.fit(X, y)
        return self

    def predict(self, X):
        {before or "pass"}
        out = np.asarray(self.inner.predict(X), dtype=float)
        return {out}

    def predict_proba(self, X):
        {before or "pass"}
        out = np.asarray(self.inner.predict_proba(X), dtype=float)
        return {out}


def build_model({signature}):
    return Around(raw_model(n_features, n_outputs, {passed}))
"""
    )


def post(source: str, before_init: str, before: str, out: str) -> str:
    """A post-processing around the module's own."""
    signature, passed = arguments(source, "PostProcessing", "__init__")
    fit = """
    def fit(self, outputs, targets):
        super().fit(outputs, targets)
        return self
"""
    return (
        "import numpy as np\n"
        + source.replace("class PostProcessing:", "class RawPostProcessing:")
        + f"""

class PostProcessing(RawPostProcessing):
    def __init__({signature}):
        {before_init or "pass"}
        super().__init__(classes, {passed})
{fit if "def fit(" in source else ""}
    def transform(self, outputs):
        {before or "pass"}
        out = np.asarray(super().transform(outputs))
        return {out}
"""
    )
