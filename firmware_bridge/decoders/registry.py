"""The protocols that are spoken: one row each, and a factory."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from firmware_bridge.decoders import (
    ad8232,
    ads1292r,
    ads1293,
    bitalino,
    chords,
    cyton,
    ganglion,
    healthypi4,
    healthypi5,
    healthypi6,
    max30001,
    max30003,
    max86150,
    olimex,
    spikershield,
)
from firmware_bridge.decoders.ad8232 import Ad8232Decoder, Ad8232Encoder
from firmware_bridge.decoders.ads1292r import Ads1292rEncoder
from firmware_bridge.decoders.ads1293 import Ads1293Encoder
from firmware_bridge.decoders.base import Decoder, Encoder
from firmware_bridge.decoders.bitalino import BitalinoEncoder
from firmware_bridge.decoders.chords import ChordsDecoder, ChordsEncoder
from firmware_bridge.decoders.csv import CsvDecoder, CsvEncoder
from firmware_bridge.decoders.cyton import CytonDecoder, CytonEncoder, DaisyDecoder, DaisyEncoder
from firmware_bridge.decoders.edge_frame import EdgeDecoder, EdgeEncoder
from firmware_bridge.decoders.frames import FrameDecoder
from firmware_bridge.decoders.ganglion import GanglionDecoder, GanglionEncoder
from firmware_bridge.decoders.healthypi4 import HealthyPi4Encoder
from firmware_bridge.decoders.healthypi5 import HealthyPi5Decoder, HealthyPi5Encoder
from firmware_bridge.decoders.healthypi6 import HealthyPi6Decoder, HealthyPi6Encoder
from firmware_bridge.decoders.max30001 import Max30001Encoder
from firmware_bridge.decoders.max30003 import Max30003Encoder
from firmware_bridge.decoders.max86150 import Max86150Encoder
from firmware_bridge.decoders.olimex import OlimexEncoder
from firmware_bridge.decoders.spikershield import SpikerShieldDecoder, SpikerShieldEncoder
from firmware_bridge.errors import ProtocolError


@dataclass(frozen=True)
class Commands:
    """What the host may write to the board; `b""` where it has no such command."""

    identify: bytes = b""
    """Asks who is there; changes nothing in a board of this kind."""
    reply: re.Pattern[bytes] | None = None
    """What its answer to `identify` looks like."""
    start: bytes = b""
    """Makes it send samples."""
    starts: re.Pattern[bytes] | None = None
    """What else makes it send samples, when another host says so."""
    beside: bool = False
    """It listens on another port of the same USB device than it sends on."""
    stop: bytes = b""
    """Makes it fall silent."""


@dataclass(frozen=True)
class FrontEnd:
    """What a protocol carries and what it cannot tell."""

    board: str
    bauds: tuple[int, ...]
    """The vendor's firmware's first, then others that are met."""
    leads: tuple[str, ...] | Literal["sent"]
    """ECG leads; "sent": the board names them."""
    fs: float | Literal["sent", "estimated"]
    """Hz; "sent": the board tells it; "estimated": from arrivals, unless the user knows it."""
    scale: str
    cycle: float
    """Samples after which its count begins anew; 0: it does not count them."""
    checksum: bool
    lead_off: Literal["yes", "no", "unknown"]
    """Whether it tells that an electrode is off; "unknown": its frame could, its firmware never
    does. The lead state is unknown unless "yes"."""
    commands: Commands
    decoder: Callable[[float | None], Decoder]
    encoder: Callable[[], Encoder]
    rates: tuple[float, ...] = ()
    """Hz that boards of this kind are met with, where these are other ones too."""
    speeds: Mapping[float, float] = field(default_factory=dict)
    """Bytes a second to Hz, where boards of several rates send the same frames."""
    note: str = ""
    """What its user must know, one clause."""

    @property
    def sequence(self) -> bool:
        """Whether lost and repeated samples are counted exactly."""
        return self.cycle > 0


def _micro(nv: float) -> str:
    return f"{nv / 1e3:.4g} µV, nominal"


def _openbci(name: bytes) -> Commands:
    """Both boards have the same commands: only the answer tells which it is."""
    return Commands(identify=b"v", reply=re.compile(b"OpenBCI " + name), start=b"b", stop=b"s")


PROTOCOLS: dict[str, FrontEnd] = {
    "edge": FrontEnd(
        board="our own firmware (docs/frame.md)",
        bauds=(115200,),
        leads="sent",
        fs="sent",
        scale="1 nV",
        cycle=math.inf,
        checksum=True,
        lead_off="yes",
        commands=Commands(),
        decoder=EdgeDecoder,
        encoder=EdgeEncoder,
    ),
    "ads1292r": FrontEnd(
        board="ProtoCentral ADS1292R shield",
        bauds=(57600, 115200),
        leads=ads1292r.LAYOUT.leads,
        fs=ads1292r.LAYOUT.fs,
        scale=_micro(ads1292r.NV_PER_STEP),
        cycle=0,
        checksum=False,
        lead_off="unknown",
        commands=Commands(),
        decoder=partial(FrameDecoder, [ads1292r.LAYOUT]),
        encoder=Ads1292rEncoder,
        rates=(125.0, 250.0, 500.0),
    ),
    "ads1293": FrontEnd(
        board="ProtoCentral ADS1293 breakout",
        bauds=(57600, 115200),
        leads=ads1293.LAYOUT.leads,
        fs=ads1293.LAYOUT.fs,
        scale=_micro(ads1293.NV_PER_STEP),
        cycle=0,
        checksum=False,
        lead_off="no",
        commands=Commands(),
        decoder=partial(FrameDecoder, [ads1293.LAYOUT]),
        encoder=Ads1293Encoder,
        rates=(100.0, 128.0),
    ),
    "max30003": FrontEnd(
        board="ProtoCentral MAX30003 breakout",
        bauds=(57600, 115200),
        leads=max30003.LAYOUTS[0].leads,
        fs=max30003.LAYOUTS[0].fs,
        scale=_micro(max30003.NV_PER_STEP),
        cycle=0,
        checksum=False,
        lead_off="no",
        commands=Commands(),
        decoder=partial(FrameDecoder, max30003.LAYOUTS),
        encoder=Max30003Encoder,
        rates=(120.0, 128.0, 256.0, 512.0),
    ),
    "max30001": FrontEnd(
        board="ProtoCentral MAX30001 breakout",
        bauds=(57600, 115200),
        leads=max30001.LAYOUT.leads,
        fs=max30001.LAYOUT.fs,
        scale=_micro(max30001.NV_PER_STEP),
        cycle=0,
        checksum=False,
        lead_off="no",
        commands=Commands(),
        decoder=partial(FrameDecoder, [max30001.LAYOUT]),
        encoder=Max30001Encoder,
        rates=(120.0, 125.0, 128.0, 256.0, 512.0),
    ),
    "max86150": FrontEnd(
        board="ProtoCentral MAX86150 breakout",
        bauds=(57600, 115200),
        leads=max86150.LAYOUT.leads,
        fs=max86150.LAYOUT.fs,
        scale=_micro(max86150.NV_PER_STEP),
        cycle=0,
        checksum=False,
        lead_off="no",
        commands=Commands(),
        decoder=partial(FrameDecoder, [max86150.LAYOUT]),
        encoder=Max86150Encoder,
        rates=(100.0, 200.0, 400.0, 800.0),
    ),
    "healthypi4": FrontEnd(
        board="ProtoCentral HealthyPi v4",
        bauds=(115200,),
        leads=healthypi4.LAYOUT.leads,
        fs=healthypi4.LAYOUT.fs,
        scale=_micro(ads1292r.NV_PER_STEP),
        cycle=0,
        checksum=False,
        lead_off="unknown",
        commands=Commands(),
        decoder=partial(FrameDecoder, [healthypi4.LAYOUT]),
        encoder=HealthyPi4Encoder,
    ),
    "healthypi5": FrontEnd(
        board="ProtoCentral HealthyPi 5",
        bauds=(115200,),
        leads=healthypi5.LAYOUTS[0].leads,
        fs=healthypi5.LAYOUTS[0].fs,
        scale=_micro(healthypi5.NV_PER_STEP),
        cycle=0,
        checksum=False,
        lead_off="no",
        commands=Commands(),
        decoder=HealthyPi5Decoder,
        encoder=HealthyPi5Encoder,
        rates=(104.0, 125.0, 128.0, 256.0),
    ),
    "healthypi6": FrontEnd(
        board="ProtoCentral HealthyPi 6",
        bauds=(115200,),
        leads=healthypi6.LEADS,
        fs=healthypi6.FS,
        scale="1 µV",
        cycle=math.inf,
        checksum=True,
        lead_off="unknown",
        commands=Commands(start=b"stream_start\n", beside=True),
        decoder=HealthyPi6Decoder,
        encoder=HealthyPi6Encoder,
    ),
    "daisy": FrontEnd(
        board="OpenBCI Cyton with Daisy",
        bauds=(115200,),
        leads=cyton.DAISY.leads,
        fs=cyton.DAISY.fs,
        scale=_micro(cyton.NV_PER_STEP),
        cycle=cyton.DAISY.modulus / 2,
        checksum=False,
        lead_off="no",
        commands=_openbci(rb"(?:V\d|Emulator)(?s:.*)On Daisy"),
        decoder=DaisyDecoder,
        encoder=DaisyEncoder,
        rates=(125.0, 250.0, 500.0),
    ),
    "cyton": FrontEnd(
        board="OpenBCI Cyton",
        bauds=(115200,),
        leads=cyton.LAYOUT.leads,
        fs=cyton.LAYOUT.fs,
        scale=_micro(cyton.NV_PER_STEP),
        cycle=cyton.LAYOUT.modulus,
        checksum=False,
        lead_off="no",
        commands=_openbci(rb"(?:V\d|Emulator)(?!(?s:.*)On Daisy)"),
        decoder=CytonDecoder,
        encoder=CytonEncoder,
        rates=(250.0, 500.0, 1000.0),
    ),
    "ganglion": FrontEnd(
        board="OpenBCI Ganglion",
        bauds=(115200,),
        leads=ganglion.LAYOUT.leads,
        fs=ganglion.LAYOUT.fs,
        scale=_micro(ganglion.NV_PER_STEP),
        cycle=ganglion.CYCLE,
        checksum=False,
        lead_off="no",
        commands=_openbci(b"Ganglion"),
        decoder=GanglionDecoder,
        encoder=GanglionEncoder,
    ),
    "chords": FrontEnd(
        board="Upside Down Labs Chords (Arduino and others)",
        bauds=(230400, 115200),
        leads=chords.LAYOUTS[0].leads,
        fs=500.0,
        scale=_micro(chords.nv_per_step(14)),
        cycle=chords.LAYOUTS[0].modulus,
        checksum=False,
        lead_off="no",
        commands=Commands(
            identify=b"WHORU\n",
            reply=re.compile(
                rb"UNO-R[34]|UNO-CLONE|GENUINO|NANO-|MEGA-|PICO|NPG-LITE|STM32[FG]4|GIGA-R1",
                re.IGNORECASE,
            ),
            start=b"START\n",
            stop=b"STOP\n",
        ),
        decoder=ChordsDecoder,
        encoder=ChordsEncoder,
        rates=(250.0, 500.0),
    ),
    "spikershield": FrontEnd(
        board="Backyard Brains SpikerShield, Human SpikerBox, Heart & Brain SpikerBox Pro",
        bauds=(230400, 222222, 500000),
        leads=spikershield.LAYOUTS[0].leads,
        fs=spikershield.LAYOUTS[0].fs,
        scale=_micro(spikershield.NV_PER_STEP),
        cycle=0,
        checksum=False,
        lead_off="no",
        commands=Commands(identify=b"b:;\n", reply=re.compile(rb"HWT:")),
        decoder=SpikerShieldDecoder,
        encoder=SpikerShieldEncoder,
        rates=(500.0, 1000.0),
        speeds={2e4: spikershield.LAYOUTS[0].fs, 2e3: spikershield.PRO},
    ),
    "olimex": FrontEnd(
        board="Olimex SHIELD-EKG-EMG",
        bauds=(57600, 115200),
        leads=olimex.LAYOUT.leads,
        fs=olimex.LAYOUT.fs,
        scale=_micro(olimex.NV_PER_STEP),
        cycle=olimex.LAYOUT.modulus,
        checksum=False,
        lead_off="no",
        commands=Commands(),
        decoder=partial(FrameDecoder, [olimex.LAYOUT]),
        encoder=OlimexEncoder,
        rates=(125.0, 250.0, 256.0),
        note="its signal mostly comes upside down, and is left so",
    ),
    "bitalino": FrontEnd(
        board="PLUX BITalino",
        bauds=(115200,),
        leads=bitalino.LAYOUTS[0].leads,
        fs=bitalino.LAYOUTS[0].fs,
        scale=_micro(bitalino.NV_PER_STEP),
        cycle=bitalino.LAYOUTS[0].modulus,
        checksum=True,
        lead_off="no",
        commands=Commands(
            identify=b"\x07",
            reply=re.compile(rb"BITalino"),
            start=b"\xc3\x09",  # 1000 Hz; A2
            starts=bitalino.START,
            stop=b"\x00",
        ),
        decoder=partial(FrameDecoder, bitalino.LAYOUTS),
        encoder=BitalinoEncoder,
        rates=(100.0, 1000.0),
    ),
    "ad8232": FrontEnd(
        board="AD8232 with the usual Arduino sketch",
        bauds=(9600, 115200),
        leads=ad8232.LEADS,
        fs="estimated",
        scale="unknown",
        cycle=0,
        checksum=False,
        lead_off="yes",
        commands=Commands(),
        decoder=Ad8232Decoder,
        encoder=Ad8232Encoder,
    ),
    "csv": FrontEnd(
        board="text of any sketch: numbers, labels, JSON, Teleplot",
        bauds=(115200, 9600, 57600),
        leads="sent",
        fs="estimated",
        scale="by its unit, else unknown",
        cycle=0,
        checksum=False,
        lead_off="unknown",
        commands=Commands(),
        decoder=CsvDecoder,
        encoder=CsvEncoder,
    ),
}


def decoder(name: str, fs: float | None = None) -> Decoder:
    """A new decoder; `fs` in Hz overrides what the board tells or is known for."""
    if name not in PROTOCOLS:
        raise ProtocolError(f"no protocol is called {name!r}: choose {', '.join(PROTOCOLS)}")
    if fs is not None and not 0 < fs < math.inf:
        raise ProtocolError(f"{fs} Hz is no sampling rate: give one above 0")
    return PROTOCOLS[name].decoder(fs)
