"""Coverage-guided fuzzing of the text parser and its decoders: `pip install atheris`, then

    python -m tests.firmware_bridge.fuzz_text -max_total_time=3600 -max_len=256 FOUND

The options are libFuzzer's. What must hold is what test_corpus.py asks of what was kept in corpus/:
`-merge=1 corpus FOUND` adds what is new there.
"""

import sys

import atheris

with atheris.instrument_imports(include=["firmware_bridge"]):
    from tests.firmware_bridge.test_corpus import check_text

if __name__ == "__main__":
    atheris.Setup(sys.argv, check_text)
    atheris.Fuzz()
