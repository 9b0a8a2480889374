"""As many trials at once as cores and memory carry."""

from __future__ import annotations

import pytest

from text_to_ml import start


@pytest.mark.parametrize(
    ("cores", "gigabytes", "expected"), [(2, 24.0, 2), (16, 8.0, 5), (8, 1.0, 1)], ids=["cores", "memory", "never none"]
)
def test_the_default_follows_the_scarcer_one(
    monkeypatch: pytest.MonkeyPatch, cores: int, gigabytes: float, expected: int
) -> None:
    monkeypatch.setattr(start, "available_cores", lambda: cores)
    monkeypatch.setattr(start, "memory_gb", lambda: gigabytes)
    assert start.Options.make(time="1m").workers == expected
    assert start.Options.make(time="1m", workers=3).workers == 3, "what the user says holds"
    assert expected * start.trial_memory(expected) <= 1024 * gigabytes
