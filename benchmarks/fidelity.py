"""How much of a Markdown document arrives in a chat, by herald and by other converters.

    benchmarks/install_corpus                        once
    python -m benchmarks.fidelity                    the table, and every document that herald does not show in full
    python -m benchmarks.fidelity --check            herald alone; exits 1 if it misses one of its thresholds

A document is accepted if every one of its messages is, by TDLib's parser and the Bot API's limits, and if there is one
unless nothing is visible (chat.py). What the document holds is in reference.py; a word, link or style is kept if it is
in some message that was accepted. Converters that cannot cut lose documents longer than a message.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.chat import Message, arrived
from benchmarks.content import NAMES, Content
from benchmarks.corpus import BENCH, HERE, PARTS, Document, read_corpus
from benchmarks.peer_convert import PEERS
from benchmarks.reference import content_of, is_visible
from herald.formatting import render

# What herald must keep, in percent. All documents must be accepted, too.
THRESHOLDS = {"words": 100.0, "links": 99.0, "bold": 97.0, "code": 95.0, "code_lines": 100.0}
_TITLES = {"words": "words lost", "links": "links", "bold": "bold", "code": "inl. code", "code_lines": "code lines"}
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a document: why it was not accepted, what it holds, and what of that did not arrive."""

    document: Document
    refusals: list[str]
    held: Content
    missing: Content


def main() -> None:
    is_check = sys.argv[1:] == ["--check"]
    documents = read_corpus()
    held = [content_of(document.markdown) for document in documents]
    outcomes = {"herald": _judged(documents, held, [_by_herald(document) for document in documents])}
    if not is_check:
        for peer in PEERS:
            print(f"{peer} ...", file=sys.stderr)
            outcomes[peer] = _judged(documents, held, _by_peer(peer, documents))
    _print_acceptance(outcomes)
    _print_fidelity("What arrives, of all documents", outcomes)
    if not is_check:
        accepted = {name: [one for one in all_ if not one.refusals] for name, all_ in outcomes.items()}
        _print_fidelity("What arrives, of the documents that a converter's messages were all accepted for", accepted)
    for outcome in outcomes["herald"]:
        _print_losses(outcome)
    if is_check:
        sys.exit(_verdict(outcomes["herald"]))


def _by_herald(document: Document) -> list[Message] | str:
    try:
        return [{"text": piece.html, "parse_mode": "HTML"} for piece in render(document.markdown)]
    except Exception as exc:  # noqa: BLE001 - it promises to raise nothing
        return f"{type(exc).__name__}: {exc}"


def _by_peer(peer: str, documents: Sequence[Document]) -> list[list[Message] | str]:
    argv = [str(BENCH / "peers" / "bin" / "python"), str(HERE / "peer_convert.py"), peer]
    texts = json.dumps([document.markdown for document in documents])
    done = subprocess.run(argv, input=texts, capture_output=True, text=True, timeout=3600, check=True)
    answers: list[list[Message] | str] = json.loads(done.stdout)
    return answers


def _judged(
    documents: Sequence[Document], held: Sequence[Content], answers: Sequence[list[Message] | str]
) -> list[Outcome]:
    outcomes = []
    for document, content, answer in zip(documents, held, answers, strict=True):
        if isinstance(answer, str):
            shown, refusals = Content(), [answer]
        else:
            shown, refusals = arrived([message for message in answer if message["text"].strip()])
            if not any(message["text"].strip() for message in answer) and is_visible(document.markdown):
                refusals = ["no message"]
        outcomes.append(Outcome(document, refusals, content, content - shown))
    return outcomes


def _print_acceptance(outcomes: dict[str, list[Outcome]]) -> None:
    print("\nDocuments accepted by Telegram")
    print(f"{'':<28}" + "".join(f"{part:>16}" for part in PARTS))
    for name, all_ in outcomes.items():
        row = f"{name:<28}"
        for part in PARTS:
            refused = [bool(one.refusals) for one in all_ if one.document.part == part]
            row += f"{f'{refused.count(False)} of {len(refused)}':>16}"
        print(row)


def _print_fidelity(title: str, outcomes: dict[str, list[Outcome]]) -> None:
    print(f"\n{title}")
    print(f"{'':<28}{'documents':>12}" + "".join(f"{_TITLES[name]:>20}" for name in NAMES))
    for converter, all_ in outcomes.items():
        row = f"{converter:<28}{len(all_):>12}"
        for name in NAMES:
            missing, held = _missing(all_, name)
            kept = f"{_kept_percent(all_, name):.2f} %" if name != "words" else f"{missing}"
            row += f"{f'{kept} of {held}':>20}"
        print(row)


def _missing(outcomes: Sequence[Outcome], name: str) -> tuple[int, int]:
    """Return how many did not arrive, and how many there are."""
    return (
        sum(getattr(outcome.missing, name).total() for outcome in outcomes),
        sum(getattr(outcome.held, name).total() for outcome in outcomes),
    )


def _kept_percent(outcomes: Sequence[Outcome], name: str) -> float:
    missing, held = _missing(outcomes, name)
    return 100.0 * (1 - missing / held) if held else 100.0


def _print_losses(outcome: Outcome) -> None:
    lines = [f"  refused: {refusal}" for refusal in outcome.refusals]
    for name in NAMES:
        missing = list(getattr(outcome.missing, name).elements())
        if missing:
            rest = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
            lines.append(f"  {_TITLES[name]}: {', '.join(map(repr, missing[:_SHOWN]))}{rest}")
    if lines:
        print(f"\nherald, {outcome.document.part} {outcome.document.name}", *lines, sep="\n")


def _verdict(outcomes: Sequence[Outcome]) -> int:
    failed = [name for name, percent in THRESHOLDS.items() if _kept_percent(outcomes, name) < percent]
    if any(outcome.refusals for outcome in outcomes):
        failed.insert(0, "accepted")
    print(f"\n{'missed: ' + ', '.join(failed) if failed else 'every threshold is met'}")
    return 1 if failed else 0


if __name__ == "__main__":
    main()
