"""The networks that can be named on the command line."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Final, NamedTuple, cast

from torch import nn

from train.models import beatnet, beatssl, delineator, ecgnat, heartbeatai, informed, xresnet
from train.models.encoder import Classifier, Encoder
from train.models.facts import DELINEATOR


class System(NamedTuple):
    """A kind of network, mostly an encoder, and its sizes."""

    encoder: Callable[[Any], nn.Module]
    config: type[Any]
    """A dataclass that holds every hyper-parameter; as it is, the default size."""
    tiny: Any
    """One that is trained within seconds."""

    def __call__(self, tiny: bool) -> nn.Module:
        """A new one, in the default or the tiny size."""
        return self.encoder(self.tiny if tiny else self.config())

    def of(self, config: Mapping[str, Any]) -> nn.Module:
        """A new one of sizes as JSON holds them.

        KeyError for one that is not known. One that is missing is newer than the file, and has to
        have the default that was meant before there was a choice.
        """
        if unknown := config.keys() - {field.name for field in fields(self.config)}:
            raise KeyError(*sorted(unknown))
        whole = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
        return self.encoder(self.config(**whole))


SYSTEMS: Final[Mapping[str, System]] = {
    "beatnet": System(beatnet.BeatNet, beatnet.BeatNetConfig, beatnet.TINY),
    "ecgnat": System(ecgnat.EcgNat, ecgnat.EcgNatConfig, ecgnat.TINY),
    "beatssl": System(beatssl.BeatSsl, beatssl.BeatSslConfig, beatssl.TINY),
    "heartbeatai": System(heartbeatai.HeartBeatAi, heartbeatai.HeartBeatAiConfig, heartbeatai.TINY),
    "xresnet": System(xresnet.XResNet, xresnet.XResNetConfig, xresnet.TINY),
    "blind": System(informed.Blind, informed.BlindConfig, informed.BlindConfig()),
}
"""All encoders."""
NETWORKS: Final[Mapping[str, System]] = {
    **SYSTEMS,
    DELINEATOR: System(delineator.Delineator, delineator.DelineatorConfig, delineator.TINY),
}
"""All that a file may hold: encoders, and what marks waves."""
TEACHERS: Final = tuple(name for name in SYSTEMS if name not in ("xresnet", "blind"))
"""The published systems; beside them stand the baseline and the control of distillation."""


def classifier(name: str, classes: int, *, tiny: bool) -> Classifier:
    """A named encoder with a new head."""
    return headed(SYSTEMS[name](tiny), classes)


def headed(encoder: nn.Module, classes: int) -> Classifier:
    """An `Encoder` with a new head."""
    return Classifier(encoder, cast(Encoder, encoder).width, classes)
