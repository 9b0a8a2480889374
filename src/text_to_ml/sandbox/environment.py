"""What a job sees of this machine: folders of the interpreter and its packages, and a short list of variables.

Narrow on purpose: neither the home folder nor a folder above the project, no passwords, no keys.
"""

from __future__ import annotations

import ast
import os
import site
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from text_to_ml import pretrained
from text_to_ml.syntax import parse

PACKAGE = Path(__file__).resolve().parents[1]
SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives", "/etc/fonts", "/sys/devices/system/cpu")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
KEPT = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
LAZY = ("transformers", "diffusers")
ONE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def python_folders() -> list[str]:
    """Folders of the interpreter, its packages and this package; none inside another or below the system's."""
    folders = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(sys.executable).resolve().parents[1])}
    folders |= {str(PACKAGE)} | {p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")}
    folders |= {str(Path(f).resolve()) for f in folders}
    kept: list[str] = []
    for folder in sorted(folders, key=lambda f: (len(f), f)):
        if Path(folder).is_dir() and not is_broad(Path(folder)) and not covered(Path(folder), [*kept, "/usr"]):
            kept.append(folder)
    return kept


def imports_of(source: str) -> tuple[str, ...]:
    """Modules that a source text imports, besides the standard library; "package:name" for what a lazy package imports
    only when the name is used. () for a text that does not parse."""
    try:
        nodes = list(ast.walk(parse(source)))
    except (SyntaxError, ValueError):
        return ()
    found: dict[str, None] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            lazy = node.module.partition(".")[0] in LAZY
            found.update(dict.fromkeys(f"{node.module}:{a.name}" if lazy else node.module for a in node.names))
    own = {*sys.stdlib_module_names, "text_to_ml"}
    return tuple(name for name in found if name.partition(":")[0].partition(".")[0] not in own)


def names_of(paths: Sequence[Path]) -> list[str]:
    """Where paths lie, links resolved, and the names by which they were called where these are others."""
    real = list(dict.fromkeys(str(path.resolve()) for path in paths))
    called = [os.path.abspath(path) for path in paths]  # noqa: PTH100
    others = [name for name in dict.fromkeys(called) if name not in real]
    return real + [name for name in others if not covered(Path(name), [*real, *python_folders(), "/usr"])]


def graphics() -> list[str]:
    """Device files of NVIDIA cards; opened to jobs in a fresh interpreter."""
    return sorted(str(path) for path in Path("/dev").glob("nvidia*"))


def covered(path: Path, folders: list[str]) -> bool:
    """True where a path is one of the folders or below one."""
    return any(path == Path(f) or path.is_relative_to(f) for f in folders)


def is_broad(path: Path) -> bool:
    """True for a folder that holds more than one thing: the root, the home or the temporary folder, or above one."""
    for narrow in (
        Path.home(),
        Path(tempfile.gettempdir()),
        Path("/tmp"),
        Path("/var/tmp"),
        Path("/usr"),
        Path("/dev"),
    ):
        if narrow == path or narrow.is_relative_to(path):
            return True
    return False


def variables(home: str) -> dict[str, str]:
    """The whole environment of the warm process and of jobs."""
    found = {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "USER": "user",
        "LOGNAME": "user",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8:replace",
        "MPLBACKEND": "Agg",
        "JOBLIB_MULTIPROCESSING": "0",
        "OMP_WAIT_POLICY": "PASSIVE",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        **dict.fromkeys(ONE, "1"),
        **pretrained.environment(),
        **{key: os.environ[key] for key in KEPT if key in os.environ},
    }
    if str(PACKAGE.parent) not in (*site.getsitepackages(), site.getusersitepackages()):
        found["PYTHONPATH"] = str(PACKAGE.parent)
    if site.ENABLE_USER_SITE:
        found["PYTHONUSERBASE"] = site.getuserbase()
    return found


def interpreter() -> list[str]:
    """The interpreter as a command: no working folder on the path, user packages only where the host uses them."""
    return [sys.executable, "-P", *([] if site.ENABLE_USER_SITE else ["-s"])]
