"""Makes report.png beside this file: the first pages of a report of a record, as PDF has them.

    python docs/report_picture.py mitdb/203

needs edge-report with its extra, and pdftoppm of poppler.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PAGES = 4
GAP = 8


def main(record: str) -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        pdf, stem = Path(folder, "report.pdf"), Path(folder, "page")
        command = [sys.executable, "-m", "edge.cli.report", record, "-o", str(pdf)]
        subprocess.run(command, check=True)
        subprocess.run(["pdftoppm", "-r", "70", "-l", str(PAGES), "-png", pdf, stem], check=True)
        pages = [Image.open(path) for path in sorted(Path(folder).glob("page*.png"))]
        width, height = pages[0].size
        whole = Image.new("RGB", (2 * width + GAP, 2 * height + GAP), "#999999")
        for i, page in enumerate(pages):
            whole.paste(page, ((i % 2) * (width + GAP), (i // 2) * (height + GAP)))
        whole.quantize(64).save(Path(__file__).with_name("report.png"), optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
