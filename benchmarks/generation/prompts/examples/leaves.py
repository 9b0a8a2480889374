import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

TARGET, SIDE = "tree", 16


def prepare(table, folder):
    """Each photo as a small grey square and a histogram of its colours; a photo that cannot be read is grey."""
    rows = []
    for name in table["image"]:
        try:
            image = Image.open(folder / "images" / name).convert("RGB")
        except OSError:
            image = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
        small = np.asarray(image.convert("L").resize((SIDE, SIDE)), dtype=float).ravel() / 255
        colours = np.asarray(image.resize((32, 32)), dtype=float).reshape(-1, 3)
        counts = [np.histogram(colours[:, i], bins=8, range=(0, 256))[0] / len(colours) for i in range(3)]
        rows.append(np.concatenate([small, *counts]))
    return np.array(rows)


def build():
    return ExtraTreesClassifier(n_estimators=300, random_state=0)


def post_process(model, probabilities):
    """The likeliest class."""
    return model.classes_[probabilities.argmax(axis=1)]


def main():
    workspace, new, output = map(Path, sys.argv[1:4])
    table = pd.read_csv(workspace / "leaves.csv")
    X, y = prepare(table, workspace), table[TARGET].to_numpy()
    train, valid = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0, stratify=y)
    model = build().fit(X[train], y[train])
    print("accuracy", accuracy_score(y[valid], post_process(model, model.predict_proba(X[valid]))))
    model = build().fit(X, y)
    rows = prepare(pd.read_csv(new / "leaves.csv"), new)
    pd.DataFrame({TARGET: post_process(model, model.predict_proba(rows))}).to_csv(output, index=False)


main()
