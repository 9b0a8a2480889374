"""A whole run whose sandbox is killed again and again: it ends right, with the program of an undisturbed run."""

from __future__ import annotations

import contextlib
import random
import threading
from pathlib import Path

import psutil
import pytest

from text_to_ml.synthesize import synthesize

from ..conftest import KIND, ROOT


class Shooter(threading.Thread):
    """Kills a process of this process's sandboxes now and then, at random."""

    def __init__(self, seed: int, pause: tuple[float, float]) -> None:
        super().__init__(daemon=True)
        self.dice, self.pause, self.done, self.shots = random.Random(seed), pause, threading.Event(), 0

    def run(self) -> None:
        while not self.done.wait(self.dice.uniform(*self.pause)):
            with contextlib.suppress(psutil.Error, IndexError):
                self.dice.choice(psutil.Process().children(recursive=True)).kill()
                self.shots += 1


def program_of(folder: Path, evaluations: int) -> str:
    run = synthesize(ROOT / "examples/iris", out=folder, evaluations=evaluations, seed=3, sandbox=KIND)
    assert run.program is not None
    return (folder / "program.py").read_text()


@pytest.mark.parametrize(
    ("evaluations", "shots"), [(2, 2), pytest.param(8, 50, marks=pytest.mark.slow)], ids=["2 shots", "50 shots"]
)
def test_kills_at_random_moments_change_nothing(
    evaluations: int, shots: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXT_TO_ML_CACHE", str(tmp_path / "no passes remembered"))
    undisturbed = program_of(tmp_path / "undisturbed", evaluations)
    hit = rounds = 0
    while hit < shots:
        monkeypatch.setenv("TEXT_TO_ML_CACHE", str(tmp_path / f"passes-{rounds}"))
        shooter = Shooter(rounds, (0.5, 5.0))
        shooter.start()
        try:
            assert program_of(tmp_path / f"run-{rounds}", evaluations) == undisturbed
        finally:
            shooter.done.set()
            shooter.join()
        hit, rounds = hit + shooter.shots, rounds + 1
    print(f"{hit} kills in {rounds} runs")
