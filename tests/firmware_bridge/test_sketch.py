"""What sketches mean by their numbers: units, scales, names, and columns that are no leads."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.decoders import probe
from firmware_bridge.decoders.columns import header, split_unit
from firmware_bridge.decoders.csv import SETTLE, CsvDecoder
from firmware_bridge.decoders.lines import BATCH, Other, Splitter, parse
from firmware_bridge.units import nanovolts

T = np.arange(400) / 250
MV = np.exp(-(((T % 0.8) - 0.3) ** 2) / 2e-4) + 0.05 * np.sin(7 * T)
COUNTS = np.rint(2000 + 900 * MV).astype(int).tolist()


def read(lines: list[str], size: int = 10**6) -> list[SampleBlock]:
    data = ("\r\n" + "\r\n".join(lines) + "\r\n").encode()
    decoder = CsvDecoder(250.0)
    return [b for at in range(0, len(data), size) for b in decoder.feed(data[at : at + size])]


def sure(lines: list[str]) -> bool:
    guess = probe(("\r\n" + "\r\n".join(lines) + "\r\n").encode())
    return guess is not None and guess.sure


SPELT = ["nV", "uV", "µV", "μV", "UV", "microV", "microvolts", "mV", "MV", "mv", "millivolt", "V"]
SPELT += ["volts", "v"]


FORMS = ["{} {u}", "{}{u}", "ECG: {} {u}", "ecg={}{u};", "ecg_{u}:{}", "ecg ({u}): {}"]
FORMS += [">ecg:{}§{u}|g", '{{"ecg_{u}": {}}}', '{{"ecg": {}, "unit": "{u}"}}', "ECG {} {u}"]
FORMS += ['{{"ecg": "{} {u}"}}']
EITHER = [(unit, FORMS[2]) for unit in SPELT] + [(u, form) for u in ("µV", "mV") for form in FORMS]


@pytest.mark.parametrize(("unit", "form"), EITHER)
def test_a_unit_is_the_scale(unit: str, form: str) -> None:
    nv = nanovolts(unit)
    assert nv
    digits = {1.0: 0, 1e3: 1, 1e6: 4, 1e9: 7}[nv]
    (block,) = read([form.format(f"{x * 1e6 / nv:.{digits}f}", u=unit) for x in MV])
    assert len(block.leads) == 1
    assert block.mv[:, 0] == pytest.approx(MV[-len(block) :], abs=2e-4)
    assert [scale.told for scale in block.scale] == [True]
    assert block.scaled == f"in {block.scale[0].unit}"
    assert nanovolts(block.scale[0].unit) == nv


@pytest.mark.parametrize("lost", [b"\xb5", b"\xc2\xb5", b"?"])
def test_a_micro_of_any_encoding(lost: bytes) -> None:
    data = b"\n" + b"".join(b"%d %bV\n" % (round(1e3 * x), lost) for x in MV)
    blocks = CsvDecoder(250.0).feed(data)
    if lost != b"?":  # which is no part of a line of numbers
        assert blocks[0].scaled == "in µV"
        assert np.ptp(blocks[0].mv) == pytest.approx(np.ptp(MV), abs=2e-3)


@pytest.mark.parametrize("form", ["{:.3f} V", "{:.3f}V", "ECG: {:.3f} V"])
def test_volts_at_the_converter_have_a_gain_that_nothing_tells(form: str) -> None:
    (block,) = read([form.format(1.65 + 1.1 * x) for x in MV])
    assert np.ptp(block.mv) == pytest.approx(np.ptp(MV), rel=0.01)
    assert block.scaled == "scale unknown, taken for V through a gain of 1100"


def test_a_unit_that_cannot_be_is_not_sure() -> None:
    """A baseline in mV, and then beats of the height that only a converter sees."""
    assert not sure(
        ["0.10 mV"] * 50
        + [f"{0.1 + 1e-3 * math.sin(i):.4f} mV" for i in range(300)]
        + [f"{900 * x:.2f} mV" for x in MV]
    )


def test_all_leads_have_the_scale_of_one_converter() -> None:
    """The third is small, as a difference is."""
    lines = [f"I:{a} II:{a + 30} III:{a // 9 - 200}" for a in COUNTS]
    (block,) = read(lines)
    assert block.leads == ("I", "II", "III")
    assert {scale.mv for scale in block.scale} == {block.scale[0].mv}
    assert block.scale[0].unit == "counts of 12 bits"


@pytest.mark.parametrize(
    ("most", "unit"),
    [(1023, 10), (1024, 12), (4095, 12), (4096, 14), (16383, 14), (16384, 16), (65535, 16)],
)
def test_the_least_usual_range(most: int, unit: int) -> None:
    (block,) = read([f"{most},72"] + [f"{most // 2 + i % 9},72" for i in range(5 * SETTLE)])
    assert block.scale[0].unit == f"counts of {unit} bits"
    assert "scale unknown" in block.scaled


NO_LEADS = ["dt", "ax", "ay", "az", "acc_x", "accelX", "gyro_z", "gx", "temp", "temperature_C"]
NO_LEADS += ["spo2", "hr", "bpm", "HeartRate", "resp", "battery", "vbat", "interval_us", "x"]


@pytest.mark.parametrize("name", NO_LEADS)
@pytest.mark.parametrize("form", ["{n}:{o},val:{x}", "val={x} {n}={o}", '{{"{n}":{o},"val":{x}}}'])
def test_columns_that_a_name_tells_to_be_none(name: str, form: str) -> None:
    rng = np.random.default_rng(0)
    others = rng.integers(300, 600, len(COUNTS)).tolist()
    lines = [form.format(n=name, o=o, x=x) for o, x in zip(others, COUNTS, strict=True)]
    assert {block.leads for block in read(lines)} == {("val",)}


@pytest.mark.parametrize("name", NO_LEADS)
def test_a_header_tells_it_too(name: str) -> None:
    lines = [f"{name},ecg", *(f"{x % 97 + 300},{x}" for x in COUNTS)]
    (block,) = read(lines)
    assert block.leads == ("ecg",)


@pytest.mark.parametrize("names", [["temp"], ["ax", "ay", "az"], ["hr", "spo2"]])
def test_where_nothing_is_named_as_a_lead_nothing_is_sure(names: list[str]) -> None:
    assert not sure([",".join(f"{n}:{x + i}" for i, n in enumerate(names)) for x in COUNTS])


@pytest.mark.parametrize("turn", [100, 256, 10_000])
@pytest.mark.parametrize("form", ["{},{}", "{1},{0}"])
def test_a_count_downwards_is_no_lead(turn: int, form: str) -> None:
    (block,) = read([form.format(turn - 1 - i % turn, x) for i, x in enumerate(COUNTS)])
    assert block.leads == ("C2",) if form == "{},{}" else ("C1",)


def test_what_a_clock_goes_on_is_no_lead() -> None:
    steps = np.random.default_rng(1).integers(3, 6, len(COUNTS))
    lines = [f"{t},{dt},{x}" for t, dt, x in zip(steps.cumsum(), steps, COUNTS, strict=True)]
    assert {block.leads for block in read(lines)} == {("C3",)}


def test_unnamed_columns_that_may_be_none_are_not_sure() -> None:
    rng = np.random.default_rng(2)
    jitter = (4000 + 4 * rng.integers(-3, 4, len(COUNTS))).tolist()
    axes = 0.05 * rng.normal(size=len(COUNTS)) - 0.98
    assert not sure([f"{x},{dt}" for x, dt in zip(COUNTS, jitter, strict=True)])
    assert not sure([f"{x},{a:.2f}" for x, a in zip(COUNTS, axes, strict=True)])
    assert not sure(
        [f"{x // 4},{16000 + round(99 * a)}" for x, a in zip(COUNTS, axes, strict=True)]
    )


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        ("ecg_mV,ms", [("ecg", "mV"), ("ms", "")]),
        ("time (s);ECG [uV]", [("time (s)", ""), ("ECG", "uV")]),
        ("\ufeffLead I,Lead II", [("Lead I", ""), ("Lead II", "")]),
        ("mV", [("", "mV")]),
        ("# ecg\tresp", [("ecg", ""), ("resp", "")]),
        ("ecg,LO+,LO-", [("ecg", ""), ("LO+", ""), ("LO-", "")]),
        ("Hello, world", []),
        ("Setup done, starting ecg", []),
        ("Starting", []),
    ],
)
def test_headers(line: str, columns: list[tuple[str, str]]) -> None:
    assert header(line.encode()) == columns


def test_a_header_that_may_be_cut() -> None:
    assert header(b"V,ms", cut=True) == [("", ""), ("ms", "")]
    data = "ecg_mV,hr\n" + "".join(f"{x:.3f},{70 + i % 3}\n" for i, x in enumerate(MV))
    (block,) = CsvDecoder(250.0).feed(data.encode())
    assert (block.leads, block.scaled) == (("ecg",), "in mV")


@given(st.text(max_size=30))
def test_any_name_and_header(name: str) -> None:
    assert split_unit(name)[1] == "" or nanovolts(split_unit(name)[1])
    header(name.encode())


@given(st.lists(st.integers(0, 4095), min_size=1, max_size=40), st.booleans(), st.integers(1, 99))
def test_a_batch_is_as_its_samples(values: list[int], timed: bool, size: int) -> None:
    pairs = [f"{4 * i}:{x}" if timed else str(x) for i, x in enumerate(values)]
    data = ("\n>ecg:" + ";".join(pairs) + "§mV|g\n").encode()
    splitter = Splitter()
    lines = [x for at in range(0, len(data), size) for x in splitter.feed(data[at : at + size])]
    assert lines == [f">ecg:{pair}§mV|g".encode() for pair in pairs]


def test_batches_of_several_variables() -> None:
    pairs = [f"{1000 + 4 * i}:{x}" for i, x in enumerate(COUNTS)]
    lines = [";".join(pairs[at : at + 8]) for at in range(0, len(pairs), 8)]
    blocks = read([x for line in lines for x in (f">ecg:{line}", ">bpm:1000:72")], size=77)
    assert {block.leads for block in blocks} == {("ecg",)}
    assert sum(map(len, blocks)) == len(COUNTS)
    assert sum(block.lost for block in blocks) == 0


def test_leads_in_turn_are_not_sure() -> None:
    assert not sure([line for x in COUNTS for line in (f">I:{x}", f">II:{x // 2}")])


def test_what_teleplot_does_not_draw_over_time_is_text() -> None:
    assert parse(b">path:1.5:2.5|xy") is Other.TEXT
    assert parse(b">state:running|t") is Other.TEXT


def test_a_batch_that_is_too_long_is_one_damaged_line() -> None:
    (line,) = Splitter().feed(b"\n>ecg:" + b"1;" * BATCH + b"\n")
    assert parse(line) is Other.DAMAGED


AROUND = ['"{}","{}"', "'{}','{}'", "[{}, {}]", "[{} {}]", "({},{})", "<{},{}>", "${},{};"]
AROUND += ["#{},{}", "{{{},{}}}", "@{},{}", "*{},{}*"]


@pytest.mark.parametrize("form", AROUND)
def test_what_stands_around_numbers(form: str) -> None:
    lines = [form.format(x, 4000 - x) for x in COUNTS]
    (block,) = read(lines)
    assert len(block.leads) == 2
    assert sure(lines)
    # Without it a line is damaged: the mark may have been a digit.
    lines[200] = f"{COUNTS[200]},1"
    assert [block.lost for block in read(lines)] == [0, 1]


@pytest.mark.parametrize("form", ["E{}", "0x{}", "{}*5A", "{}#", "<{}", "ECG{}", "--{}"])
def test_forms_that_are_refused(form: str) -> None:
    assert not sure([form.format(x) for x in COUNTS])


WORDS = ["OK", "--", "", "Leads off!", "Lead off", "ready", "ok.", "=====", "Élève", "...", "* * *"]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("form", ["{},72", "ECG:{}", "{}.5"])
def test_lines_of_words_between_samples_lose_nothing(word: str, form: str) -> None:
    lines = [form.format(x) for x in COUNTS]
    lines = [y for i, x in enumerate(lines) for y in ([word, x] if i % 100 == 70 else [x])]
    blocks = read(lines)
    assert sum(map(len, blocks)) == len(COUNTS)
    assert {(block.lost, block.lead_state[0]) for block in blocks} == {(0, LeadState.UNKNOWN)}


BROKEN = [("{},72", ",72"), ("{},72", "--,72"), ("{},72", ","), ("ECG:{}", "ECG:"), ("{},72", "x")]
BROKEN += [("ECG:{}", "ECG:--"), (">ecg:{}", ">ecg:"), ("ECG={}", "ECG=x5")]
BROKEN += [('{{"ecg":{}}}', '{"ecg":}')]


@pytest.mark.parametrize(("form", "broken"), BROKEN)
def test_a_line_of_a_rows_shape_without_its_number_is_a_lost_sample(form: str, broken: str) -> None:
    lines = [form.format(x) for x in COUNTS]
    lines[300] = broken
    assert [block.lost for block in read(lines)] == [0, 1]


@pytest.mark.parametrize("word", ["Leads off!", "lead off", "LEADS OFF DETECTED", "No contact"])
@pytest.mark.parametrize("many", [2, 40])
@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_words_in_place_of_samples_are_lead_off(word: str, many: int, size: int) -> None:
    lines = [f"ECG:{x}" for x in COUNTS]
    lines[300:300] = [word] * many
    states: list[LeadState] = []
    for block in read(lines, size):
        states += block.lead_state * len(block)
    on = LeadState.ON
    assert states[300 : 300 + many] == [LeadState.OFF] * many
    assert set(states[:300]) == {LeadState.UNKNOWN}
    assert states[300 + many :] == [on] * 100


def test_a_header_of_two_lines() -> None:
    lines = [f"{1000 + 4 * i},{x:.3f}" for i, x in enumerate(MV)]
    (block,) = read(["time,ecg", "ms,mV", *lines])
    assert (block.leads, block.scaled) == (("ecg",), "in mV")


def test_numbers_beyond_the_scale_change_nothing_and_are_told() -> None:
    first, second = CsvDecoder(250.0), CsvDecoder(250.0)
    lines = "\n" + "ECG:500\n" * 300
    (low,) = first.feed(lines.encode())
    (high,) = first.feed(b"ECG:1500\n")
    assert low.scaled == "scale unknown, taken for counts of 10 bits"
    assert high.scaled == f"{low.scaled}, but larger numbers come"
    assert high.mv[0, 0] - low.mv[0, 0] == pytest.approx(1000 * low.scale[0].mv, rel=1e-4)
    (whole,) = second.feed((lines + "ECG:1500\n").encode())
    assert whole.mv[-1, 0] == high.mv[0, 0]
