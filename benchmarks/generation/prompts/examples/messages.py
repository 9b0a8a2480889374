import sys
from pathlib import Path

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

TARGET = "kind"


def prepare(table):
    """Subject and body as one text."""
    return table["subject"].fillna("").astype(str) + " " + table["body"].fillna("").astype(str)


def build():
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))
    return make_pipeline(words, LogisticRegression(C=10.0, max_iter=1000))


def post_process(model, probabilities):
    """One column per class, named after target and class."""
    return pd.DataFrame(probabilities, columns=[f"{TARGET}_{label}" for label in model.classes_])


def main():
    workspace, new, output = map(Path, sys.argv[1:4])
    table = pd.read_csv(workspace / "messages.csv")
    train, valid = train_test_split(table, test_size=0.2, random_state=0, stratify=table[TARGET])
    model = build().fit(prepare(train), train[TARGET])
    print("log loss", log_loss(valid[TARGET], model.predict_proba(prepare(valid)), labels=model.classes_))
    model = build().fit(prepare(table), table[TARGET])
    rows = prepare(pd.read_csv(new / "messages.csv"))
    post_process(model, model.predict_proba(rows)).to_csv(output, index=False)


main()
