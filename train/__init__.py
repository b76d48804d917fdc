"""Recordings to models.

Rooms, of which each imports from those before it alone:

- `engine`: the training loop, processes, random streams, prediction; run manifests and files.
- `metrics`: EC57, delineation, classification.
- `data`: recordings with their labels, and the windows cut from them (`engine`, `metrics`).
- `models`: networks, a file each, their registry and checkpoints (`engine`, `metrics`).
- `objectives`: what networks are trained for (`data`, `models` and their likes).
- `student`: its beats, augmentation, teachers, training, cross-validation.
- `studies`: what each system is measured by, a folder each.
- `reading`: what a trained network says of any record (`engine`, `metrics`, `data`, `models`);
  no torch.
- `commands`: what `edge-train` does; `cli` imports the one that was given.
"""

from edge.extras import run


def main() -> int:
    """Run `edge-train`."""
    return run("train.cli", "train")
