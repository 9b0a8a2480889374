"""The methods of Table 1: in small, with a scripted language model behind a real server, with the noisy writer, and replayed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmarks.generation.bench import Bench, opened
from benchmarks.generation.heldout import hold_out
from benchmarks.generation.log import Log, figures, read
from benchmarks.generation.methods import EXAMPLES, FOLDER, Session, generate, representatives, whole_messages
from benchmarks.generation.noisy import NoisyLLM
from benchmarks.generation.validity import LIMITS
from benchmarks.valid_programs import METHODS, main, table
from PIL import Image

from tests.conftest import ROOT
from tests.language_model.brain import FEW, IRIS, Brain, fenced
from text_to_ml.llm.scripted import ScriptedLLM, ScriptedServer

PROGRAM = """
import sys
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

train, new = (pd.read_csv(f"{folder}/iris.csv") for folder in sys.argv[1:3])
columns = [c for c in new.columns if c != "plant"]
model = DecisionTreeClassifier(random_state=0).fit(train[columns], train["species"])
pd.DataFrame({"species": model.predict(new[columns])}).to_csv(sys.argv[3], index=False)
"""


class Author(Brain):
    """The scripted model, which also writes whole programs; the first of each method is wrong."""

    def __call__(self, request: dict[str, Any]) -> Any:
        prompt = str(request["messages"][1]["content"])
        if prompt.startswith("# Write the whole program"):
            method = "cot" if "## Examples" in prompt else "other"
            self.asked.append(method)
            wrong = self.asked.count(method) == 1 and method == "other"
            return fenced(PROGRAM.replace("DecisionTree", "DecisionBush") if wrong else PROGRAM)
        if prompt.startswith("# Reflect on a failed program"):
            return "The class does not exist."
        return super().__call__(request)


def lines_of(path: Path, method: str, kind: str = "attempt") -> list[dict[str, Any]]:
    return [line for line in read(path) if line["method"] == method and line["kind"] == kind]


def test_all_methods_with_a_scripted_language_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, record = tmp_path / "out.jsonl", tmp_path / "record.jsonl"
    with ScriptedServer(Author(IRIS, names=FEW)) as server:
        given = ["--tasks", "iris", "--attempts", "3", "--out", str(out), "--candidates", "2"]
        assert main(["--model", "openai:author", "--base-url", server.base_url, "--record", str(record), *given]) == 0
        found = {key[2]: value for key, value in figures(read(out)).items()}
        assert set(found) == set(METHODS) and all(f["attempts"] == 3 for f in found.values())
        assert {m for m, f in found.items() if f["valid"]} == set(METHODS), found
        assert found["cot"]["mean"] == 1.0 and found["standard"] == found["standard"] | {"mean": 3.0, "verified": 1}
        asked = len(server.requests)
        assert main(["--model", "openai:author", "--base-url", server.base_url, *given]) == 0
        assert len(server.requests) == asked, "what was done is not done again"
    again = tmp_path / "again.jsonl"
    assert main(["--model", f"replay:{record}", *given[:4], "--out", str(again), "--candidates", "2"]) == 0
    assert [line["source"] for line in lines_of(again, "cot")] == [line["source"] for line in lines_of(out, "cot")]
    assert figures(read(again)).keys() != set() and "| iris |" in capsys.readouterr().out


def test_reflexion_is_shown_what_happened_and_its_reflection(tmp_path: Path) -> None:
    author = Author(IRIS, names=FEW)
    with ScriptedServer(author) as server:
        given = ["--tasks", "iris", "--attempts", "2", "--out", str(tmp_path / "o.jsonl"), "--methods", "reflexion"]
        assert main(["--model", "openai:author", "--base-url", server.base_url, *given]) == 0
        prompts = [str(r.body["messages"][1]["content"]) for r in server.requests]
    titles = [p.splitlines()[0] for p in prompts]
    assert titles == ["# Write the whole program", "# Reflect on a failed program", "# Write the whole program"]
    assert "DecisionBush" in prompts[2] and "The class does not exist." in prompts[2]
    assert [line["valid"] for line in lines_of(tmp_path / "o.jsonl", "reflexion", "program")] == [False, True]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with opened(ROOT / "examples/iris", tmp_path_factory.mktemp("bench")) as made:
        yield made


def test_the_noisy_writer_is_right_without_noise_and_mends_what_it_is_shown(bench: Bench, tmp_path: Path) -> None:
    log = Log(tmp_path / "log.jsonl")
    session = Session(bench, NoisyLLM(bench, 0.0), log, ("noisy", "iris", "zero-shot"), 1)
    generate(session, "zero-shot")
    assert figures(log.lines)[session.key]["valid"] == 1
    llm = NoisyLLM(bench, 0.2, 1.0, seed=2)
    first = llm.text("write", "modeling/linear", None)
    llm.epsilon = 0.0
    llm.threads["modeling/linear"].channel.epsilon = 0.0
    wrong = llm.threads["modeling/linear"].last
    assert wrong is not None and wrong.edits and first == wrong.text
    feedback = "\n".join(f"line {line}: there" for line in wrong.lines.values())
    assert llm.text("write", "modeling/linear", feedback) == llm.threads["modeling/linear"].channel.text


def test_prompts_of_whole_programs_say_how_they_are_run(bench: Bench, tmp_path: Path) -> None:
    session = Session(bench, ScriptedLLM([]), Log(tmp_path / "x"), ("m", "iris", "cot"), 1)
    said = {
        m: whole_messages(session, m, attempts=[], reflection="", functions=[])[1].content for m in ("cot", "zero-shot")
    }
    assert all(
        "`species` (labels" in text and "python program.py WORKSPACE NEW OUTPUT" in text for text in said.values()
    )
    assert said["cot"].count("### Example") == 3 and "step by step" in said["zero-shot"]


@pytest.mark.parametrize("name", ["default", "learning", "exam", "whale", "cifar-10"])
def test_prompts_tell_the_columns_of_every_form(name: str, tmp_path: Path) -> None:
    held = hold_out(ROOT / "examples" / name, tmp_path)
    some: Any = SimpleNamespace(share="summary", bench=SimpleNamespace(held=held, judge=SimpleNamespace(limits=LIMITS)))
    system, user = whole_messages(some, "reflexion", attempts=[], reflection="", functions=[])
    for words in {
        "default": ["`target_0`, `target_1` (prob", "one line per new customer_ID", "`train_labels.csv` is not there"],
        "learning": ["`cohesion`, `syntax`", "(numbers)", "without the targets"],
        "exam": ["`answer` (labels, the likeliest first, up to 3"],
        "whale": ["`individual_id` (labels, the likeliest first, up to 5"],
        "cifar-10": ["`labels` (labels", "Its `CIFAR_10/data_batch_1` holds"],
    }[name]:
        assert words in user.content
    assert held.task.name in system.content


def test_representatives_are_one_of_each_kind() -> None:
    loads = [f"def load(path):\n    table = read_csv(path)\n    return table.dropna().head({i})\n" for i in range(4)]
    others = [f"def {n}(x):\n    return {n}_{n}({n} + 1)\n" for n in ("fit", "score", "plot", "save")]
    found = representatives([*loads, "\n\n".join(others), "no python ("])
    assert len(found) == 5 and sum("read_csv" in text for text in found) == 1


def test_attempts_are_counted_between_valid_programs(tmp_path: Path) -> None:
    log, key = Log(tmp_path / "log.jsonl"), ("m", "iris", "standard")
    for kinds in ("aaap", "aaaaav", "av", "aa"):
        for kind in kinds:
            if kind == "a":
                log.append(key, "attempt", place="x", source="")
            else:
                log.append(key, "program", valid=kind == "v", verified=True)
    with log.path.open("a") as stream:
        stream.write('{"cut sho')
    found = figures(read(log.path))[key]
    assert (found["mean"], found["valid"], found["attempts"], found["false_positives"]) == (4.5, 2, 11, 1)
    assert "4.5 ± 4.9 (2) [3.2]" in table(log, "m")


def test_worked_examples_run(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = 60
    frames = {
        "rentals": pd.DataFrame({
            "day": pd.date_range("2024-01-01", periods=rows).astype(str), "temperature": random.normal(size=rows), "wind": random.random(rows),
            "weather": random.choice(["rain", "sun"], rows), "season": "winter", "rentals": random.integers(0, 99, rows),
        }),
        "messages": pd.DataFrame({
            "subject": random.choice(["where is it", "too late", "ten boxes"], rows), "body": "hello there",
            "kind": ["question", "complaint", "order"] * (rows // 3),
        }),
        "leaves": pd.DataFrame({"image": [f"{i}.png" for i in range(rows)], "tree": ["oak", "elm"] * (rows // 2)}),
    }  # fmt: skip
    for name in EXAMPLES:
        work, new = tmp_path / name / "work", tmp_path / name / "new"
        for folder in (work, new):
            (folder / "images").mkdir(parents=True)
            for i in range(rows if name == "leaves" else 0):
                Image.new("RGB", (20 + i % 3, 24), (200 * (i % 2), 90, i)).save(folder / "images" / f"{i}.png")
        frame = frames[name]
        frame.to_csv(work / f"{name}.csv", index=False)
        frame.drop(columns=frame.columns[-1]).to_csv(new / f"{name}.csv", index=False)
        output = tmp_path / name / "out.csv"
        line = [sys.executable, FOLDER / "examples" / f"{name}.py", work, new, output]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert len(pd.read_csv(output)) == rows


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "noisy:0.1", "--tasks", "nowhere"], "--tasks nowhere: no folder"),
        (["--model", "openai:x", "--base-url", "localhost"], "is not an address"),
    ],
)
def test_bad_options_end_in_one_line(arguments: list[str], words: str, tmp_path: Path, capsys: Any) -> None:
    assert main([*arguments, "--out", str(tmp_path / "o.jsonl")]) == 2
    assert words in capsys.readouterr().err
