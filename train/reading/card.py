"""A page about a trained network, all of it from the facts in its file."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edge.errors import OutputError
from train.engine.files import write_text
from train.engine.markdown import table
from train.models.facts import DELINEATOR, Facts, Statement

SOURCES: Final = {
    "beatnet": ("BEAT-Net", "arXiv 2601.07316"),
    "ecgnat": ("ECG-NAT", "arXiv 2605.13194"),
    "beatssl": ("Beat-SSL", "arXiv 2601.16147"),
    "heartbeatai": ("HeartBeatAI", "arXiv 2605.24588"),
    "xresnet": ("xresnet", "Strodthoff et al. 2021, IEEE JBHI 25(5)"),
    DELINEATOR: ("Delineator", "Moskalenko et al. 2020, arXiv 2001.04689"),
}
NO_DEVICE: Final = (
    "**No medical device.** For research, teaching and tinkering: not to diagnose, to monitor a "
    "patient, or to decide anything about anybody's health."
)
TINY: Final = "Taught by `--tiny`, to try the commands: its figures and statements are nothing."
LIMITS: Final = (
    "It was taught and measured on one set: other patients, devices and ways to label give other "
    "figures.",
    "It says what is like the cases it was taught, never what else is there; what stands in no "
    "line of the table it does not know.",
    "It sees single windows; a record is the mean of its windows.",
)
WAVE_LIMITS: Final = (
    "In atrial fibrillation and flutter there is no P wave: its atrial waves are often marked as "
    "some. Whether PR means anything is for who reads it to say.",
    "It learned from 10 s at rest of one clinic's patients, few of whom had early or wide beats, "
    "pacemakers or a fast heart; noise was not among it. A U wave is none of its kinds.",
    "Intervals of all leads together lie between those of the leads: they are shorter than from "
    "the earliest onset to the latest offset.",
    "A lead by itself loses P waves that it would be told of by others.",
)
_VALIDATION: Final = (
    "It decided when training ended, the calibration and the thresholds, so the figures are too "
    "good."
)
_TEST: Final = "It decided nothing, as long as nobody chooses by these figures."
_UNTESTED: Final = (
    "The test part was not looked at: `finetune --test` measures it, once, when nothing is chosen "
    "any more."
)


WORDS: Final = {
    "NORM": "normal ECG",
    "MI": "myocardial infarction",
    "STTC": "ST or T change",
    "CD": "conduction disturbance",
    "HYP": "hypertrophy",
    "SR": "sinus rhythm",
    "AF": "atrial fibrillation or flutter",
    "PAC": "premature atrial beats",
    "PVC": "premature ventricular beats",
    "LBBB": "left bundle branch block",
    "RBBB": "right bundle branch block",
}
"""What PTB-XL's superclasses are, and what sets share."""
_WORDED: Final = "superclass", "shared"
"""The labels that these are: who brings their own may mean something else by MI."""


def in_words(name: str, facts: Facts) -> str:
    """A class with what it stands for, where that is known."""
    known = facts.origin.get("task") in _WORDED and name in WORDS
    return f"{name}, {WORDS[name]}" if known else name


def card_of(path: Path) -> Path:
    """Where the card of a network's file is."""
    return path.with_name(f"{path.stem}-{path.suffix[1:]}.md")


def write_card(facts: Facts, path: Path, *more: str) -> Path:
    """Writes the card beside a network's file, and gives its path; `more` are paragraphs.

    OutputError where it cannot be written.
    """
    page = card_of(path)
    try:
        write_text(page, card(facts, path.name, *more))
    except OSError as error:
        raise OutputError(f"cannot write {page}: {error}") from error
    return page


def card(facts: Facts, file: str, *more: str) -> str:
    """The page, in Markdown."""
    name, source = SOURCES.get(facts.system, (facts.system, "this project"))
    origin, window = facts.origin, facts.window
    parts: Mapping[str, Any] = origin.get("parts", {})
    settings: Mapping[str, Any] = origin.get("run", {}).get("settings", {})
    chosen = {k: settings[k] for k in ("seed", "epochs", "batch", "learning_rate") if k in settings}
    skipped = origin.get("skipped", 0)
    labels = f", labels `{origin['task']}`" if origin.get("task") else ""
    blocks = [
        f"# {name}: `{file}`",
        NO_DEVICE,
        f"After {source}; the implementation, and what of it is its own choice: "
        f"`train/models/{facts.system}.py`.",
        *([TINY] if origin.get("tiny") else []),
        *more,
        "## Data",
        f"`{origin.get('set', 'unknown')}`{labels}. Parts share no patient.",
        table(
            ("part", "records", "patients", "windows"),
            ((part, of["records"], of["patients"], of["windows"]) for part, of in parts.items()),
        ),
        *([f"Records that could not be read, and are in no part: {skipped}."] if skipped else []),
        f"A window: {window['seconds']:g} s at {window['fs']:g} Hz, high-pass "
        f"{window['highpass_hz']:g} Hz, up to twelve leads, and the R peaks that `edge-run` finds. "
        f"Learned from {origin.get('run', {}).get('data', 'unknown data')} (digest of all "
        f"records) by {_list(f'{k} {v}' for k, v in chosen.items()) or 'unknown settings'}.",
        *(_of_waves(origin["delineation"]) if facts.delineates else _of_classes(facts)),
        "## Limits",
        "\n".join(f"- {limit}" for limit in limits(facts)),
        "## Network",
        _list(f"{k} {v}" for k, v in facts.config.items()),
    ]
    return "\n\n".join(blocks) + "\n"


def limits(facts: Facts) -> tuple[str, ...]:
    """Sentences about what a network cannot do."""
    return WAVE_LIMITS if facts.delineates else LIMITS


def _of_classes(facts: Facts) -> Iterator[str]:
    yield "## Figures of the validation part"
    yield _VALIDATION
    yield _figures(facts, "validation")
    if tested(facts.statements):
        yield "## Figures of the test part"
        yield _TEST
        yield _figures(facts, "test")
    else:
        yield _UNTESTED
    yield (
        "AUC, shares and calibration error (ECE, ten ranges) in %. Stated from the threshold on, "
        "where F1 was best on the validation part; `–` where there was no case, or no threshold. "
        "Cases are windows: a record of 30 s is three."
    )


def tested(statements: Sequence[Statement]) -> bool:
    """Whether the test part was measured."""
    return any("test" in s.figures for s in statements)


def _of_waves(figures: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Iterator[str]:
    head = ("end", "marked", "Se, %", "PPV, %", "error, ms")
    for part, about in (("validation", "It decided nothing."), ("test", _TEST)):
        if part in figures:
            yield f"## Figures of the {part} part"
            yield about
            rows = (
                (end, of["marks"], _percent(of["sensitivity"]), _percent(of["ppv"]), error(of))
                for end, of in figures[part].items()
            )
            yield table(head, rows)
    if "test" not in figures:
        yield _UNTESTED
    yield (
        "Each end of each wave in each lead by itself, found within 150 ms, within what was marked "
        "(docs/delineation.md); errors are found minus marked, mean ± standard deviation."
    )


def error(of: Mapping[str, float]) -> str:
    """Of one kind of end, in words."""
    mean = round(of["mean_ms"], 1) + 0.0  # never -0.0
    return f"{mean:.1f} ± {of['sd_ms']:.1f}"


def _figures(facts: Facts, part: str) -> str:
    known = [(s, s.figures[part]) for s in facts.statements if part in s.figures]
    rows = [
        (
            in_words(s.name, facts),
            f"{of['cases']} of {of['n']}",
            _percent(of["auc"]),
            _percent(s.threshold),
            *(_percent(of[key]) for key in ("sensitivity", "specificity", "ppv")),
            _percent(of["calibration_error_before"]),
            _percent(of["calibration_error"]),
        )
        for s, of in known
    ]
    mean = _mean([of["auc"] for _, of in known])
    head = ("class", f"cases, {part}", "AUC", "threshold", "sensitivity", "specificity", "ppv",
            "ECE before", "ECE")  # fmt: skip
    errors = [_percent(_mean([of[key] for _, of in known]))
              for key in ("calibration_error_before", "calibration_error")]  # fmt: skip
    return table(head, [*rows, ("mean", "", _percent(mean), "", "", "", "", *errors)])


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _percent(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{100 * value:.1f}"


def _list(texts: Iterable[str]) -> str:
    return ", ".join(texts)
