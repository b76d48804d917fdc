"""`edge-bench page`: the model card of a bundle, all of it from its manifest and figures."""

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.beats import adaptation, calibration, delay, noise, score
from benchmarks.beats.counts import confusion_table, record_table
from benchmarks.beats.int8 import engines_text
from benchmarks.beats.pictures import draw_adaptation, draw_delay, draw_noise, draw_reliability
from benchmarks.report import Report
from benchmarks.tables import percent, table
from edge.bundle import LIMITS, Bundle, Manifest, figures
from edge.errors import OutputError
from train.data.mitdb import RECORD_SETS
from train.metrics.ec57 import Counts

_Figures = Mapping[str, Mapping[str, Any]]
"""By the name that they are kept under."""

_NOT_MEASURED: Final = "Not measured."
_QUANTISATION: Final = "quantisation"
_PICTURES: Final[dict[str, Callable[[dict[str, Any], Path], None]]] = {
    "noise": draw_noise,
    "calibration": draw_reliability,
    "delay": draw_delay,
    "adaptation": draw_adaptation,
}


def page(model: str, out: Path) -> Report:
    """Writes a bundle's model card and pictures to the folder `out`; OutputError if that fails."""
    manifest, measured = Bundle.load(model).manifest, figures(model)
    name = _file(manifest.name)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.md").write_text(card(manifest, measured), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {out / name}.md: {error.strerror}") from error
    drawn = [
        (of[what], out / _picture(manifest, key, what), draw)
        for key, of in _sets(measured).items()
        for what, draw in _PICTURES.items()
        if what in of
    ]
    for data, path, draw in drawn:
        draw(data, path)
    return Report("\n".join(map(str, [out / f"{name}.md", *(path for _, path, _ in drawn)])), {})


def card(manifest: Manifest, measured: _Figures) -> str:
    """The card's text; the same manifest and figures give the same bytes."""
    parts = [
        f"# {manifest.name} {manifest.version}",
        "Model card, made by `edge-bench page` from the bundle's manifest and figures: everything "
        "on it stands there.",
        "**This is no medical device.** Do not use it to diagnose, to monitor a patient, or to "
        "decide anything about anybody's health.",
        *_what(manifest),
        *_training(manifest),
        *_reproduce(manifest, measured),
        *_quantisation(measured),
    ]
    for key, of in _sets(measured).items():
        parts += _measured(manifest, key, of)
    if not _sets(measured):
        parts += ["## Figures", _NOT_MEASURED]
    limits = "\n".join(textwrap.fill(f"- {limit}", 100, subsequent_indent="  ") for limit in LIMITS)
    return "\n\n".join([*parts, "## Limits", limits]) + "\n"


def _what(manifest: Manifest) -> list[str]:
    spec = manifest.input
    after = spec.samples - spec.before_r
    rows = [[file, str(f.bytes), f.sha256] for file, f in manifest.files.items()]
    thresholds = "; ".join(f"`{name}` {value:g}" for name, value in manifest.thresholds.items())
    return [
        "## What it is",
        f"A network that names heartbeats: {', '.join(manifest.classes)} of AAMI EC57. One set of "
        "weights for every lead, each lead classified alone and the probabilities averaged with "
        "the quality of the leads as weights.",
        f"Input: windows of {spec.samples} samples at {spec.fs_hz:g} Hz "
        f"({1000 * spec.before_r / spec.fs_hz:.0f} ms before R, "
        f"{1000 * after / spec.fs_hz:.0f} ms from it on), channels "
        f"{', '.join(spec.channels)}; and {len(spec.context)} context features:",
        _fence("\n".join(spec.context)),
        f"Decision: {thresholds or 'the highest probability'}.",
        _fence(table(["file", "bytes", "SHA-256"], rows)),
    ]


def _training(manifest: Manifest) -> list[str]:
    training = manifest.training
    config = [
        [name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)]
        for name, value in training.config.items()
    ]
    return [
        "## Data and training",
        f"{training.data}, {training.split}; seed {training.seed}, "
        f"edge-ecg {training.code_version}.",
        _fence(table(["setting", "value"], config)),
    ]


def _reproduce(manifest: Manifest, measured: _Figures) -> list[str]:
    lines = [
        "edge-train fetch mitdb --data data",
        "edge-train fetch nstdb --data data",
        f"edge-train crossval --data data --seed {manifest.training.seed}",
        f"edge-train distill --data data --seed {manifest.training.seed}",
        "edge-quantize runs/student/student.safetensors --data data --out runs/bundle "
        f"--name {manifest.name} --version {manifest.version}",
    ]
    for key, of in _sets(measured).items():
        commands = {
            "score": of,
            "score --noise ma bw": of.get("noise", {}),
            **{name: of.get(name, {}) for name in ("int8", "calibration", "delay", "adaptation")},
        }
        lines += [
            f"edge-bench {command} --data data --set {_set_name(kept['protocol']['records'])} "
            f"--model runs/bundle --keep {key}"
            for command, kept in commands.items()
            if "protocol" in kept
        ]
    lines.append("edge-bench page --model runs/bundle --out docs/bundles")
    return ["## How to make it again", "```sh\n" + "\n".join(lines) + "\n```"]


def _quantisation(measured: _Figures) -> list[str]:
    found = measured.get(_QUANTISATION)
    if not found:
        return ["## int8 against float", _NOT_MEASURED]
    names = list(found["models"][0]["f1"])
    rows = [
        [
            f"{row['model']}, {row['runtime']}",
            str(row["bytes"]),
            *(percent(row[k]) for k in ("agreement", "float_agreement")),
            *(percent(row["f1"][name]) for name in names),
        ]
        for row in found["models"]
    ]
    header = ["model", "bytes", "= torch %", "= float %", *(f"{name} F1" for name in names)]
    return [
        "## int8 against float",
        f"{found['protocol'][0].upper()}{found['protocol'][1:]}. Shipped: {found['kept']}.",
        _fence(table(header, rows)),
    ]


def _measured(manifest: Manifest, key: str, of: Mapping[str, Any]) -> list[str]:
    """Everything that was measured on one set of records."""
    parts = [f"## Measured on {key}", *_scored(manifest, of)]
    for title, what, rules, text in (
        ("int8 end to end", "int8", "", engines_text),
        ("Noise", "noise", noise.RULES, lambda data: noise.runs_table(data["runs"])),
        ("Calibration", "calibration", calibration.RULES, _calibration),
        ("Delay", "delay", delay.RULES, lambda data: delay.points_table(data["points"])),
        ("Adaptation to the patient", "adaptation", adaptation.RULES, _adaptation),
    ):
        parts.append(f"### {title}")
        if what not in of:
            parts.append(_NOT_MEASURED)
            continue
        parts += [_protocol(manifest, of[what]["protocol"]), _fence(text(of[what]))]
        if rules:
            parts.append(rules)
        if what in _PICTURES:
            parts.append(f"![{title}]({_picture(manifest, key, what)})")
    return parts


def _scored(manifest: Manifest, of: Mapping[str, Any]) -> list[str]:
    if "protocol" not in of:
        return ["### Labels", _NOT_MEASURED]
    starts = [name for name in of if name.startswith("from ")]
    other = of.get("other map", {})
    runs = {
        f"{map_name}, {start}": found[start]
        for map_name, found in ((of["protocol"]["class_map"], of), (other.get("class_map"), other))
        for start in starts
        if start in found
    }
    records = {
        record: _counts(np.array(row["confusion"]), row["jitter_ms"])
        for record, row in of.get("records", {}).items()
    }
    gross = _counts(
        np.array([list(row.values()) for row in of[starts[0]]["confusion"].values()]), None
    )
    labels = of["labels"]
    delays = ", ".join(
        f"{name} {labels[f'{name}_delay_ms']['median']} ms "
        f"(p95 {labels[f'{name}_delay_ms']['p95']})"
        for name in ("provisional", "final")
    )
    return [
        "### Labels",
        _protocol(manifest, of["protocol"]),
        f"Beats, {starts[0]}:",
        _fence(confusion_table(gross)),
        "Gross, %, by class map (papers: e, j and n are N; bxb: S) and start (EC57's is 300 s):",
        _fence(_rates(runs)),
        f"{labels['unknown']} of {labels['beats']} beats are U. Labels come after R by (median): "
        f"{delays}.",
        score.RULES,
        "### Records",
        *([_fence(record_table(records)), _worst(records)] if records else [_NOT_MEASURED]),
    ]


def _rates(runs: Mapping[str, Mapping[str, Any]]) -> str:
    first = next(iter(runs.values()))["rates"]
    rows = [
        [
            name,
            *(percent(first[name][part]) for part in ("se", "ppv")),
            *(percent(run["rates"][name]["f1"]) for run in runs.values()),
        ]
        for name in first
    ]
    rows.append(["macro (N, S, V)", "", "", *(percent(run["macro_f1"]) for run in runs.values())])
    return table(["", "Se", "+P", *(f"F1, {name}" for name in runs)], rows)


def _worst(records: Mapping[str, Counts]) -> str:
    """Where most of the lost and of the false beats of S and V are."""
    lines = []
    for name in "SV":
        for part, words in (("fn", "lost"), ("fp", "false")):
            each = {record: getattr(c.of(name), part) for record, c in records.items()}
            most = sorted(each, key=lambda record: -each[record])[:3]
            where = ", ".join(f"{record} ({each[record]})" for record in most if each[record])
            lines.append(f"- {sum(each.values())} {name} {words}; most in {where or 'none'}")
    return "\n".join(lines)


def _calibration(data: Mapping[str, Any]) -> str:
    observed = {name: data[name] for name in ("provisional", "final")}
    scores = calibration.errors_table(observed)
    coverage = calibration.coverage_table(observed["final"], data["unknown_below"])
    return f"{scores}\n\nfinal label\n{coverage}"


def _counts(confusion: np.ndarray[Any, Any], jitter_ms: float | None) -> Counts:
    counts = Counts(confusion)
    return Counts(confusion, (jitter_ms or 0.0) ** 2 * counts.qrs.tp)


def _adaptation(data: Mapping[str, Any]) -> str:
    forgetting = adaptation.forgetting_table(data["forgetting"])
    return f"{forgetting}\n\n{adaptation.switch_text(data['switch'])}"


def _protocol(manifest: Manifest, of: Mapping[str, Any]) -> str:
    learnt = len(set(re.findall(r"\w+", manifest.training.split)) & set(of["records"]))
    leads = "all leads" if of["leads"] == "all" else f"lead {', '.join(of['leads'])}"
    return (
        f"{len(of['records'])} records of {of['data']} ({_set_name(of['records'])}), {leads}, "
        f"{of['peaks']} peaks, labels {of['labels']}, int8, match window {of['window_ms']} ms, "
        f"class map {of['class_map']}."
        + (f" **{learnt} of the records were trained on.**" if learnt else "")
    )


def _set_name(records: Iterable[str]) -> str:
    names = {tuple(of): name for name, of in RECORD_SETS.items()}
    return names.get(tuple(records), ",".join(records))


def _sets(measured: _Figures) -> _Figures:
    """Figures by the name that they were kept under."""
    known = {"protocol", "int8", *_PICTURES}
    return {key: of for key, of in measured.items() if key != _QUANTISATION and known & of.keys()}


def _picture(manifest: Manifest, key: str, what: str) -> str:
    return f"{_file(manifest.name)}-{_file(key)}-{what}.png"


def _file(name: str) -> str:
    """A name as part of a file's: it leads to no other folder."""
    return Path(name).name


def _fence(text: str) -> str:
    return f"```\n{text}\n```"
