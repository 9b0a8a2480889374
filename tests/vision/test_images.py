"""How image tasks are understood: layouts, labels, splits, profiles, broken files; and pickles that want more than to be read."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from text_to_ml.errors import AmbiguousTaskError, DataError, TaskError
from text_to_ml.program import Stage
from text_to_ml.runtime.job import execute
from text_to_ml.task import check
from text_to_ml.task.explain import explain
from text_to_ml.task.images import pattern_of
from text_to_ml.task.pickles import batch_of, read_pickle
from text_to_ml.task.pictures import look_at
from text_to_ml.task.reading import read_table
from text_to_ml.values import Category, Domain, Form, Task
from text_to_ml.writers.catalogue import CatalogueWriter

from ..conftest import command
from .conftest import LAYOUTS, SHAPES, many, save, write_images

SHARED = Path(__file__).resolve().parents[3] / "shared/data"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_understood(layout: str, pictures: dict[str, Path]) -> None:
    task = check(pictures[layout])
    assert task.domain is Domain.VISION and task.pictures is not None
    lines = explain(task)
    assert max(map(len, lines)) <= 78
    assert any(line.startswith("images     ") and " pixels" in line for line in lines)
    expected = {
        "table": (72, ("label",), Category.MULTICLASS, "image_table"),
        "suffixless": (72, ("label",), Category.MULTICLASS, "image_table"),
        "folders": (72, ("label",), Category.MULTICLASS, "image_folders"),
        "parts": (48, ("label",), Category.MULTICLASS, "image_folders"),
        "names": (72, ("label",), Category.MULTICLASS, "image_names"),
        "pickles": (54, ("labels",), Category.MULTICLASS, "image_pickle"),
        "tags": (72, ("bars", "cross", "disc", "even", "odd"), Category.MULTILABEL, "image_table"),
        "labels": (72, ("disc", "bars"), Category.MULTILABEL, "image_table"),
        "numbers": (72, ("light", "half"), Category.MULTIOUTPUT_REGRESSION, "image_table"),
        "identities": (72, ("who",), Category.MULTICLASS, "image_table"),
    }[layout]
    assert (task.rows, task.targets, task.category, task.samples_table.reader.function) == expected
    assert task.form is (Form.RANKINGS if layout == "identities" else task.form)


def test_roles_of_parts_and_pickles(pictures: dict[str, Path]) -> None:
    parts, batches = check(pictures["parts"]), check(pictures["pickles"])
    assert [(t.role, t.key) for t in parts.tables] == [("samples", "train"), ("validation", "val"), ("test", "test")]
    assert [t.role for t in batches.tables] == ["samples", "more", "validation"]
    assert batches.classes == (0, 1, 2) and batches.samples_table.rows == 30


def test_a_pickle_without_labels_is_no_training_file(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (60, 3072)).astype(np.uint8)
    names = [f"{i:03d}.png".encode() for i in range(60)]
    new = {b"data": pixels[40:], b"filenames": names[40:]}
    (tmp_path / "new").write_bytes(pickle.dumps(new))
    text = "---\ndomain: vision\n---\n## Input data\nImages.\n## Output data\nThe class of each.\n## Files\nPickles.\n"
    (tmp_path / "task.md").write_text(text, encoding="utf-8")
    with pytest.raises(TaskError, match="single column 'filenames'"):
        check(tmp_path)
    known = {b"data": pixels[:40], b"labels": [i % 4 for i in range(40)], b"filenames": names[:40]}
    (tmp_path / "train").write_bytes(pickle.dumps(known))
    task = check(tmp_path)
    assert (task.samples_table.key, task.targets, len(task.classes)) == ("train", ("labels",), 4)
    assert "new is not used: it has no labels." in task.notes
    (tmp_path / "task.md").write_text(text.replace("domain: vision", "domain: vision\ntarget: kind"), encoding="utf-8")
    with pytest.raises(TaskError, match="'kind' is not a column of"):
        check(tmp_path)


def test_front_matter_names_the_parts(tmp_path: Path) -> None:
    for part in ("mine", "yours"):
        write_images(tmp_path / part, "folders", 24)
        (tmp_path / part / "task.md").unlink()
    text = "---\nimages: mine\ntest: yours/pictures\n---\n## Input data\nImages.\n## Output data\nThe shape.\n"
    (tmp_path / "task.md").write_text(text, encoding="utf-8")
    task = check(tmp_path)
    assert [(t.role, t.key) for t in task.tables] == [("samples", "mine/pictures"), ("test", "yours/pictures")]
    (tmp_path / "task.md").write_text(text.replace("yours/", "your/"), encoding="utf-8")
    with pytest.raises(DataError, match=r"test: 'pictures' is not in"):
        check(tmp_path)
    batches = write_images(tmp_path / "batches", "pickles")
    named = (batches / "task.md").read_text(encoding="utf-8")
    (batches / "task.md").write_text("---\ntest: data_batch_2\n---\n" + named, encoding="utf-8")
    assert [t.role for t in check(batches).tables] == ["samples", "validation", "test"]


def test_ids_group_and_names_without_suffix(pictures: dict[str, Path]) -> None:
    task = check(pictures["suffixless"])
    images = next(t for t in task.tables if t.role == "images")
    assert (images.key, images.reader.options["suffix"], images.reader.options["column"]) == (
        "images",
        ".tif",
        "image_id",
    )
    assert task.samples_table.reader.options["options"]["dtype"] == {"image_id": "str"}, "0001 must not become 1"
    assert task.ids == ("image_id",) and task.group == "patient"
    assert check(pictures["table"]).ids == ("image_file",)


def test_an_entity_of_images_is_kept_together(tmp_path: Path, pictures: dict[str, Path]) -> None:
    folder = write_images(tmp_path / "w", "table", 24)
    text = (folder / "task.md").read_text(encoding="utf-8").replace("group: patient", "entity: patient")
    (folder / "task.md").write_text(text, encoding="utf-8")
    task = check(folder)
    assert task.entity is None and task.group == "patient" and any("kept together" in n for n in task.notes)


def test_images_beside_a_table_and_deeper_ones(tmp_path: Path) -> None:
    for i, (image, _) in enumerate(many(12)):
        save(image, tmp_path / ("a" if i % 2 else "b") / "deep" / f"x{i}.png")
    frame = pd.DataFrame({"file": [f"x{i}" for i in range(12)], "kind": ["u", "v", "w"] * 4})
    frame.to_csv(tmp_path / "labels.csv", index=False)
    (tmp_path / "task.md").write_text(
        "---\ntarget: kind\n---\n## Input data\nImages.\n## Files\nlabels.csv", encoding="utf-8"
    )
    task = check(tmp_path)
    images = next(t for t in task.tables if t.role == "images")
    assert images.key == "." and images.reader.options["deep"] is True and task.rows == 12


def test_a_folder_of_images_without_a_word_is_a_vision_task(tmp_path: Path) -> None:
    for i, (image, label) in enumerate(many(12)):
        save(image, tmp_path / f"{i:03d}-{label}.png")
    task = check("Tell the shapes apart.", workspace=tmp_path)
    assert task.domain is Domain.VISION and task.classes == tuple(sorted(SHAPES)) and task.rows == 12


@pytest.mark.parametrize(
    ("pattern", "name", "label"),
    [
        ("{label}_{number}.jpg", "dark blue_0012", "dark blue"),
        ("{}_{label}_{}", "12_m_2017", "m"),
        ("*-{label}", "a-b-c", "b-c"),
        (r"\d+(?P<label>[a-z]+)", "17cat", "cat"),
    ],
)
def test_patterns_say_where_the_label_stands(pattern: str, name: str, label: str) -> None:
    import re

    match = re.fullmatch(pattern_of(pattern), name)
    assert match is not None and match["label"] == label


def test_labels_in_names_are_numbers_where_numbers_are_asked_for(tmp_path: Path) -> None:
    for i, (image, _) in enumerate(many(20)):
        save(image, tmp_path / f"{20 + i}_{i % 2}_x.png")
    head = "---\npattern: '{label}_{}_{}'\nmetric: rmse\n---\n"
    (tmp_path / "task.md").write_text(
        head + "## Input data\nImages of faces.\n## Output data\nThe age.\n", encoding="utf-8"
    )
    task = check(tmp_path)
    assert task.category is Category.REGRESSION and task.samples_table.column("label").high == 39


@pytest.mark.parametrize(
    ("option", "kind", "words"),
    [
        ("pattern: '{labl}_{n}'", TaskError, "must say where the label stands"),
        ("pattern: '(?P<label>['", TaskError, "not a regular expression"),
        ("pattern: '{label}#{n}'", TaskError, "fits 0 of 12 names"),
        ("corrupt: ignore", TaskError, "must be skip or refuse"),
        ("images: picturs", DataError, "not a folder"),
    ],
)
def test_wrong_options_are_named(option: str, kind: type[Exception], words: str, tmp_path: Path) -> None:
    for i, (image, label) in enumerate(many(12)):
        save(image, tmp_path / "pictures" / f"{label}_{i}.png")
    (tmp_path / "task.md").write_text(
        f"---\n{option}\n---\n## Input data\nImages.\n## Output data\nThe shape.\n", encoding="utf-8"
    )
    with pytest.raises(kind, match=words):
        check(tmp_path)


def test_images_without_any_label_are_asked_about(tmp_path: Path) -> None:
    for i, (image, _) in enumerate(many(8)):
        save(image, tmp_path / f"{'abcdefgh'[i] * 3}.png")
    with pytest.raises(AmbiguousTaskError, match="pattern:"):
        check("Images of shapes; which shape is it?", workspace=tmp_path)


@pytest.mark.parametrize("layout", ["table", "folders", "names"])
def test_broken_images_are_counted_named_once_and_left_out(layout: str, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "w", layout, 36)
    broken = sorted(folder.rglob("*.png"))[:3]
    broken[0].write_bytes(b"no image at all")
    broken[1].write_bytes(broken[1].read_bytes()[:60])
    broken[2].write_bytes(b"")
    lost = 3
    if layout == "table":
        frame = pd.read_csv(folder / "train.csv")
        frame.loc[len(frame)] = ["absent.png", "a", "disc", "p0"]
        frame.to_csv(folder / "train.csv", index=False)
        lost = 4
    task = check(folder)
    notes = [n for n in task.notes if "cannot be read" in n]
    assert len(notes) == 1 and notes[0].startswith(f"{lost} of {36 + lost - 3} images") and broken[0].name in notes[0]
    assert task.rows == 33
    text = (folder / "task.md").read_text(encoding="utf-8")
    front = text if text.startswith("---") else "---\n---\n" + text
    (folder / "task.md").write_text(front.replace("---\n", "---\ncorrupt: refuse\n", 1), encoding="utf-8")
    with pytest.raises(DataError, match=f"{lost} of"):
        check(folder)


def test_errors_have_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "task.md").write_text(
        "## Input data\nImages.\n## Output data\nThe shape.\n## Files\npictures\n", encoding="utf-8"
    )
    done = command("check", tmp_path)
    assert done.returncode == 2 and "holds no images" in done.stderr and "Traceback" not in done.stderr


class Evil:
    """Runs a command when it is unpickled by the plain way."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("touch evil",)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_pickles_run_nothing(protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for value in (Evil(), {"data": Evil()}, {"f": eval}, {"f": np.load}, [np.array([Evil()], dtype=object)]):
        (tmp_path / "batch").write_bytes(pickle.dumps(value, protocol=protocol))
        with pytest.raises(DataError, match="only arrays and plain values"):
            read_pickle(tmp_path / "batch")
    assert not (tmp_path / "evil").exists()
    good = {b"data": np.zeros((4, 3072), np.uint8), "labels": [1, 2, 1, 2], "t": (1.5, None, "x")}
    (tmp_path / "batch").write_bytes(pickle.dumps(good, protocol=protocol))
    batch = batch_of(read_pickle(tmp_path / "batch"))
    assert batch is not None and batch.images.shape == (4, 32, 32, 3) and batch.columns == {"labels": [1, 2, 1, 2]}


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((6, 784), "uint8"),
        ((6, 28, 28), "float64"),
        ((6, 16, 16, 3), "uint8"),
        ((6, 3, 16, 20), "uint16"),
        ((6, 1, 9, 9), "float32"),
    ],
)
def test_arrays_of_any_usual_form_become_images(shape: tuple[int, ...], dtype: str) -> None:
    random = np.random.default_rng(0)
    scale = 1 if dtype.startswith("f") else (60_000 if dtype == "uint16" else 255)
    batch = batch_of(((random.random(shape) * scale).astype(dtype), np.arange(6)))
    assert batch is not None and batch.images.dtype == np.uint8 and batch.images.shape[-1] in (1, 3)
    assert batch.images.std() > 50 and batch.columns == {"1": list(range(6))}
    assert batch_of({"numbers": random.random((6, 5)), "names": list("abcdef")}) is None


def test_profile_tells_sizes_modes_and_grey(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for i in range(4):
        light = random.integers(0, 255, (20 + i, 30), dtype=np.uint8)
        Image.fromarray(np.repeat(light[..., None], 3, axis=2)).save(tmp_path / f"{i}.png")
    Image.fromarray((np.arange(600).reshape(20, 30) * 100).astype(np.uint16)).save(tmp_path / "deep.png")
    found, good = look_at(sorted(tmp_path.iterdir()))
    assert good.all() and found.count == 5 and found.channels == 1
    assert found.widths == (30, 30, 30) and found.heights == (20, 21, 23) and found.modes == {"RGB": 4, "I;16": 1}


def known(name: str) -> Task:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip("the shared data is not here")
    return check(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "target", "classes", "form"),
    [
        ("CIFAR-10", "labels", 10, Form.LABELS),
        ("CIFAR-100", "fine_labels", 100, Form.LABELS),
        ("Whale", "individual_id", 150, Form.RANKINGS),
        ("Strip", "label", 2, Form.PROBABILITIES),
    ],
)
def test_tasks_of_the_paper_are_understood(name: str, target: str, classes: int, form: Form) -> None:
    task = known(name)
    assert (task.targets, len(task.classes), task.form) == ((target,), classes, form)


def test_programs_split_the_labels_of_images_as_check_does(pictures: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(pictures["tags"], tmp_path / "task")
    table = check(tmp_path / "task").samples_table.path
    frame = pd.read_csv(table)
    frame.assign(tags=[repr(t.split("|")) for t in frame["tags"]]).to_csv(table, index=False)
    task = check(tmp_path / "task")
    assert task.targets == ("bars", "cross", "disc", "even", "odd")
    writer = CatalogueWriter()
    module = writer.module(task, writer.space(task).stage(Stage.PREPARATION)[0])
    files = {t.key: t.path for t in task.tables}
    _, targets = execute(module.source).load(files)
    assert (
        targets.to_numpy().tolist()
        == read_table(table, task.samples_table.reader)[list(task.targets)].to_numpy().tolist()
    )
    assert targets.sum(axis=1).min() >= 2
