"""How long `render` takes: `python -m benchmarks.formatting`.

CPU time, in rounds that alternate with the reference, so that a busy machine slows both; ratios are medians, with the
lowest and the highest round. Nothing here is asserted: what must hold on every machine is in the tests.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from markdown_it import MarkdownIt

from herald.formatting import Stream, render
from tests.formatting.test_hostile import SHAPES

_ROUNDS = 15
_FRAMES = 200
_ANSWERS = Path(__file__).parent / "answers"


def cpu_s(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def ratio(work: Callable[[], object], reference: Callable[[], object]) -> str:
    """Run both in turn, and say how they compare."""
    rounds = [(cpu_s(work), cpu_s(reference)) for _ in range(_ROUNDS)]
    ratios = sorted(one / other for one, other in rounds)
    times = [1000 * statistics.median(times) for times in zip(*rounds, strict=True)]
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    return f"{times[0]:9.2f} ms {times[1]:9.2f} ms {statistics.median(ratios):7.2f}x  ({spread})"


def repeated(work: Callable[[str], object], text: str, times: int) -> Callable[[], None]:
    """Return what does the work several times, since one time is too short for the clock."""

    def run() -> None:
        for _ in range(times):
            work(text)

    return run


def answer_of(size: int) -> str:
    """Return the hand-written answers one after the other, until there is enough text."""
    whole = "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(_ANSWERS.glob("*.md")))
    text = whole * (size // len(whole) + 1)
    return text[: text.rfind("\n", 0, size)]


def compare_with_parser() -> None:
    parse = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse
    print("\nA typical answer of 4 KB and others, 20 times: render, and markdown-it-py's own parse of the same text")
    for name in ("typical", "quote_long", "nested_lists", "bug_python", "code_many_spans", "cjk"):
        text = (_ANSWERS / f"{name}.md").read_text(encoding="utf-8")
        print(f"  {name:<28}{len(text):>6}{ratio(repeated(render, text, 20), repeated(parse, text, 20))}")


def stream() -> None:
    print(f"\nAll frames of an answer that grows in {_FRAMES} steps, and one render of it")
    documents = {
        "many answers": answer_of(40_000),
        "prose": "Some prose with **bold** words and `code`, nothing more to say.\n\n" * 620,
        "one list": "- an item with **bold** words and `code` in it\n" * 850,
        "one code block": "```python\n" + "    value = compute(1)  # and so on\n" * 1140 + "```\n",
        "one wide table": "| Name | What it does |\n|---|---|\n"
        + "| `name` | something that is long to tell |\n" * 900,
    }
    for name, text in documents.items():

        def frames(text: str = text) -> None:
            growing = Stream()
            for step in range(1, _FRAMES + 1):
                growing.update(text[: len(text) * step // _FRAMES])

        print(f"  {name:<28}{len(text):>6}{ratio(frames, repeated(render, text, 1))}")


def growth() -> None:
    print("\nAnswers of 10 KB to 10 MB: microseconds per KB")
    for size in (10_000, 100_000, 1_000_000, 10_000_000):
        text = answer_of(size)
        best = min(cpu_s(repeated(render, text, 1)) for _ in range(3 if size < 1_000_000 else 1))
        print(f"  {len(text):>9}{best * 1e9 / len(text):>9.0f}")
    print("\nText made to break a formatter: about 4 is linear, 16 would be quadratic")
    print(f"  {'shape':<16} {'20 KB':>9} {'80 KB':>9} {'growth':>7}")
    for shape in SHAPES:
        short, long = (
            min(cpu_s(repeated(render, shape * (size // len(shape)), 1)) for _ in range(2)) for size in (20_000, 80_000)
        )
        print(f"  {shape[:10]!r:<16} {short:>8.3f}s {long:>8.3f}s {long / short:>7.1f}")


if __name__ == "__main__":
    compare_with_parser()
    stream()
    growth()
