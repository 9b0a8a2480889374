import sys
from pathlib import Path

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

TARGET = "rentals"
CATEGORIES = ["weather", "season"]
NUMBERS = ["temperature", "wind"]


def prepare(table):
    """Columns of the model: numbers, categories as text, and parts of the date."""
    day = pd.to_datetime(table["day"], errors="coerce")
    parts = {"month": day.dt.month, "weekday": day.dt.dayofweek}
    return (
        table[NUMBERS].astype(float).assign(**parts, **{c: table[c].fillna("missing").astype(str) for c in CATEGORIES})
    )


def build():
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((encoder, CATEGORIES), remainder="passthrough")
    return make_pipeline(columns, HistGradientBoostingRegressor(random_state=0))


def post_process(values):
    """Counts are not negative."""
    return values.clip(min=0)


def main():
    workspace, new, output = map(Path, sys.argv[1:4])
    table = pd.read_csv(workspace / "rentals.csv")
    train, valid = train_test_split(table, test_size=0.2, random_state=0)
    model = build().fit(prepare(train), train[TARGET])
    print("MAE", mean_absolute_error(valid[TARGET], post_process(model.predict(prepare(valid)))))
    model = build().fit(prepare(table), table[TARGET])
    predictions = post_process(model.predict(prepare(pd.read_csv(new / "rentals.csv"))))
    pd.DataFrame({TARGET: predictions}).to_csv(output, index=False)


main()
