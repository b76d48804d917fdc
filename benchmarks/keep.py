"""Figures that go into the manifest of the bundle that they are of."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.bundle import Bundle
from edge.errors import OutputError


def keep(model: str, name: str, figures: Mapping[str, Any]) -> None:
    """Adds `figures` to those that a bundle, given by its folder, has under `name`.

    What has the same key is replaced; OutputError where `model` is no folder.
    """
    manifest = Bundle.load(model).manifest
    path = Path(model) / "manifest.json"
    if not path.is_file():
        raise OutputError(f"{model} is no folder: figures are kept in a bundle given by its path")
    kept = {**manifest.figures, name: {**manifest.figures.get(name, {}), **figures}}
    path.write_text(replace(manifest, figures=kept).to_json(), encoding="utf-8")
