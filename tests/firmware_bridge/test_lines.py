"""What a line of text says, and what lines of one kind are: whatever sketches print."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.boards import sketches
from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.decoders import decoder, probe
from firmware_bridge.decoders.csv import LONGER, SETTLE, CsvDecoder
from firmware_bridge.decoders.lines import LONGEST, MOST, Numbers, Other, parse

REALS = st.floats(-1e12, 1e12, allow_nan=False).map(lambda x: float(f"{x:.6g}"))
ECG = [round(512 + 200 * math.exp(-((i % 90 - 40) ** 2) / 9) + 5 * math.sin(i)) for i in range(900)]


def values(line: str) -> tuple[float, ...]:
    found = parse(line.encode())
    assert isinstance(found, Numbers)
    return found.values


def read(lines: list[str], end: str = "\r\n", fs: float = 125.0) -> list[SampleBlock]:
    return CsvDecoder(fs).feed((end + end.join(lines) + end).encode())


@given(st.lists(REALS, min_size=1, max_size=8), st.sampled_from([",", ";", "\t", " ", ", ", " | "]))
def test_numbers_however_they_are_separated(numbers: list[float], between: str) -> None:
    line = between.join(map(repr, numbers))
    assert values(line) == tuple(numbers)
    if between in (",", ";", ", "):
        assert values(line + between.strip()) == tuple(numbers)


@given(st.integers(0, 10**24), st.sampled_from(["", "+", "-"]))
def test_digits_of_any_number(number: int, sign: str) -> None:
    assert values(f"{sign}{number}") == (float(f"{sign}{number}"),)


@given(st.lists(REALS, min_size=1, max_size=5))
def test_labels_objects_and_arrays(numbers: list[float]) -> None:
    names = [f"ch{i}" for i in range(len(numbers))]
    pairs = list(zip(names, numbers, strict=True))
    for line in (
        ",".join(f"{name}:{x!r}" for name, x in pairs),
        " ".join(f"{name}:{x!r}" for name, x in pairs),
        "; ".join(f"{name} = {x!r}" for name, x in pairs),
        json.dumps(dict(pairs)),
    ):
        found = parse(line.encode())
        assert isinstance(found, Numbers)
        assert (found.values, found.names) == (tuple(numbers), tuple(names))
    assert values(json.dumps(numbers)) == tuple(numbers)


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        (">ecg:512", (512,)),
        (">ecg:512§mV|g", (512,)),
        (">ecg:1627551892437:512", (1627551892437, 512)),
        ("ECG: 512 mV", (512,)),
        ("1,65;2,75", (1.65, 2.75)),
        ("1,65;2,75;", (1.65, 2.75)),
        ("12;1,65", (12, 1.65)),
        ("13:59:57.5,512", (50397.5, 512)),
        ("13:59:57 -> 512", (50397, 512)),
        ('{"a":{"b":1,"c":[2,3]},"d":true,"e":"x"}', (1, 2, 3, 1)),
        ("13:59:57,500;512", (50397.5, 512)),
        ("13:59:57,500", (50397, 500)),
        ("I (5000) tag: 512", (5000, 512)),
        ("W (13:59:57.5) tag: ecg: 512", (50397.5, 512)),
        ("S512 B72,Q800", (512, 72, 800)),
        ("\u2212512 counts", (-512,)),
        ("\u5fc3\u7535\uff1a512", (512,)),
        (".5", (0.5,)),
        ("1.e3", (1000,)),
        ("-1.5E-03", (-0.0015,)),
    ],
)
def test_forms(line: str, numbers: tuple[float, ...]) -> None:
    assert values(line) == pytest.approx(numbers)


@pytest.mark.parametrize(
    "line", ["nan,2", "ovf,2", "-inf,2", "a:NaN b:2", '{"a":null,"b":2}', '{"a":NaN,"b":2}']
)
def test_a_number_that_is_not_known(line: str) -> None:
    first, second = values(line)
    assert math.isnan(first)
    assert second == 2


def test_a_unit_makes_another_kind_of_line() -> None:
    kinds = [parse(line) for line in (b"72", b"72 bpm", b"72 ms", b"x: 72")]
    assert len({kind.shape for kind in kinds if isinstance(kind, Numbers)}) == 4


@pytest.mark.parametrize("line", ["!", " ! ", "ECG:!", "!,!", ">ecg:!"])
def test_an_electrode_that_is_off(line: str) -> None:
    assert parse(line.encode()) is Other.OFF


@pytest.mark.parametrize(
    "line",
    ["Setup done.", "BPM is now good", "ready", "heart beat!", "x:y", "Temp:", "{'a':1} abc"],
)
def test_words_are_no_sample(line: str) -> None:
    assert not isinstance(parse(line.encode()), Numbers)


NEITHER = [b"1e999", b"nana", b"1,,2", b"--1", b"1-2", b"25:00:00,1", b"1_0", b"\xb2"]
NEITHER += [
    b"1" * (LONGEST + 1),
    b"1," * MOST + b"1",
    b"[" * 400,
    b"0x12",
    b"\xff1",
]
NEITHER += [b"2026-13-01 12:00:00,1", b'{"a":' * 80 + b"1" + b"}" * 80, b"9" * 400, b"1;2;x"]


@pytest.mark.parametrize("line", NEITHER)
def test_what_is_neither(line: bytes) -> None:
    assert not isinstance(parse(line), Numbers)


SOME = [b"1", b"-2.5", b"ecg:", b">", b"{", b"}", b'"a":', b",", b";", b"\t", b" ", b"!", b"1e5"]
SOME += [b"Leads off!", b"OK", b"uV", b">a:1;2", b'"', b"$", b"<", b"1:2;3:4"]
SOME += [
    b"I (5000) a: ",
    b"S5",
    b"\x1b[0m",
    b"\0",
    b"12:34:56",
    b"2026-01-02T",
    b"=",
    b"[",
    b"]",
    b"nan",
    b"|",
    b"\xc2\xa7",
    b"->",
    b"mV",
]
PIECES = st.sampled_from(SOME)


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=80), st.lists(PIECES, max_size=24).map(b"".join)))
def test_no_line_raises(line: bytes) -> None:
    found = parse(line)
    if isinstance(found, Numbers):
        assert all(math.isnan(value) or abs(value) < 1e100 for value in found.values)
        assert len(found.values) == len(found.points) == len(found.names) == len(found.times)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\n\r"])
def test_ends_of_lines(end: str) -> None:
    (block,) = read([f"{x},300" for x in ECG], end)
    assert len(block) == len(ECG)
    assert block.leads == ("C1",)


def clock(kind: str, i: int) -> str:
    t = 0.008 * i
    ms = 50_397_000 + 8 * i
    return {
        "millis": f"{5000 + 8 * i}",
        "micros": f"{3_000_000_000 + 8000 * i}",
        "micros that wrap": f"{(2**32 - 800_000 + 8000 * i) % 2**32}",
        "16 bits": f"{(64_000 + 8 * i) % 65536}",
        "seconds": f"{12 + t:.3f}",
        "epoch": f"{1_700_000_000 + t:.3f}",
        "epoch ms": f"{1_700_000_000_000 + 8 * i}",
        "epoch us": f"{1_700_000_000_000_000 + 8000 * i}",
        "epoch ns": f"{1_700_000_000_000_000_000 + 8_000_000 * i}",
        "day": f"{ms // 3_600_000}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}",
    }[kind]


CLOCKS = ["millis", "micros", "micros that wrap", "16 bits", "seconds", "epoch", "epoch ms"]
CLOCKS += ["epoch us", "epoch ns", "day"]


@pytest.mark.parametrize("kind", CLOCKS)
@pytest.mark.parametrize("last", [False, True])
def test_a_clock_is_a_clock_and_no_lead(kind: str, last: bool) -> None:
    lines = [
        f"{x},{clock(kind, i)}" if last else f"{clock(kind, i)},{x}" for i, x in enumerate(ECG)
    ]
    reader = CsvDecoder(125.0)
    first = reader.feed(("\n" + "\n".join(lines[:400]) + "\n").encode())
    # 20 lines that never came: the clock tells.
    second = reader.feed(("\n".join(lines[420:]) + "\n").encode())
    assert {block.leads for block in first + second} == {("C1" if last else "C2",)}
    assert [block.lost for block in first + second] == [0] * len(first) + [20]
    assert second[0].device_time_s == pytest.approx(420 * 0.008, abs=0.002)


def test_a_guess_tells_what_is_in_a_line() -> None:
    guess = probe("\n".join(f"{8 * i},{x},72" for i, x in enumerate(ECG)).encode())
    assert guess
    assert guess.why.endswith(", leads C2, with a clock")


def test_a_counter_tells_what_is_missing() -> None:
    lines = [f"{i % 256},{x}" for i, x in enumerate(ECG)]
    first, second = read(lines[:500] + lines[507:])
    assert (first.leads, len(first), second.lost) == (("C2",), 500, 7)


def test_a_clock_that_is_set_back_is_a_restart() -> None:
    lines = [f"{5000 + 8 * i},{x}" for i, x in enumerate(ECG)]
    first, second = read(lines[:500] + lines[:300])
    assert (first.restart, second.restart) == (False, True)


@pytest.mark.parametrize(
    ("form", "leads"),
    [
        ("0 {} 1023", ("C2",)),
        ("{},72", ("C1",)),
        ("ECG:{},LO:0", ("ECG",)),
        ("Min:0,Value:{},Max:1023", ("Value",)),
        ('{{"t":5,"ecg":{}}}', ("ecg",)),
        ("ecg={} bpm=71", ("ecg",)),
    ],
)
def test_constants_are_no_leads(form: str, leads: tuple[str, ...]) -> None:
    (block,) = read([form.format(x) for x in ECG])
    assert (block.leads, len(block)) == (leads, len(ECG))


def test_a_column_of_lead_off() -> None:
    lines = [f"ECG:{x},LO:{int(600 <= i < 700)}" for i, x in enumerate(ECG)]
    blocks = read(lines)
    states = [(len(block), block.lead_state[0]) for block in blocks]
    assert states == [(600, LeadState.ON), (100, LeadState.OFF), (200, LeadState.ON)]


@pytest.mark.parametrize("form", ["{},300", "ECG:{}", '{{"t":1,"ecg":{}}}', ">ecg:{}"])
@pytest.mark.parametrize("none", ["nan", "inf"])
def test_a_sample_that_is_no_number_is_lost(form: str, none: str) -> None:
    if form[0] == "{" and form[1] == "{":
        none = "NaN" if none == "nan" else "null"
    lines = [form.format(none if i % 50 == 20 else x) for i, x in enumerate(ECG)]
    blocks = read(lines)
    assert [block.lost for block in blocks] == [0] + [1] * 18
    assert sum(map(len, blocks)) == len(ECG) - 18
    assert np.ptp(blocks[0].mv) < 3


def test_with_a_clock_a_sample_that_is_no_number_is_one_line() -> None:
    lines = [f"{8 * i},{'nan' if i in (300, 400, 401) else x}" for i, x in enumerate(ECG)]
    assert [block.lost for block in read(lines)] == [0, 1, 2]


def test_hexadecimal_is_not_taken_for_decimal() -> None:
    guess = probe("\n".join(f"{x:X}" for x in ECG).encode())
    assert guess is None or not guess.sure


def test_lines_of_text_between_lose_nothing() -> None:
    lines = [
        text
        for i, x in enumerate(ECG)
        for text in ([f"BPM: {i}", "72 bpm"] if i % 50 == 9 else []) + [f"{x},300"]
    ]
    blocks = read(lines)
    assert sum(map(len, blocks)) == len(ECG)
    assert not any(block.lost for block in blocks)


def test_signed_numbers_that_begin_above_zero() -> None:
    """As the AD8232 sketch's, at first: that is not sure, and none is lost when they go on."""
    x = [abs(v - 512) for v in ECG[:200]] + [v - 560 for v in ECG]
    guess = probe("\n".join(map(str, x[:150])).encode())
    assert guess
    assert not guess.sure
    guess = probe("\n".join(map(str, x)).encode())
    assert guess
    assert (guess.name, guess.sure) == ("csv", True)


@pytest.mark.parametrize("scale", [1, 1000, 10**6, 10**9])
def test_beats_have_the_height_of_beats_whatever_the_numbers(scale: int) -> None:
    (block,) = read([str((x - 512) * scale) for x in ECG])
    assert 0.3 < np.ptp(block.mv) < 5


def test_a_comma_that_may_be_a_point_is_not_sure() -> None:
    guess = probe("\n".join(f"1,{x}" for x in ECG).encode())
    assert guess is None or not guess.sure
    for lines in ([f"{x / 400:.3f}" for x in ECG], [f"{x / 400 - 1.28:.3f}" for x in ECG]):
        (block,) = read([line.replace(".", ",") for line in lines])
        assert len(block.leads) == 1
        sent = np.array(lines, float)
        assert np.corrcoef(sent[-len(block) :], block.mv[:, 0])[0, 1] > 0.999


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.lists(PIECES, max_size=8).map(b"".join),
            st.sampled_from([b"512,300", b"512", b"5,512", b"ECG:512", b'{"a":1,"b":2}', b">a:1"]),
            st.sampled_from([b"Leads off!", b"OK", b"ecg_mV,ms", b">a:1;2;3", b"0.53 mV", b"a:"]),
        ),
        max_size=60,
    ),
    st.sampled_from([b"\n", b"\r", b"\r\n"]),
    st.integers(1, 60),
    st.integers(1, SETTLE + LONGER),
)
def test_the_same_however_cut(lines: list[bytes], end: bytes, size: int, many: int) -> None:
    data = end.join(lines) + end + b"".join(b"%d,%d%b" % (i * 8, i % 7, end) for i in range(many))
    data += end.join(lines)
    for name in ("csv", "ad8232"):
        whole, cut = decoder(name, 125.0), decoder(name, 125.0)
        a = whole.feed(data)
        b = [block for at in range(0, len(data), size) for block in cut.feed(data[at : at + size])]
        assert np.array_equal(joined(a), joined(b))
        assert whole.counters == cut.counters


def joined(blocks: list[SampleBlock]) -> np.ndarray:
    rows = [np.column_stack([np.arange(b.start, b.start + len(b)), b.mv]) for b in blocks]
    return np.concatenate(rows) if rows else np.empty(0)


MV = np.stack([np.array(ECG) / 250 - 2, np.sin(np.arange(900) / 9)], axis=1)


@pytest.mark.parametrize("kind", sketches.KINDS)
@pytest.mark.parametrize("rate", [60.0, 1000.0])
def test_every_kind_of_text_at_either_end_of_the_rates(kind: str, rate: float) -> None:
    t = np.arange(int(6 * rate)) / rate
    mv = np.stack([np.interp(t % 3.6, np.arange(900) / 250, lead) for lead in MV.T], axis=1)
    given = sketches.Signal(mv, rate, 0.1 / rate * np.sin(t) ** 2, 0.4)
    assert sketches.judge(sketches.KINDS[kind], given) == "right"


@pytest.mark.parametrize(
    "form",
    ["ECG: {:.3f}", "ECG={:.3f}", "{:.3f} V", "{:.3f};", "ECG: {:.3f};BPM: 72"],
)
def test_a_decimal_comma_beside_a_word_is_not_taken_for_two_numbers_for_sure(form: str) -> None:
    volts = 1.65 + 0.2 * np.sin(np.arange(1000) / 5)
    sent = "".join(form.format(v).replace(".", ",") + "\r\n" for v in volts).encode()
    guess = probe(sent)
    assert guess is None or not guess.sure


@pytest.mark.parametrize("forms", ["{:.0f}\r\n50000\r\n", "{:.3f}\r\n20.30\r\n"])
def test_two_numbers_in_turn_are_not_one_lead_for_sure(forms: str) -> None:
    counts = 512 + 100 * np.sin(np.arange(1000) / 5)
    guess = probe("".join(forms.format(c) for c in counts).encode())
    assert guess is None or not guess.sure


@pytest.mark.parametrize(
    "form",
    ["{0} {1:03}", "8,{0},{1:03}", "8\u00a0{0}\u00a0{1:03}", "{2};{0},{1}", "{0},{1}"],
)
def test_one_number_in_parts_or_in_turn_is_not_sure(form: str) -> None:
    """Thousands apart, a decimal comma among commas, two samples a line."""
    x = [round(300 + 100 * math.sin(i / 3)) for i in range(800)]
    pairs = zip(x[::2], x[1::2], strict=True)
    if form != "{0},{1}":
        pairs = zip(x, [37 * v % 1000 for v in x], strict=True)
    lines = [form.format(a, b, 5000 + 8 * i) for i, (a, b) in enumerate(pairs)]
    guess = probe("\n".join(lines).encode())
    assert guess is None or not guess.sure


def test_a_number_without_its_decimal_comma_is_lost() -> None:
    """It may be one of `1,005` and `987`, which are 18 apart."""
    blocks = read([f"{x / 400:.3f}".replace(".", ",") for x in ECG] + ["987", "1,650"])
    assert [block.lost for block in blocks] == [0, 1]


def test_of_samples_in_turn_a_damaged_line_loses_all() -> None:
    lines = [json.dumps({"ecg": ECG[at : at + 9]}) for at in range(0, 900, 9)]
    lines[80] = lines[80][:20]
    first, last = read(lines)
    assert (first.leads, len(first), last.lost, len(last)) == (("ecg",), 720, 9, 19 * 9)
    whole = np.concatenate([first.mv[:, 0], last.mv[:, 0]])
    assert np.corrcoef(whole, ECG[:720] + ECG[729:])[0, 1] > 0.99999


@pytest.mark.parametrize("form", ["{},300", "{}", "ECG:{}"])
def test_padding_and_colours_are_no_damage(form: str) -> None:
    plain = [form.format(x) for x in ECG]
    marked = [f"\0\x1b[0;32m{line}\x1b[0m\x11\0" for line in plain]
    name = "ad8232" if form == "{}" else "csv"
    for end in ("\n", "\r\n"):
        blocks = [
            decoder(name, 125.0).feed((end + end.join(lines) + end).encode())
            for lines in (plain, marked)
        ]
        assert np.array_equal(joined(blocks[0]), joined(blocks[1]))


@pytest.mark.parametrize("phase", [0, 7, 0.5])
@pytest.mark.parametrize("turn", [10, 60, 100, 128, 200, 250, 360, 1000])
def test_a_counter_may_begin_anew_anywhere(turn: int, phase: float) -> None:
    """What it means is seen at its second turn; until then lines seem to be lost, once."""
    first = round(phase * turn) if phase == 0.5 else int(phase)
    counts = [round(512 + 100 * math.sin(i / 9)) for i in range(5000)]
    lines = "".join(f"{(first + i) % turn},{c}\r\n" for i, c in enumerate(counts)).encode()
    decoded = CsvDecoder(fs=250)
    blocks = [b for at in range(0, len(lines), 500) for b in decoded.feed(lines[at : at + 500])]
    whole = CsvDecoder(fs=250).feed(lines)
    for got in (blocks, whole):  # however the bytes are cut
        assert [(b.start, b.lost) for b in got if b.lost] == [
            (b.start, b.lost) for b in blocks if b.lost
        ]
    assert {block.leads for block in blocks} == {("C2",)}
    assert sum(len(block) for block in blocks) == 4999
    late = [block for block in blocks if block.start > 2 * turn + LONGER]
    assert sum(block.lost for block in late) == 0
