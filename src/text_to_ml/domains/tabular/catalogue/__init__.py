"""The built-in writer's candidates for tables: templates beside a short specification of their hyperparameters."""

from __future__ import annotations

from pathlib import Path

from text_to_ml.domains.shared.catalogue.rendering import Catalogue
from text_to_ml.domains.tabular.catalogue import modeling, preparation
from text_to_ml.domains.tabular.catalogue.portfolio import portfolio

CATALOGUE = Catalogue(Path(__file__).parent, preparation, modeling, portfolio)
space, write = CATALOGUE.space, CATALOGUE.write
