"""Verification of one module of a program for tables: the job that runs its rules. Runs in the sandbox."""

from __future__ import annotations

from typing import Any

from text_to_ml.domains.shared.verification import Kit, verified
from text_to_ml.domains.tabular import DOMAIN
from text_to_ml.domains.tabular.cases import TablePreparationCase
from text_to_ml.domains.tabular.synthetic import TableFeatures

KIT = Kit(TableFeatures.make, TablePreparationCase)
cases_of = KIT.cases_of


def verify(payload: dict[str, Any]) -> dict[str, Any]:
    """Job: run the unit tests of one module (see `text_to_ml.domains.shared.verification.verified`)."""
    return verified(payload, DOMAIN.rules(payload["stage"]), KIT)
