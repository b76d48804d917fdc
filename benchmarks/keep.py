"""Figures that are kept beside the bundle that they are of."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge import whole
from edge.bundle import FIGURES, figures
from edge.errors import OutputError


def keep(model: str, name: str, measured: Mapping[str, Any]) -> None:
    """Adds what was `measured` to what a bundle, given by its folder, has under `name`.

    What has the same key is replaced; OutputError where `model` is no folder, or cannot
    be written to.
    """
    folder = Path(model)
    if not (folder / "manifest.json").is_file():
        raise OutputError(f"{model} is no folder: figures are kept in a bundle given by its path")
    kept = figures(folder)
    kept[name] = {**kept.get(name, {}), **measured}
    text = json.dumps(kept, indent=2, allow_nan=False) + "\n"
    with whole.made(folder / FIGURES, overwrite=True) as part:
        part.write_text(text, encoding="utf-8")
