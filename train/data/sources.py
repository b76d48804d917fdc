"""Where each data set is on the network, and what of it is wanted."""

from typing import Final, Literal, NamedTuple


class Source(NamedTuple):
    """Where PhysioNet or Zenodo has a data set, and where it goes."""

    project: str
    """With its version; of Zenodo the number of the record."""
    folder: str
    """Below the folder of all data."""
    files: str
    """Matches the project's files that are wanted; its group is their path in the folder."""
    pin: str | None = None
    """`digest` of what PhysioNet's list must say of them; None where the project never had them all
    to know it."""
    most: int | None = None
    """Bytes of its largest file that is held in memory; None: as any."""
    host: Literal["physionet.org", "zenodo.org"] = "physionet.org"


_CHALLENGE = "challenge-2021/1.0.3"
_SIGNALS = r"\.(?:hea|mat)"

DATA_SETS: Final = {
    "mitdb": Source(
        "mitdb/1.0.0",
        "mitdb",
        r"(\d{3}\.(?:hea|dat|atr))",
        "7273708f681267d5519667331133db1e7056bd98994ececef537ac27c7167cc9",
    ),
    # Only the noises: the noisy records are made of them and mitdb.
    "nstdb": Source("nstdb/1.0.0", "nstdb", r"((?:bw|em|ma)\.(?:hea|dat))"),
    "ludb": Source(
        "ludb/1.0.1",
        "ludb",
        r"(ludb\.csv|data/\d+\.(?:hea|dat|i|ii|iii|av[rlf]|v[1-6]))",
        "63a2cd760d8a200e8b618a935bcec26d88b6be67ba38275c5ce91bea2c2f030a",
    ),
    "ptbxl": Source(
        "ptb-xl/1.0.3",
        "ptbxl",
        r"((?:ptbxl_database|scp_statements)\.csv|records100/\d{5}/\d{5}_lr\.(?:hea|dat))",
    ),
    "cinc2015": Source(
        "challenge-2015/1.0.0", "cinc2015", rf"training/([a-z]\d{{3}}[ls]{_SIGNALS}|ALARMS)"
    ),
    "cinc2017": Source(
        "challenge-2017/1.0.0",
        "cinc2017",
        rf"training/(?:A\d\d/)?(A\d{{5}}{_SIGNALS}|REFERENCE\.csv)",
    ),
    "cpsc2021": Source(
        "cpsc2021/1.0.0", "cpsc2021", r"Training_set_II?/(data_\d+_\d+\.(?:hea|dat|atr))"
    ),
    "svdb": Source("svdb/1.0.0", "svdb", r"(8\d\d\.(?:hea|dat|atr))"),
    "incartdb": Source("incartdb/1.0.0", "incartdb", r"(I\d\d\.(?:hea|dat|atr))"),
    "ltdb": Source("ltdb/1.0.0", "ltdb", r"(1\d{4}\.(?:hea|dat|atr))"),
    # Rhythms are in .atr, beats in .qrs; two records have annotations alone.
    "afdb": Source("afdb/1.0.0", "afdb", r"(0\d{4}\.(?:hea|dat|atr|qrs))"),
    "mimic-iv-ecg": Source(
        "mimic-iv-ecg/1.0",
        "mimic-iv-ecg",
        r"((?:record_list|machine_measurements)\.csv|"
        r"files/p\d{4}/p\d{8}/s\d{8}/\d{8}\.(?:hea|dat))",
        most=1 << 30,
    ),
    "code15": Source(
        "4916206", "code15", r"(exams\.csv|exams_part\d{1,2}\.zip)", host="zenodo.org"
    ),
    "georgia": Source(_CHALLENGE, "cinc2021", rf"training/georgia/g\d+/(E\d+{_SIGNALS})"),
    "chapman": Source(
        _CHALLENGE,
        "cinc2021",
        rf"training/(?:chapman_shaoxing|ningbo)/g\d+/(JS\d+{_SIGNALS})",
    ),
    "cpsc-extra": Source(
        _CHALLENGE, "cpsc2018", rf"training/cpsc_2018_extra/g\d+/(Q\d+{_SIGNALS})"
    ),
}
"""Each data set by its name."""
