"""The networks that can be named on the command line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from torch import nn

from train.models import beatnet, beatssl, ecgnat, heartbeatai, xresnet
from train.models.encoder import Classifier, Encoder


@dataclass(frozen=True, slots=True)
class System:
    """A network in its default size, and in one that is trained within seconds."""

    encoder: Callable[[], nn.Module]
    tiny: Callable[[], nn.Module]


SYSTEMS: Final[Mapping[str, System]] = {
    "beatnet": System(
        lambda: beatnet.BeatNet(beatnet.BeatNetConfig()),
        lambda: beatnet.BeatNet(beatnet.TINY),
    ),
    "ecgnat": System(
        lambda: ecgnat.EcgNat(ecgnat.EcgNatConfig()),
        lambda: ecgnat.EcgNat(ecgnat.TINY),
    ),
    "beatssl": System(
        lambda: beatssl.BeatSsl(beatssl.BeatSslConfig()),
        lambda: beatssl.BeatSsl(beatssl.TINY),
    ),
    "heartbeatai": System(
        lambda: heartbeatai.HeartBeatAi(heartbeatai.HeartBeatAiConfig()),
        lambda: heartbeatai.HeartBeatAi(heartbeatai.TINY),
    ),
    "xresnet": System(
        lambda: xresnet.XResNet(xresnet.XResNetConfig()),
        lambda: xresnet.XResNet(xresnet.TINY),
    ),
}
TEACHERS: Final = tuple(name for name in SYSTEMS if name != "xresnet")
"""The published systems; the baseline stands beside them, and teaches no one."""


def classifier(name: str, classes: int, *, tiny: bool) -> Classifier:
    """A named encoder with a new head."""
    encoder = SYSTEMS[name].tiny() if tiny else SYSTEMS[name].encoder()
    return Classifier(encoder, cast(Encoder, encoder).width, classes)
