"""The prompts: Markdown files with strict Jinja, one for each kind of request; a folder of the user's may replace any.

Covers: finding and rendering. What a prompt is given is made by the writer; what is in it stands in the .md files.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from text_to_ml.errors import OptionError, did_you_mean

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent


def prompt_names() -> list[str]:
    """Names of all prompts and parts, as `--prompts DIR` may hold them."""
    return sorted(p.relative_to(FOLDER).as_posix() for p in FOLDER.rglob("*.md"))


def environment(folder: Path | None = None) -> Environment:
    """Strict Jinja over the prompts, those of ``folder`` first."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folders = [str(f) for f in (folder, FOLDER) if f is not None]
    return Environment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


class Prompts:
    """The prompts, those of ``folder`` first. OptionError for a folder or a file in it that cannot be used."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        if folder is None:
            return
        if not folder.is_dir():
            raise OptionError(
                f"--prompts {folder}: no such folder. Give one that holds any of {', '.join(prompt_names())}."
            )
        known = prompt_names()
        for path in sorted(folder.rglob("*.md")):
            name = path.relative_to(folder).as_posix()
            if name not in known:
                raise OptionError(f"--prompts {folder}: {name} is not a prompt.{did_you_mean(name, known)}")

    @cached_property
    def _environment(self) -> Environment:
        return environment(self.folder)

    def render(self, name: str, **context: Any) -> str:
        """The text of one prompt; OptionError where a replaced prompt names something that it is not given."""
        from jinja2 import TemplateError

        try:
            return self._environment.get_template(f"{name}.md").render(**context).strip() + "\n"
        except TemplateError as error:
            where = self.folder or FOLDER
            raise OptionError(
                f"prompt {name}.md in {where}: {error}. It may use: {', '.join(sorted(context))}."
            ) from error
