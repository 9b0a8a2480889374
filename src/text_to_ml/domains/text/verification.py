"""Verification of one module of a program for texts: the job that runs its rules. Runs in the sandbox."""

from __future__ import annotations

from typing import Any

from text_to_ml.domains.shared.verification import Kit, verified
from text_to_ml.domains.text import DOMAIN
from text_to_ml.domains.text.cases import TextPreparationCase
from text_to_ml.domains.text.sequence_network import network_case
from text_to_ml.domains.text.synthetic import TextFeatures

KIT = Kit(TextFeatures.make, TextPreparationCase, network=network_case)
cases_of = KIT.cases_of


def verify(payload: dict[str, Any]) -> dict[str, Any]:
    """Job: run the unit tests of one module (see `text_to_ml.domains.shared.verification.verified`)."""
    return verified(payload, DOMAIN.rules(payload["stage"]), KIT)
