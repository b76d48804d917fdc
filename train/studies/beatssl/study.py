"""Beat-SSL's evaluation: which targets make features that diagnosis and delineation can use.

Every way of pretraining sees the same records, without labels, for the same number of steps; then
the same encoder is taught PTB-XL's superclasses and LUDB's waves. Seeds rotate PTB-XL's folds 1 to
8 (`train.studies.diagnosis.rotated`) and LUDB's records; the published folds come last.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from edge.errors import OutputError
from train.data.corpora import open_corpus
from train.data.corpus import Corpus
from train.data.corruption import Few
from train.data.joined import Joined
from train.data.pseudolabels import Named
from train.data.subsets import thinned
from train.data.windows import AAMI, Cut, Windows, cut, learned_from
from train.engine.loop import FitConfig, Objective, fit
from train.engine.prediction import BATCH
from train.metrics.classification import macro_auc
from train.metrics.delineation import WAVES
from train.models.beatssl import TINY, BeatSsl, BeatSslConfig, WaveNet
from train.models.checkpoint import fill, read, save
from train.models.encoder import Classifier
from train.objectives.beatssl import Target, TwoLevel, TwoLevelConfig
from train.objectives.contrast import Cmsc, W2v, W2vCmscRlm
from train.studies.beatssl.figures import nearest
from train.studies.diagnosis import DEFAULTS, TEST_FOLD, Part, diagnose, published, rotated
from train.studies.harness import Job, Study, spread
from train.studies.segmentation import DEFAULTS as SEGMENTING
from train.studies.segmentation import segment, split

Way = Callable[[BeatSsl], Objective]

UNLABELLED: Final = ("ptbxl", "georgia", "chapman", "cpsc-extra")
PRETRAINING: Final = FitConfig(epochs=10, batch=64, least_steps=120)
TINY_PRETRAINING: Final = replace(PRETRAINING, learning_rate=3e-3)
FEW: Final = 0.1
"""Share of PTB-XL's patients with labels, where they are few."""
FEW_WAVES: Final = 16
"""Records of LUDB with marks, where they are few."""
PENALTY: Final = 0.003
"""C of the logistic regression on features as they are."""
TINY_RECORDS: Final = {"ptbxl": 200, "ludb": 48}


def _two(rhythm: Target, beat: Target, exponent: float = 50.0) -> Way:
    return partial(TwoLevel, config=TwoLevelConfig(rhythm, beat, exponent))


SCRATCH: Final = "from scratch"
BEST: Final = "rhythm soft + beat hard"
"""The paper's best."""
WAYS: Final[Mapping[str, Way | None]] = {
    SCRATCH: None,
    "CMSC": Cmsc,
    "W2V": W2v,
    "W2V + CMSC + RLM": W2vCmscRlm,
    "rhythm hard (3KG)": _two("hard", "none"),
    "rhythm soft": _two("soft", "none"),
    "beat hard": _two("none", "hard"),
    "beat soft": _two("none", "soft"),
    "rhythm hard + beat hard": _two("hard", "hard"),
    "rhythm soft + beat soft": _two("soft", "soft"),
    BEST: _two("soft", "hard"),
    f"{BEST}, exponent 10": _two("soft", "hard", 10.0),
    f"{BEST}, exponent 1": _two("soft", "hard", 1.0),
}
TINY_WAYS: Final = (SCRATCH, BEST)


def opened(s: Study, name: str, labels: str | None = None) -> Corpus:
    """A data set, or the first of its records."""
    corpus = open_corpus(name, s.data, labels)
    return Few(corpus, TINY_RECORDS[name]) if s.tiny else corpus


def unlabelled(s: Study, bar: bool = False) -> Joined:
    """What is pretrained on: records without labels, and what the student says of their beats."""
    names = UNLABELLED[:1] if s.tiny else UNLABELLED
    return Joined([cut(Named(opened(s, name)), Cut(), s.cache, bar) for name in names], ())


def diagnosed(s: Study, bar: bool = False) -> Windows:
    """PTB-XL with superclasses."""
    return cut(opened(s, "ptbxl"), Cut(), s.cache, bar)


def marked(s: Study, bar: bool = False) -> Windows:
    """LUDB with its waves."""
    return cut(opened(s, "ludb"), Cut(waves=True), s.cache, bar)


def pretrained(s: Study, way: str, seed: int, folds: Part) -> tuple[BeatSsl, list[float]]:
    """An encoder after pretraining, and its losses; `folds` are of the windows of `unlabelled`."""
    torch.manual_seed(seed)
    encoder = BeatSsl(TINY if s.tiny else BeatSslConfig())
    make = WAYS[way]
    if make is None:
        return encoder.eval(), []
    windows = unlabelled(s)
    free = [windows.records[r].fold is None for r in windows.column("record")]
    rows = np.concatenate([folds.train, folds.validation, np.flatnonzero(free)])
    config = replace(TINY_PRETRAINING if s.tiny else PRETRAINING, seed=seed)
    losses = fit(make(encoder), windows, rows, config)
    return encoder, losses


def compared(s: Study, way: str, seed: int) -> dict[str, Any]:
    """Scores of one way of pretraining on all tasks, each time from the same encoder."""
    encoder, losses = pretrained(s, way, seed, rotated(unlabelled(s), seed))
    if way == BEST and seed == 0:
        kept, origin = nn.ModuleDict({"encoder": encoder}), {"way": way, "losses": losses}
        save(s.out / "beatssl.safetensors", "beatssl", kept, (), origin, tiny=s.tiny)
    windows, part = diagnosed(s), rotated(diagnosed(s), seed)
    config = replace(DEFAULTS, seed=seed)
    if s.tiny:
        config = replace(config, epochs=5, least_steps=60, learning_rate=3e-3)

    def fine_tuned(share: float) -> float:
        return diagnose(headed(encoder, windows, seed), windows, part, share, config)

    waves = marked(s)
    train, test = split(waves, seed)
    how = replace(SEGMENTING, seed=seed)
    if s.tiny:
        how = replace(how, epochs=5, least_steps=40, learning_rate=5e-3)

    def segmented(tuned: bool) -> list[float]:
        torch.manual_seed(seed)
        net = WaveNet(deepcopy(encoder).requires_grad_(tuned))
        return segment(net, waves, train[:FEW_WAVES], test, how)

    return {
        "losses": losses,
        "frozen": frozen(encoder, windows, part),
        "all": fine_tuned(1.0),
        "few": fine_tuned(FEW),
        "frozen waves": segmented(False),
        "waves": segmented(True),
    }


def last(s: Study, way: str, seed: int) -> float:
    """The score by the published folds, from which a tiny study keeps away."""
    of = rotated if s.tiny else lambda windows, _: published(windows)
    encoder, _ = pretrained(s, way, seed, of(unlabelled(s), seed))
    windows = diagnosed(s)
    net = headed(encoder, windows, seed)
    return diagnose(net, windows, of(windows, seed), config=replace(DEFAULTS, seed=seed))


def headed(encoder: BeatSsl, windows: Windows, seed: int) -> Classifier:
    """A copy of the encoder with a new head for the windows' classes."""
    torch.manual_seed(seed)
    return Classifier(deepcopy(encoder), encoder.width, len(windows.classes))


def frozen(encoder: BeatSsl, windows: Windows, part: Part) -> float:
    """Macro-AUC of logistic regression on an encoder's features, which stay as they are."""
    labels = windows.column("labels")
    x, y = (_features(encoder, windows, rows) for rows in (part.train, part.test))
    scores = np.zeros((len(y), labels.shape[1]))
    for k, known in enumerate(labels[part.train].T):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=1000))
        scores[:, k] = model.fit(x, known).decision_function(y)
    return macro_auc(labels[part.test], scores)


@torch.no_grad()
def _features(encoder: BeatSsl, windows: Windows, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Of records, [n, D]."""
    parts = []
    for i in range(0, len(rows), BATCH):
        batch = windows.batch(rows[i : i + BATCH])
        parts.append(encoder.eval()(batch.ecg, batch.leads, batch.peaks).record.numpy())
    return np.concatenate(parts)


def study(s: Study) -> str:
    """All trainings and tests; the tables and a picture go to `s.out`, the tables are returned."""
    unnamed, windows, waves = unlabelled(s, True), diagnosed(s, True), marked(s, True)
    ways, seeds = TINY_WAYS if s.tiny else tuple(WAYS), range(s.seeds)
    jobs: dict[str, Job] = {f"{way} {i}": (compared, (s, way, i)) for i in seeds for way in ways}
    if not s.tiny:
        jobs |= {f"published {w} {i}": (last, (s, w, i)) for i in seeds for w in (SCRATCH, BEST)}
    results = s.run(jobs, learned_from(*unnamed.parts, windows, waves))
    text = tables(s, ways, results, unnamed, windows, waves)
    encoder = BeatSsl(TINY if s.tiny else BeatSslConfig())
    fill(encoder, read(s.out / "beatssl.safetensors"), "encoder.")
    shared = cut(opened(s, "ptbxl", "shared"), Cut(), s.cache)
    named = cut(Named(opened(s, "ptbxl")), Cut(), s.cache)
    try:
        (s.out / "beatssl.md").write_text(text, "utf-8")
        nearest(encoder, shared, named).savefig(s.out / "beatssl-nearest.png", dpi=100)
    except OSError as error:
        raise OutputError(f"cannot write to {s.out}: {error}") from error
    return text


def tables(
    s: Study, ways: tuple[str, ...], results: Mapping[str, Any],
    unnamed: Joined, windows: Windows, waves: Windows,
) -> str:  # fmt: skip
    """The report, with its protocol."""
    seeds, config = range(s.seeds), TINY_PRETRAINING if s.tiny else PRETRAINING
    tested = np.array([r.fold == TEST_FOLD for r in unnamed.records])[unnamed.column("record")]
    beats = unnamed.column("beats")[~tested]
    counts = np.bincount(beats[beats >= 0], minlength=len(AAMI))
    part = rotated(windows, 0)
    test = len(split(waves, 0)[1])
    paid = np.mean([len(thinned(windows, rotated(windows, i).train, FEW, i)) for i in seeds])
    named = ", ".join(f"{n} {name}" for n, name in zip(counts, AAMI, strict=True))
    text = [
        f"Pretraining: {len(beats)} windows of 10 s at 100 Hz of {unnamed.name}, without PTB-XL's "
        f"fold {TEST_FOLD}, less its two folds that the seed tests on; {config.least_steps} "
        f"steps of {config.batch} windows. The student named their beats: {named}.",
        "",
        f"Diagnosis: PTB-XL's superclasses, 12 leads, macro-AUC in %; {s.seeds} seeds, each tests "
        f"on another two of folds 1 to 8 ({len(part.test)} records), stops by a third and learns "
        f"from the rest ({len(part.train)}). Frozen: logistic regression on features as they are; "
        f"then fine-tuned with all labels, and with those of {100 * FEW:g} % of the patients "
        f"({paid:.0f} records).",
        "",
        f"Waves: LUDB, each lead by itself, F1 in % of on- and offsets within 150 ms; learned from "
        f"{FEW_WAVES} records, tested on {test}, other ones for each seed. Frozen: only the "
        "decoder learns; then all does.",
        "",
        "Mean and standard deviation over seeds.",
        "",
        "| pretraining | AUC, frozen | fine-tuned | few labels | "
        + "".join(f"{wave}, frozen | " for wave in WAVES)
        + "mean F1, frozen | fine-tuned |",
        "|---|" + "---|" * (5 + len(WAVES)),
    ]
    for way in ways:
        of = [results[f"{way} {i}"] for i in seeds]
        cells = [spread([r[column] for r in of]) for column in ("frozen", "all", "few")]
        cells += [spread([r["frozen waves"][k] for r in of]) for k in range(len(WAVES))]
        cells += [
            spread([float(np.mean(r[column])) for r in of]) for column in ("frozen waves", "waves")
        ]
        text.append(f"| {way} | {' | '.join(cells)} |")
    if not s.tiny:
        text += ["", "By the published folds, one lower: 1 to 7, 8 to stop by, 9 to test on: "]
        text[-1] += ", ".join(
            f"{way} {spread([results[f'published {way} {i}'] for i in seeds])}"
            for way in (SCRATCH, BEST)
        )
        text[-1] += "."
    return "\n".join(text) + "\n"
