"""Edited and locked modules of a run folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.language_model.brain import IRIS, Brain
from text_to_ml import Run, synthesize
from text_to_ml.errors import OptionError
from text_to_ml.llm.scripted import ScriptedServer
from text_to_ml.program import Stage


def test_an_edited_module_is_taken_up_and_a_locked_one_searched_around(
    clean: tuple[Run, Brain, Path], tmp_path: Path
) -> None:
    run, _, _ = clean
    folder = tmp_path / "run"
    shutil.copytree(run.folder, folder)
    place = folder / "modules/modeling/linear.py"
    sound = place.read_text()
    place.write_text(sound.replace("build_model", "make_model"))
    with ScriptedServer(Brain(IRIS)) as server:
        with pytest.raises(OptionError, match=r"linear\.py: was edited and does not keep the rules"):
            synthesize(resume=folder, base_url=server.base_url)
        place.write_text("# text-to-ml: lock\n# my own model\n" + sound)
        resumed = synthesize(resume=folder, base_url=server.base_url, evaluations=6)
        assert not server.requests
    module = resumed.modules()[(Stage.MODELING, "linear")][1]
    assert module is not None and module.writer == "by hand" and "# my own model" in module.source
    after = [t for t in resumed.records if t.number >= 3]
    assert after and all(t.configuration.choices[Stage.MODELING].candidate == "linear" for t in after)
    assert resumed.best["modeling"]["candidate"] == "linear" or resumed.best["trial"] in (0, 1)


def test_a_lock_that_names_nothing_is_refused(clean: tuple[Run, Brain, Path], tmp_path: Path) -> None:
    run, _, _ = clean
    shutil.copytree(run.folder, tmp_path / "run")
    with ScriptedServer([]) as server, pytest.raises(OptionError, match="Did you mean 'modeling/linear'"):
        synthesize(resume=tmp_path / "run", base_url=server.base_url, lock=["modeling/lineer"])
