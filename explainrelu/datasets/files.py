"""Where the bundled files lie: in the wheel's own folder, or in a clone's ``datasets/``."""

import json
from pathlib import Path
from typing import Any

from explainrelu.errors import DataError

__all__ = ["bundled_path", "read_json"]

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "_datasets", _PACKAGE.parent / "datasets")


def read_json(file_name: str) -> Any:
    """The content of a bundled JSON file."""
    return json.loads(bundled_path(file_name).read_text(encoding="utf-8"))


def bundled_path(file_name: str) -> Path:
    """Where a bundled file lies: in the wheel's own folder, else in the clone's."""
    for folder in _FOLDERS:
        if (folder / file_name).is_file():
            return folder / file_name
    raise DataError(
        f"Required: the bundled file {file_name}. Got: no such file in "
        f"{' or '.join(str(folder) for folder in _FOLDERS)}. "
        "Install explainrelu again, or work from a complete clone."
    )
