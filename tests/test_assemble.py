"""Assembly: modules written apart live in one file; names are renamed by scope; the header pins what is imported."""

from __future__ import annotations

import ast

from text_to_ml.assemble import requirements, separate
from text_to_ml.names import rename, split_imports
from text_to_ml.program import Module, Stage

SOURCE = '''
import numpy as np

LIMIT = 3


def helper(x, LIMIT=LIMIT):
    """helper and LIMIT in a text stay."""
    return x + LIMIT


class Box:
    LIMIT = 5

    def value(self):
        helper = 7
        return helper

    def use(self, values):
        return [helper(v) for v in values if v > LIMIT] + [self.LIMIT]
'''


def run(source: str) -> dict[str, object]:
    space: dict[str, object] = {}
    exec(source, space)
    return space


def test_renaming_keeps_the_meaning() -> None:
    renamed = rename(SOURCE, {"helper": "helper_b", "LIMIT": "LIMIT_b"})
    old, new = run(SOURCE), run(renamed)
    assert "helper" not in new and "LIMIT" not in new
    assert old["Box"]().use([1, 4]) == new["Box"]().use([1, 4])  # type: ignore[operator]
    assert new["Box"]().value() == 7  # type: ignore[operator]
    assert "helper and LIMIT in a text stay" in renamed


def module(stage: Stage, source: str) -> Module:
    return Module(stage, "x", source)


def test_clashing_helpers_and_imports_are_told_apart() -> None:
    modules = {
        Stage.PREPARATION: module(
            Stage.PREPARATION, "import numpy as np\ndef helper(): return 1\ndef load(files): return helper()\n"
        ),
        Stage.MODELING: module(
            Stage.MODELING,
            "import math as np\ndef helper(): return np.floor(2.5)\ndef build_model(): return helper()\n",
        ),
        Stage.POST_PROCESSING: module(
            Stage.POST_PROCESSING, "def score(): return 3\nclass PostProcessing:\n    def f(self): return score()\n"
        ),
    }
    sources = separate(modules, {"score", "fit"})
    space = run("\n".join(sources.values()))
    assert space["load"](None) == 1  # type: ignore[operator]
    assert space["build_model"]() == 2  # type: ignore[operator]
    assert space["PostProcessing"]().f() == 3  # type: ignore[operator]
    assert "score" not in space


def test_imports_are_taken_out_whole() -> None:
    imports, rest = split_imports(
        '"""Doc."""\nfrom __future__ import annotations\nfrom a import (\n    b,\n    c,\n)\nimport d\n\nx = 1\n'
    )
    assert list(imports) == ["import d", "from a import b, c"]
    assert ast.unparse(ast.parse(rest)) == "x = 1"


def test_requirements_are_pinned_distributions() -> None:
    pins = requirements("import sklearn.svm\nfrom lightgbm import LGBMClassifier\nimport json\n")
    names = [p.partition("==")[0] for p in pins]
    assert {"scikit-learn", "lightgbm", "numpy", "pandas", "joblib"} <= set(names)
    assert all(p.count("==") == 1 for p in pins)
    assert "json" not in names
