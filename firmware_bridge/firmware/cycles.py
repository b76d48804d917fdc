"""Counts the cycles of functions in a trace that QEMU has written of `measure.elf`.

Run by the Makefile: `cycles.py TRACE FUNCTION...`, of a trace with `-d in_asm,exec,nochain`. QEMU
knows no cycles, so each instruction counts what Arm's Cortex-M4 Technical Reference Manual (table
3-1) says, without wait states, at most: every branch is taken and refills the pipeline in three
cycles, no load follows another for one, a division takes twelve.
"""

import argparse
import re
from collections import Counter
from pathlib import Path

_REFILL = 3
_BRANCH = re.compile(r"(b|bl|bx|blx|cbz|cbnz)(eq|ne|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?")
_INSTRUCTION = re.compile(r"^0x[0-9a-f]+:\s+(?:[0-9a-f]{4} ?){1,2}\s+(\S+)\s*(.*)$")
_TRACE = re.compile(r"^Trace \d+: (\S+) \[[^]]*\] (\S+)$")


def cycles(mnemonic: str, operands: str) -> int:
    """Of one instruction, at most."""
    name = mnemonic.removesuffix(".w")
    refill = _REFILL * ("pc" in operands.partition(",")[0] or "pc}" in operands)
    if name.startswith(("push", "pop", "ldm", "stm")):
        return 2 + operands.partition("{")[2].count(",") + refill
    if name.startswith(("ldrd", "strd")):
        return 3
    if name.startswith(("ldr", "str")):
        return 2 + refill
    if name.startswith(("udiv", "sdiv")):
        return 12
    if name in ("tbb", "tbh"):
        return 2 + _REFILL
    if name in ("dmb", "dsb", "isb") or _BRANCH.fullmatch(name):
        return 1 + _REFILL
    return 1 + refill


def main() -> None:
    """Print the cycles of one call of each function, and of all that it calls."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", type=Path)
    parser.add_argument("functions", nargs="+")
    args = parser.parse_args()
    cost: dict[str, int] = {}
    block, translated, inside = "", 0, ""
    calls, total = Counter[str](), Counter[str]()
    with args.trace.open(encoding="utf-8") as trace:
        for line in trace:
            if line.startswith("IN:"):
                translated = 0
            elif found := _INSTRUCTION.match(line):
                translated += cycles(found[1], found[2])
            elif found := _TRACE.match(line):
                block, function = found.groups()
                cost.setdefault(block, translated)
                if function in ("measure", "stack_of"):
                    inside = ""
                elif function in args.functions and not inside:
                    inside = function
                    calls[function] += 1
                total[inside] += cost[block]
    for function in args.functions:
        print(f"{function}: at most {round(total[function] / calls[function])} cycles")


if __name__ == "__main__":
    main()
