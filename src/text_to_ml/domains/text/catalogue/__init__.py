"""The built-in writer's candidates for texts: templates beside a short specification of their hyperparameters."""

from __future__ import annotations

from pathlib import Path

from text_to_ml.domains.shared.catalogue.rendering import Catalogue
from text_to_ml.domains.text.catalogue import modeling, networks, preparation
from text_to_ml.domains.text.catalogue.portfolio import portfolio

CATALOGUE = Catalogue(Path(__file__).parent, preparation, modeling, portfolio, networks)
space, write = CATALOGUE.space, CATALOGUE.write
