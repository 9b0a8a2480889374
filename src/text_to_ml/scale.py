"""Hyperparameters on the unit interval, log scales evened out."""

from __future__ import annotations

import math

from text_to_ml.program import Hyperparameter, Value


def from_unit(parameter: Hyperparameter, place: float) -> Value:
    """The value at a place of [0, 1]: equal lengths for each choice and each whole number, log scales evened out."""
    if parameter.kind == "categorical":
        return parameter.choices[min(int(place * len(parameter.choices)), len(parameter.choices) - 1)]
    assert parameter.low is not None and parameter.high is not None
    low, high = parameter.low, parameter.high
    value = math.exp(math.log(low) + place * math.log(high / low)) if parameter.log else low + place * (high - low)
    if parameter.kind == "int":
        return int(min(max(round(value), math.ceil(low)), math.floor(high)))
    short = float(f"{value:.4g}")
    return short if low <= short <= high else min(max(value, low), high)


def to_unit(parameter: Hyperparameter, value: Value) -> float:
    """The place of a value in [0, 1]; of a choice, the middle of its length."""
    if parameter.kind == "categorical":
        return (parameter.choices.index(value) + 0.5) / len(parameter.choices) if value in parameter.choices else 0.5
    assert parameter.low is not None and parameter.high is not None
    low, high, number = parameter.low, parameter.high, float(value)
    straight = (number - low) / (high - low)
    place = math.log(max(number, low) / low) / math.log(high / low) if parameter.log else straight
    return min(max(place, 0.0), 1.0)
