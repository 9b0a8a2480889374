"""Images: photographs, scans, drawings, tissue; one image a sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from text_to_ml import runtime
from text_to_ml.domains.shared.domain import SharedDomain
from text_to_ml.plan import Plan
from text_to_ml.values import Task


class VisionDomain(SharedDomain):
    """The vision member of the family (see `text_to_ml.domains.base`)."""

    name = "vision"
    network_contract = "network_images.md"
    prepared = (
        "float32 images within [0, 1] of shape (rows, channels, height, width), channels 1 or 3, from which each model computes what "
        "it looks at itself"
    )
    wiring: ClassVar[dict[str, str]] = {"usable": "usable"}

    def describe_plan(self, task: Task) -> str:
        """What a plan must hold; the bound of the size is worked out, and what the images look like is said."""
        plan = self.default_plan(task)
        high = plan.tensor("images").dimensions[2].high
        text = self.text("plan_contract.md").strip()
        assert task.pictures is not None
        (_, width, _), (_, height, _) = task.pictures.widths, task.pictures.heights
        colour = "grey" if task.pictures.channels == 1 else "coloured"
        return (
            f"{text}\n\nFor this task a bound of {high} pixels for height and width is enough for every usual method. Its images are "
            f"{colour}, typically {width} pixels wide and {height} high."
        )

    def runtime_files(self) -> Sequence[Path]:
        """Source files copied into programs."""
        return (Path(runtime.__path__[0]) / "pictures.py", *super().runtime_files())

    def facts(self, task: Task, workspace: Path, plan: Plan | None = None) -> dict[str, Any]:
        """Facts for the unit tests; cuts the miniature workspace."""
        from text_to_ml.domains.vision.miniature import facts

        return facts(task, workspace, plan or self.default_plan(task))

    def preload(self) -> Sequence[str]:
        """What generated code for images imports most."""
        images = ("PIL.Image", "PIL.ImageOps", "scipy.linalg", "scipy.ndimage", "sklearn.discriminant_analysis")
        return (
            *super().preload(),
            *images,
            *(f"PIL.{n}ImagePlugin" for n in ("Png", "Jpeg", "Tiff", "Bmp", "Gif", "WebP")),
        )


DOMAIN = VisionDomain()
