"""The networks that can be named on the command line."""

from collections.abc import Callable, Mapping
from typing import Final, cast

from torch import nn

from train.models.encoder import Classifier, Encoder
from train.models.xresnet import XResNet, XResNetConfig

ENCODERS: Final[Mapping[str, Callable[[], nn.Module]]] = {
    "xresnet": lambda: XResNet(XResNetConfig()),
}


def classifier(name: str, classes: int, *, of_beats: bool) -> Classifier:
    """A named encoder of the default size with a new head."""
    encoder = ENCODERS[name]()
    return Classifier(encoder, cast(Encoder, encoder).width, classes, of_beats=of_beats)
