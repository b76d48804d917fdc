"""The alarms: one table of what each is, and the limits that a user may set.

`RULES` holds what a user has to know, `CHAINS` which alarms say worse of the same condition of the
heart. The modules that watch (`edge.slow`, `edge.fast`, `edge.ectopy`, `edge.technical`,
`edge.rhythm`) take their limits from here; which alarms are on is kept by `edge.chains`.

Makers are cited by what their manuals print: Mindray V12 (9.7), TM80 (7.9.2) and ePM (8.6.4), GE
EK-Pro (quick guide), Philips HeartStart XL+ (table 7), Edan elite V6 (5.1) and X8 (ARR alarms),
VitalCom PatientNet (table 11), Biolight Q7 (technical alarms).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from edge.events import AlarmName, Priority
from firmware_bridge.text import printable

Setting = float | Literal["off"]
"""What a user may say of an alarm: its limit, or that it is off."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one alarm is."""

    name: AlarmName
    priority: Priority
    begins: str
    """In words; `{}` is the limit, a second one the limit times `release`."""
    ends: str
    """In words; `{}` is the limit times `release`."""
    delay: str
    """How long after `begins` has come true it is told, as far as that can be said."""
    source: str
    limit: float | None = None
    unit: str = ""
    least: float = 0.0
    most: float = 0.0
    """Between these a user may set the limit, if there is one."""
    release: float = 1.0
    """The limit at which the alarm ends, as a multiple of that at which it begins."""

    @property
    def latching(self) -> bool:
        """Whether a view keeps it when it is over, and a lost signal does not end it."""
        return self.priority == "high"


_R: Final = "0.2 s"
_BEAT: Final = "the next beat, or 2 s"
_RULES: Final = (
    Rule(
        "ventricular_fibrillation",
        "high",
        "{} of fibrillation or flutter in the signal, whatever beats are found",
        "3 s of signal without",
        "1 s",
        "Philips XL+, cinc2015: 4 s",
        limit=4.0,
        unit="s",
        least=2.0,
        most=10.0,
    ),
    Rule(
        "asystole",
        "high",
        "no beat for {}",
        "two known beats less than that apart; five in a row, if it began within 30 s of the last "
        "one's end",
        "0.25 s",
        "Philips XL+, cinc2015: 4 s; range as Mindray V12",
        limit=4.0,
        unit="s",
        least=3.0,
        most=10.0,
    ),
    Rule(
        "ventricular_tachycardia",
        "high",
        "four V in a row, above {} on average, each like the one before; as V counts an S whose "
        "QRS is unlike the patient's, and one such U",
        "three known beats in a row that do not count, mean of three intervals below {}, or "
        "asystole",
        _R,
        "between AHA/ACC/HRS 2017 (three above 100/min) and Edan V6, cinc2015 (five); four, and "
        "what counts, are our choice, found on cinc2015",
        limit=100.0,
        unit="/min",
        least=100.0,
        most=200.0,
        release=0.8,
    ),
    Rule(
        "extreme_bradycardia",
        "high",
        "mean of four intervals below {}, and two of them",
        "mean above {}",
        _R,
        "20/min beyond the plain limit, a common default; range as Mindray ePM",
        limit=20.0,
        unit="/min",
        least=15.0,
        most=115.0,
        release=1.1,
    ),
    Rule(
        "extreme_tachycardia",
        "high",
        "mean of 12 intervals above {}, and of the last three",
        "below {}, or asystole",
        _R,
        "Philips XL+: 20/min beyond the plain limit; twelve are our choice",
        limit=160.0,
        unit="/min",
        least=65.0,
        most=300.0,
        release=0.9,
    ),
    Rule(
        "bradycardia",
        "medium",
        "mean of four intervals below {}, and two of them",
        "mean above {}",
        _R,
        "cinc2015: five beats below 40/min; two, our choice, so that one pause is none",
        limit=40.0,
        unit="/min",
        least=15.0,
        most=120.0,
        release=1.1,
    ),
    Rule(
        "pause",
        "medium",
        "no beat for {}",
        "two known beats less than that apart",
        "0.25 s",
        "Mindray ePM: 1.5 to 3 s, GE EK-Pro: 1 to 5 s",
        limit=2.0,
        unit="s",
        least=1.5,
        most=5.0,
    ),
    Rule(
        "supraventricular_tachycardia",
        "medium",
        "eight beats that are not V, regular, above {}, the first interval 15 % shorter than "
        "those before",
        "three beats in a row that are slower than {}, or V, or a pause",
        _BEAT,
        "PatientNet: eight, 150/min; onset as Spacelabs' prematurity",
        limit=150.0,
        unit="/min",
        least=100.0,
        most=280.0,
        release=0.9,
    ),
    Rule(
        "tachycardia",
        "medium",
        "mean of 12 intervals above {}, and of the last three",
        "below {}, or a pause",
        _R,
        "cinc2015: 140/min, for 17 beats; twelve intervals are our choice",
        limit=140.0,
        unit="/min",
        least=60.0,
        most=290.0,
        release=0.9,
    ),
    Rule(
        "atrial_fibrillation",
        "medium",
        "irregular and without P waves, over 32 beats",
        "regular again, or with P waves",
        "some 20 beats",
        "our choice, see below",
    ),
    Rule(
        "ventricular_run",
        "medium",
        "three V in a row, above {}",
        "a known beat that is not V, or an interval below {}",
        _BEAT,
        "EC57's short run, Mindray's Nonsus V-Tach; priority as Mindray V12's Run",
        limit=100.0,
        unit="/min",
        least=60.0,
        most=200.0,
        release=0.8,
    ),
    Rule(
        "accelerated_ventricular_rhythm",
        "medium",
        "three V in a row, from {} to the limit of a run",
        "three known beats in a row that are not V, an interval below {}, or a faster run",
        _BEAT,
        "Mindray V12's V-Rhythm: more than two V; from 50/min, a common definition",
        limit=50.0,
        unit="/min",
        least=30.0,
        most=90.0,
    ),
    Rule(
        "bigeminy",
        "low",
        "each second beat a V, {}",
        "two cycles without the pattern, or trigeminy",
        _BEAT,
        "Mindray V12: three cycles",
        limit=3.0,
        unit="cycles",
        least=2.0,
        most=10.0,
    ),
    Rule(
        "trigeminy",
        "low",
        "each third beat a V, {}",
        "two cycles without the pattern, or bigeminy",
        _BEAT,
        "Mindray V12: three cycles",
        limit=3.0,
        unit="cycles",
        least=2.0,
        most=10.0,
    ),
    Rule(
        "r_on_t",
        "low",
        "one V after less than {}, at less than 100/min, and a pause of 1.25 after it",
        "none for 10 s",
        "two beats",
        "Edan V6: a third, 1.25, 100/min; priority our choice",
        limit=1 / 3,
        unit="of the mean interval",
        least=0.2,
        most=0.6,
    ),
    Rule(
        "couplet",
        "low",
        "two V at most 0.75 s apart, between beats that are not",
        "none for 10 s",
        "two beats",
        "EC57, GE EK-Pro: 0.6 s apart; told when it is known to be no run",
    ),
    Rule(
        "pvcs_per_minute",
        "low",
        "more than {} of V, those of runs and of told bi- or trigeminy left out",
        "no more than {}",
        _BEAT,
        "Mindray V12: 1 to 30, low",
        limit=10.0,
        unit="/min",
        least=1.0,
        most=100.0,
        release=0.8,
    ),
    Rule(
        "missed_beat",
        "low",
        "after three regular intervals of N one of {}, shorter than a pause, then one below 1.5; "
        "not in atrial fibrillation",
        "none for 10 s",
        "two beats",
        "GE EK-Pro: 1.8; before and after as in Mindray TM80; priority our choice",
        limit=1.8,
        unit="mean intervals",
        least=1.5,
        most=3.0,
    ),
    Rule(
        "lead_off",
        "technical",
        "no lead can be watched for {}, an electrode being off",
        "3 s without",
        "1 s",
        "makers tell it at once; the debounce is our choice",
        limit=3.0,
        unit="s",
        least=1.0,
        most=60.0,
    ),
    Rule(
        "signal_lost",
        "technical",
        "no samples, or the converter at its rail, for {}",
        "3 s without",
        "1 s",
        "our choice",
        limit=3.0,
        unit="s",
        least=1.0,
        most=60.0,
    ),
    Rule(
        "noise",
        "technical",
        "every lead too noisy to watch for {}",
        "3 s without",
        "1 s",
        "Philips MX40 gives a lead up after 10 s",
        limit=10.0,
        unit="s",
        least=1.0,
        most=60.0,
    ),
)
RULES: Final[dict[AlarmName, Rule]] = {rule.name: rule for rule in _RULES}
"""Every alarm, the worst first."""

CHAINS: Final[tuple[tuple[AlarmName, ...], ...]] = (
    (
        "ventricular_fibrillation",
        "asystole",
        "extreme_bradycardia",
        "bradycardia",
        "pause",
        "missed_beat",
    ),
    (
        "ventricular_fibrillation",
        "asystole",
        "ventricular_tachycardia",
        "extreme_tachycardia",
        "supraventricular_tachycardia",
        "tachycardia",
    ),
    (
        "ventricular_fibrillation",
        "asystole",
        "ventricular_tachycardia",
        "ventricular_run",
        "accelerated_ventricular_rhythm",
        "bigeminy",
        "trigeminy",
        "r_on_t",
        "couplet",
    ),
    (
        "ventricular_fibrillation",
        "asystole",
        "ventricular_tachycardia",
        "ventricular_run",
        "accelerated_ventricular_rhythm",
        "bigeminy",
        "trigeminy",
        "pvcs_per_minute",
    ),
    ("lead_off", "signal_lost", "noise"),
)
"""Of each, only the first that holds is told.

A pause stands below bradycardia, and bi- and trigeminy above couplets, so that neither
slow beats nor a pattern with pairs in it flood; our choice.
"""

_INSIDE: Final[tuple[tuple[AlarmName, AlarmName], ...]] = (
    ("asystole", "pause"),
    ("bradycardia", "extreme_bradycardia"),
    ("extreme_tachycardia", "tachycardia"),
    ("tachycardia", "bradycardia"),
    ("tachycardia", "extreme_bradycardia"),
    ("extreme_tachycardia", "bradycardia"),
    ("ventricular_run", "accelerated_ventricular_rhythm"),
)
"""The limit of the first has to lie above that of the second."""


def number(value: float) -> str:
    """A limit for people, to three digits."""
    return f"{value:.3g}"


def with_unit(value: float, unit: str) -> str:
    """A limit with its unit, for people."""
    return number(value) + (unit if unit.startswith("/") else f" {unit}")


class Limits:
    """The limits of one monitor: the table's, or what the user has set."""

    def __init__(self, settings: Mapping[str, Setting] | None = None) -> None:
        """ValueError, in one sentence, for a setting that cannot be."""
        if settings is not None and not isinstance(settings, Mapping):
            said = printable(repr(settings), 40)
            raise ValueError(f"alarms must map names to limits, as {{'pause': 3}}, not {said}")
        settings = settings or {}
        self.off: frozenset[str] = frozenset(n for n, value in settings.items() if value == "off")
        self._limits = {r.name: r.limit for r in _RULES if r.limit is not None}
        for name, value in settings.items():
            rule = next((rule for rule in _RULES if rule.name == name), None)
            if rule is None:
                raise ValueError(f"there is no alarm {name!r}: see edge-run --list-alarms")
            if value != "off":
                self._limits[rule.name] = _checked(rule, value)
        self._releases = {name: self._limits[name] * RULES[name].release for name in self._limits}
        for more, less in _INSIDE:
            if not {more, less} & self.off and not self[more] > self[less]:
                raise ValueError(
                    f"the limit of {more}, {number(self[more])}, has to be above that of {less}, "
                    f"{number(self[less])}: set both, or one of them off"
                )

    def __getitem__(self, name: AlarmName) -> float:
        """At which the alarm begins; the table's where it is off. KeyError where it has none."""
        return self._limits[name]

    def told(self, name: AlarmName) -> float | None:
        """The limit for an event, None where the alarm has none."""
        return self._limits.get(name)

    def release(self, name: AlarmName) -> float:
        """At which the alarm ends. KeyError where it has no limit."""
        return self._releases[name]


def changed(
    settings: Mapping[str, Setting], by: Mapping[str, Setting | None]
) -> dict[str, Setting]:
    """Settings with others in the place of some; None is the table's."""
    return {name: value for name, value in {**settings, **by}.items() if value is not None}


def _checked(rule: Rule, value: object) -> float:
    if rule.limit is None:
        raise ValueError(f"{rule.name} has no limit: it can only be off, not {value!r}")
    whole = rule.unit != "cycles" or value in range(100)
    if isinstance(value, int | float) and rule.least <= value <= rule.most and whole:
        return float(value)
    said = number(value) if isinstance(value, int | float) else repr(value)
    raise ValueError(
        f"{rule.name} takes {number(rule.least)} to {with_unit(rule.most, rule.unit)}, or off, "
        f"not {said}"
    )


def parse(text: str) -> tuple[str, Setting]:
    """`NAME=LIMIT` or `NAME=off` of a command line; ValueError, in one sentence."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"give NAME=LIMIT or NAME=off, not {text!r}")
    if value.lower() == "off":
        return name, "off"
    try:
        return name, float(value)
    except ValueError:
        raise ValueError(f"{name} takes a number, or off, not {value!r}") from None


HEADER: Final = ("alarm", "priority", "limit", "may be", "begins", "ends", "told after", "source")


def rows(settings: Mapping[str, Setting] | None = None) -> Iterator[tuple[str, ...]]:
    """The table for people: under `HEADER`, a row an alarm. ValueError as of `Limits`."""
    limits = Limits(settings)
    for rule in _RULES:
        limit, may, begins, ends = "", "off", rule.begins, rule.ends
        if rule.limit is not None:
            limit = with_unit(limits[rule.name], rule.unit)
            may = f"{number(rule.least)} to {number(rule.most)}, off"
            release = with_unit(limits.release(rule.name), rule.unit)
            begins, ends = begins.format(limit, release), ends.format(release)
        if rule.name in limits.off:
            limit = "off"
        yield rule.name, rule.priority, limit, may, begins, ends, rule.delay, rule.source


def lines(settings: Mapping[str, Setting] | None = None) -> Iterator[str]:
    """The same for a terminal."""
    for name, priority, limit, may, *words in rows(settings):
        yield f"{name:31} {priority:10} {limit:26} {may}"
        for title, text in zip(HEADER[4:], words, strict=True):
            yield f"    {title + ':':12}{text}"
