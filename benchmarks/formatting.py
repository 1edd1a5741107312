"""How the time of `render` grows with the text: `python -m benchmarks.formatting`.

Each row is the CPU time of a text beside that of one four times as long: about 4 is linear, 16 would be quadratic.
The last column compares with markdown-it-py's own parse of the longer text in the same run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from markdown_it import MarkdownIt

from herald.formatting import render
from tests.formatting.test_hostile import SHAPES

ANSWER = "## Result\n\nThe **test** in `a.py` fails:\n\n- first\n- second\n\n```python\nprint(1)\n```\n\n"


def cpu_s(work: Callable[[str], object], text: str) -> float:
    """The best of three."""
    times = []
    for _ in range(3):
        started = time.process_time()
        work(text)
        times.append(time.process_time() - started)
    return min(times)


def main() -> None:
    parse = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse
    print(f"{'shape':<16} {'20 KB':>9} {'80 KB':>9} {'growth':>7} {'x parse':>8}")
    for shape in (ANSWER, *SHAPES):
        short, long = (cpu_s(render, shape * (size // len(shape))) for size in (20_000, 80_000))
        reference = cpu_s(parse, shape * (80_000 // len(shape)))
        print(f"{shape[:10]!r:<16} {short:>8.3f}s {long:>8.3f}s {long / short:>7.1f} {long / reference:>8.1f}")


if __name__ == "__main__":
    main()
