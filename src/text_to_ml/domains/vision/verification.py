"""Verification of one module of a program for images: the job that runs its rules. Runs in the sandbox."""

from __future__ import annotations

from typing import Any

from text_to_ml.domains.shared.synthetic import Outputs
from text_to_ml.domains.shared.verification import Kit, verified
from text_to_ml.domains.vision import DOMAIN
from text_to_ml.domains.vision.cases import ImagePreparationCase
from text_to_ml.domains.vision.synthetic import ImageFeatures, with_few_classes

KIT = Kit(ImageFeatures.make, ImagePreparationCase, outputs=lambda facts: Outputs.make(with_few_classes(facts)))
cases_of = KIT.cases_of


def verify(payload: dict[str, Any]) -> dict[str, Any]:
    """Job: run the unit tests of one module (see `text_to_ml.domains.shared.verification.verified`)."""
    return verified(payload, DOMAIN.rules(payload["stage"]), KIT)
