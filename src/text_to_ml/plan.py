"""The plan P: what a task adds to its domain's protocol — the tensors that flow between modules, and the raw columns.

Paper: Algorithm 3 (line 4), Appendix C.1 (the six specifications). Frozen values, JSON in and out; a domain checks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Dimension:
    """One dimension of a tensor: its meaning, its size where that is fixed, else the suitable range of sizes."""

    meaning: str
    size: int | None = None
    low: int = 1
    high: int | None = None

    def text(self) -> str:
        """The dimension in a few words."""
        if self.size is not None:
            return f"{self.meaning} = {self.size}"
        return self.meaning if self.high is None else f"{self.meaning} from {self.low} to {self.high}"


@dataclass(frozen=True)
class Tensor:
    """One type of tensor: ``name`` says between which modules it flows ("features", "targets", "outputs", "predictions")."""

    name: str
    dtype: str
    dimensions: tuple[Dimension, ...]


@dataclass(frozen=True)
class Plan:
    """P.

    tensors     all that flows between modules
    isomorphic  meanings of dimensions that have the same size in every tensor that has them
    columns     raw column → how it is read: number, category, date, text or ignore
    """

    tensors: tuple[Tensor, ...]
    isomorphic: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)

    def tensor(self, name: str) -> Tensor:
        """The tensor of this name; KeyError if there is none."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise KeyError(name)

    def text(self) -> str:
        """The plan in words, a line for each tensor and each kind of column."""
        lines = [f"- `{t.name}`: {t.dtype}, ({', '.join(d.text() for d in t.dimensions)})" for t in self.tensors]
        if self.isomorphic:
            lines.append(f"- the same size wherever they stand: {', '.join(self.isomorphic)}")
        kinds = sorted(set(self.columns.values()), key=list(self.columns.values()).index)
        for kind in kinds:
            names = [f"`{name}`" for name, k in self.columns.items() if k == kind]
            lines.append(f"- raw columns, {kind}: {', '.join(names)}")
        return "\n".join(lines)


def plan_from_json(data: Mapping[str, Any]) -> Plan:
    """Inverse of `text_to_ml.program.to_json` for a plan; ValueError, KeyError or TypeError name what is wrong."""
    tensors = tuple(
        Tensor(
            str(t["name"]),
            str(t["dtype"]),
            tuple(
                Dimension(str(d["meaning"]), d.get("size"), int(d.get("low") or 1), d.get("high"))
                for d in t["dimensions"]
            ),
        )
        for t in data["tensors"]
    )
    columns = {str(k): str(v) for k, v in dict(data.get("columns") or {}).items()}
    return Plan(tensors, tuple(str(m) for m in data.get("isomorphic") or ()), columns)
