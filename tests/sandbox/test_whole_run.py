"""A whole run whose sandbox is killed again and again: it ends right, with the program of an undisturbed run."""

from __future__ import annotations

import contextlib
import random
import threading
from pathlib import Path

import psutil
import pytest

from text_to_ml.synthesis import synthesize

from ..conftest import KIND, ROOT


class Shooter(threading.Thread):
    """Kills a process of this process's sandboxes at random moments, ``most`` times."""

    def __init__(self, seed: int, most: int) -> None:
        super().__init__(daemon=True)
        self.dice, self.most, self.done, self.shots = random.Random(seed), most, threading.Event(), 0

    def run(self) -> None:
        while self.shots < self.most and not self.done.wait(self.dice.uniform(0.5, 6.0)):
            with contextlib.suppress(psutil.Error, IndexError):
                self.dice.choice(psutil.Process().children(recursive=True)).kill()
                self.shots += 1


def program_of(folder: Path, evaluations: int) -> str:
    run = synthesize(ROOT / "examples/iris", out=folder, evaluations=evaluations, seed=3, sandbox=KIND)
    assert run.program is not None
    return (folder / "program.py").read_text()


@pytest.mark.parametrize(
    ("evaluations", "most", "shots"),
    [(2, 2, 1), pytest.param(8, 10, 50, marks=pytest.mark.slow)],
    ids=["a shot or two", "50 shots"],
)
def test_kills_at_random_moments_change_nothing(
    evaluations: int, most: int, shots: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXT_TO_ML_CACHE", str(tmp_path / "passes"))
    undisturbed = program_of(tmp_path / "undisturbed", evaluations)
    hit = rounds = 0
    while hit < shots:
        monkeypatch.setenv("TEXT_TO_ML_CACHE", str(tmp_path / f"passes-{rounds}"))  # modules are tested again
        shooter = Shooter(rounds, most)
        shooter.start()
        try:
            assert program_of(tmp_path / f"run-{rounds}", evaluations) == undisturbed
        finally:
            shooter.done.set()
            shooter.join()
        hit, rounds = hit + shooter.shots, rounds + 1
    print(f"{hit} kills in {rounds} runs")
