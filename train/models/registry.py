"""The networks that can be named on the command line."""

from collections.abc import Callable, Mapping
from typing import Final, cast

from torch import nn

from train.models import beatnet, beatssl, ecgnat, heartbeatai, xresnet
from train.models.encoder import Classifier, Encoder
from train.models.informed import Blind

SYSTEMS: Final[Mapping[str, Callable[[bool], nn.Module]]] = {
    "beatnet": lambda tiny: beatnet.BeatNet(beatnet.TINY if tiny else beatnet.BeatNetConfig()),
    "ecgnat": lambda tiny: ecgnat.EcgNat(ecgnat.TINY if tiny else ecgnat.EcgNatConfig()),
    "beatssl": lambda tiny: beatssl.BeatSsl(beatssl.TINY if tiny else beatssl.BeatSslConfig()),
    "heartbeatai": lambda tiny: heartbeatai.HeartBeatAi(
        heartbeatai.TINY if tiny else heartbeatai.HeartBeatAiConfig()
    ),
    "xresnet": lambda tiny: xresnet.XResNet(xresnet.TINY if tiny else xresnet.XResNetConfig()),
    "blind": lambda _: Blind(),
}
"""New encoders: in the default size, or in a tiny one that is trained within seconds."""
TEACHERS: Final = tuple(name for name in SYSTEMS if name not in ("xresnet", "blind"))
"""The published systems; beside them stand the baseline and the control of distillation."""


def classifier(name: str, classes: int, *, tiny: bool) -> Classifier:
    """A named encoder with a new head."""
    encoder = SYSTEMS[name](tiny)
    return Classifier(encoder, cast(Encoder, encoder).width, classes)
