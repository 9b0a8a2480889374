"""Small synthetic stand-ins for the files of the paper's tasks, in the same layout, so that each example runs at once.

    python examples/stand_ins.py [TASK ...] [--to FOLDER]        # writes FOLDER/<task>/…, FOLDER being the folder of this file

Nothing in them comes from the real data sets: numbers are drawn at random, texts are put together from short word lists, images are
painted. They are easy on purpose. Put the real files in their place with `layout.py`.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

Random = np.random.Generator
HERE = Path(__file__).resolve().parent
PALETTE = [(214, 60, 60), (60, 160, 70), (60, 90, 200), (220, 190, 60), (150, 80, 180), (70, 190, 190), (240, 140, 50)]


def save(frame: pd.DataFrame, path: Path) -> None:
    """Write a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False, lineterminator="\n")


def boston(folder: Path, random: Random) -> None:
    """Thirteen measurements and a price."""
    n = 160
    frame = pd.DataFrame({
        "CRIM": random.exponential(3.0, n), "ZN": random.choice([0.0, 12.5, 25.0, 80.0], n), "INDUS": random.uniform(0.5, 27, n),
        "CHAS": random.integers(0, 2, n), "NOX": random.uniform(0.4, 0.85, n), "RM": random.normal(6.3, 0.7, n),
        "AGE": random.uniform(5, 100, n), "DIS": random.uniform(1.1, 10, n), "RAD": random.integers(1, 25, n),
        "TAX": random.integers(190, 710, n), "PTRATIO": random.uniform(13, 22, n), "B": random.uniform(200, 396, n),
        "LSTAT": random.uniform(2, 36, n),
    }).round(3)  # fmt: skip
    price = 12 + 6 * (frame["RM"] - 5) - 0.4 * frame["LSTAT"] - 9 * (frame["NOX"] - 0.5) + random.normal(0, 1.5, n) + 10
    save(frame.assign(MEDV=price.clip(5, 50).round(1)), folder / "data.csv")


def age(folder: Path, random: Random) -> None:
    """56 measurements, one of them a category, few positives."""
    n = 200
    names = [a + b for a, b in product("ABCDEFG", "ABCDFHLNR")][:55]
    label = (np.arange(n) % 6 == 0).astype(int)
    values = random.lognormal(0.0, 1.0, (n, 55))
    values[:, :8] *= 1 + 1.2 * label[:, None]
    frame = pd.DataFrame(values.round(4), columns=names)
    frame.iloc[::17, 3] = np.nan
    frame.insert(30, "EJ", random.choice(["A", "B"], n))
    frame.insert(0, "Id", [f"{i:012x}" for i in random.integers(0, 2**47, n)])
    save(frame.assign(Class=label), folder / "train.csv")


def default(folder: Path, random: Random) -> None:
    """Several statements a customer, labels apart."""
    customers = [f"{a:016x}{b:016x}" * 2 for a, b in random.integers(0, 2**62, (80, 2))]
    label = (np.arange(80) % 4 == 0).astype(int)
    names = [
        f"{kind}_{i}"
        for kind, count in (("P", 3), ("D", 96), ("S", 22), ("B", 40), ("R", 27))
        for i in range(1, count + 1)
    ]
    rows = []
    for customer, bad in zip(customers, label, strict=True):
        for month in range(int(random.integers(1, 4))):
            values = random.random(len(names)).round(2)
            values[:6] = (0.3 * values[:6] + 0.7 * (random.random(6) < 0.2 + 0.6 * bad)).round(2)
            rows.append([customer, f"2017-{3 + month:02d}-{1 + month * 5:02d}", *values])
    names[names.index("S_2")] = "S_28"  # S_2 is the date
    frame = pd.DataFrame(rows, columns=["customer_ID", "S_2", *names])
    frame.loc[::7, ["D_2", "D_3"]] = np.nan
    save(frame, folder / "train_data.csv")
    save(pd.DataFrame({"customer_ID": customers, "target": label}), folder / "train_labels.csv")


def shape(kind: int, side: int, random: Random) -> Image.Image:
    """A painted shape: its form and colour tell its kind."""
    image = Image.new("RGB", (side, side), tuple(int(v) for v in random.integers(200, 240, 3) // 8 * 8))
    draw = ImageDraw.Draw(image)
    low, high = side // 6 + int(random.integers(0, 3)), side - side // 6 - int(random.integers(0, 3))
    colour = PALETTE[kind % len(PALETTE)]
    form = kind // 2 % 5
    if form == 0:
        draw.rectangle((low, low, high, high), fill=colour)
    elif form == 1:
        draw.ellipse((low, low, high, high), fill=colour)
    elif form == 2:
        draw.polygon([(low, high), (high, high), (side // 2, low)], fill=colour)
    elif form == 3:
        draw.rectangle((low, side // 3, high, 2 * side // 3), fill=colour)
    else:
        draw.ellipse((low, low, high, high), outline=colour, width=max(3, side // 8))
    return image


def batch(path: Path, labels: list[int], key: bytes, random: Random) -> None:
    """A pickle as those of CIFAR: rows of 1024 red, green and blue values."""
    images = [np.asarray(shape(label, 32, random)).transpose(2, 0, 1).ravel() for label in labels]
    names = [f"{path.name}_{i:03d}.png".encode() for i in range(len(labels))]
    content = {b"batch_label": path.name.encode(), key: labels, b"data": np.array(images, "uint8"), b"filenames": names}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=4))


def cifar_10(folder: Path, random: Random) -> None:
    """Five batches and one for validation."""
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "validation_batch"):
        batch(folder / "CIFAR_10" / name, [i % 10 for i in range(30)], b"labels", random)


def cifar_100(folder: Path, random: Random) -> None:
    """One batch for training, one for testing; only twenty of the hundred kinds, to stay small."""
    for name, count in (("train", 160), ("test", 60)):
        batch(folder / "CIFAR_100" / name, [5 * (i % 20) for i in range(count)], b"fine_labels", random)


def whale(folder: Path, random: Random) -> None:
    """Twelve animals of two species, six photographs of each."""
    rows = []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for animal in range(12):
        name = f"{random.integers(0, 2**47):012x}"
        for _ in range(6):
            image = shape(animal, int(random.integers(56, 88)), random)
            draw = ImageDraw.Draw(image)
            for notch in range(animal % 4):
                draw.line((10 + 9 * notch, 4, 14 + 9 * notch, 16), fill=(20, 20, 20), width=3)
            file = f"{random.integers(0, 2**55):014x}.jpg"
            image.save(folder / "images" / file, quality=88)
            rows.append((file, ("fin_whale", "killer_whale")[animal % 2], name))
    save(pd.DataFrame(rows, columns=["image", "species", "individual_id"]), folder / "train.csv")


def strip(folder: Path, random: Random) -> None:
    """Slides of two tissues: many small cells, or few large ones."""
    rows = []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number in range(48):
        label = "LAA" if number % 4 == 0 else "CE"
        image = Image.new("RGB", (96, 96), (236, 216, 228))
        draw = ImageDraw.Draw(image)
        count, size = (8, 11) if label == "LAA" else (26, 5)
        for x, y in random.integers(4, 92, (count + int(random.integers(0, 5)), 2)):
            draw.ellipse(
                (int(x) - size, int(y) - size, int(x) + size, int(y) + size), fill=(150, 60 + int(x) % 3 * 20, 140)
            )
        patient = f"{random.integers(0, 2**23):06x}"
        image.save(folder / "images" / f"{patient}_0.tif", compression="jpeg")
        rows.append((f"{patient}_0", int(random.integers(1, 12)), patient, 0, label))
    save(
        pd.DataFrame(rows, columns=["image_id", "center_id", "patient_id", "image_num", "label"]), folder / "train.csv"
    )


def sentence(random: Random, *words: list[str]) -> str:
    """One word out of each list."""
    return " ".join(str(random.choice(some)) for some in words)


def imdb(folder: Path, random: Random) -> None:
    """Reviews that praise or blame."""
    things = [
        "the plot",
        "the acting",
        "the music",
        "the ending",
        "the camera",
        "every scene",
        "the dialogue",
        "the lead",
    ]
    praise = ["moved me", "was a delight", "is brilliant", "was superb", "worked wonderfully", "stays with you"]
    blame = ["bored me", "was a mess", "is dreadful", "was dull", "fell flat", "insults the viewer"]
    frames = [
        "I saw this on a rainy evening.",
        "My sister chose it.",
        "It runs for two hours.",
        "There is a dog in it.",
        "It was shot abroad.",
    ]
    rows = []
    for number in range(240):
        good = number % 2 == 0
        parts = [str(random.choice(frames))]
        for _ in range(int(random.integers(3, 7))):
            agrees = random.random() < 0.85
            parts.append(sentence(random, things, praise if good == agrees else blame).capitalize() + ".")
        order = random.permutation(len(parts))
        rows.append(
            (
                "<br /><br />".join([" ".join(parts[i] for i in order[:3]), " ".join(parts[i] for i in order[3:])]),
                "positive" if good else "negative",
            )
        )
    save(pd.DataFrame(rows, columns=["review", "sentiment"]), folder / "IMDB" / "data.csv")


NEWS = {
    1: (["minister", "president", "embassy", "parliament", "rebels"], ["signs treaty", "calls election", "closes border", "meets envoys"]),
    2: (["striker", "coach", "goalkeeper", "team", "sprinter"], ["wins final", "loses match", "breaks record", "injures knee"]),
    3: (["bank", "shares", "oil firm", "retailer", "market"], ["post profit", "cut dividend", "raise prices", "buy rival"]),
    4: (["software", "satellite", "chip maker", "browser", "physicists"], ["launch update", "patch flaw", "test prototype", "map galaxy"]),
}  # fmt: skip


def ag(folder: Path, random: Random) -> None:
    """Titles and descriptions of four kinds of news."""
    places = ["in London", "in Tokyo", "on Tuesday", "after long talks", "for a second time"]
    for name, count in (("train", 240), ("validation", 80)):
        rows = []
        for number in range(count):
            who, what = NEWS[number % 4 + 1]
            other = NEWS[int(random.integers(1, 5))][0]
            text = f"{sentence(random, who, what, places)}, said {sentence(random, other)} sources; {sentence(random, who, what)}."
            rows.append((number % 4 + 1, sentence(random, who, what, places).capitalize(), text.capitalize()))
        save(pd.DataFrame(rows, columns=["Class Index", "Title", "Description"]), folder / "AG" / f"{name}.csv")


SCIENCE = {
    "a magnet": "a body that attracts iron", "an enzyme": "a protein that speeds up a reaction", "an isotope": "an atom of an element with another number of neutrons",
    "a glacier": "a slow river of ice", "a lens": "a piece of glass that bends light", "a virus": "a particle that multiplies inside cells", "an orbit": "the path of a body around another",
    "a catalyst": "a substance that speeds up a reaction and is not used up", "a fossil": "the trace of an organism in rock", "a comet": "a body of ice and dust with a tail",
    "an echo": "a sound that comes back", "a prism": "a solid that splits light into colours", "a fault": "a crack along which rock moves", "a neuron": "a cell that carries signals",
}  # fmt: skip


def exam(folder: Path, random: Random) -> None:
    """Questions about what things are; the right option shares words with the question more often than the others."""
    terms = list(SCIENCE)
    rows = []
    for number in range(110):
        chosen = [terms[i] for i in random.permutation(len(terms))[:5]]
        right = int(random.integers(0, 5))
        hint = SCIENCE[chosen[right]].split(" ", 1)[1]
        question = f"Which of these best says what {chosen[right]} is, where one speaks of the {hint.split()[0]} that {hint.split()[-1]} makes one think of?"
        rows.append((number, question, *(f"It is {SCIENCE[t]}." for t in chosen), "ABCDE"[right]))
    frame = pd.DataFrame(rows, columns=["id", "prompt", *"ABCDE", "answer"])
    save(frame[:90], folder / "train.csv")
    save(frame[90:].drop(columns="answer"), folder / "test.csv")


def learning(folder: Path, random: Random) -> None:
    """Essays whose errors and words follow their scores."""
    plain = [
        "I like school because it is good.",
        "My friend go there every day.",
        "We was happy to learn.",
        "It is important for the people.",
    ]
    rich = [
        "Nevertheless, perseverance shapes our character.",
        "Consequently, students ought to weigh the evidence.",
        "In contrast, reading broadens the imagination.",
        "Such habits, once formed, endure.",
    ]
    rows = []
    for number in range(120):
        level = random.random()
        count = int(random.integers(6, 14))
        parts = [str(random.choice(rich if random.random() < level else plain)) for _ in range(count)]
        scores = np.clip(np.round(2 * (1.5 + 3 * level + random.normal(0, 0.3, 6))) / 2, 1, 5)
        rows.append((f"{number:04X}{random.integers(0, 2**31):08X}", " ".join(parts), *scores))
    targets = ["cohesion", "syntax", "vocabulary", "phraseology", "grammar", "conventions"]
    save(pd.DataFrame(rows, columns=["text_id", "full_text", *targets]), folder / "train.csv")


TASKS: dict[str, Callable[[Path, Random], None]] = {
    "boston": boston, "age": age, "default": default, "cifar-10": cifar_10, "cifar-100": cifar_100, "whale": whale, "strip": strip,
    "imdb": imdb, "ag": ag, "exam": exam, "learning": learning,
}  # fmt: skip
"""Iris is not among them: its table is free and stands in its folder."""


def write(task: str, folder: Path) -> None:
    """Write the stand-in of one task."""
    TASKS[task](folder, np.random.default_rng([*map(ord, task)]))


def main() -> None:
    """Write those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", help=f"any of {', '.join(TASKS)}; none: all")
    parser.add_argument("--to", type=Path, default=HERE)
    options = parser.parse_args()
    for task in options.tasks or TASKS:
        if task not in TASKS:
            parser.error(f"{task}: is not one of {', '.join(TASKS)}")
        write(task, options.to / task)
        print(f"written: {options.to / task}")


if __name__ == "__main__":
    main()
