"""The documents of the fidelity benchmark: specification examples and READMEs from .bench, answers from here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
BENCH = HERE.parent / ".bench"
PARTS = ("commonmark", "gfm", "readmes", "answers")


@dataclass(frozen=True, slots=True)
class Document:
    part: str
    name: str
    markdown: str


def read_corpus() -> list[Document]:
    """Read all parts, in order. Raises SystemExit if benchmarks/install_corpus has not been run."""
    if not (BENCH / "corpus").is_dir():
        raise SystemExit("run benchmarks/install_corpus first")
    documents = []
    for part in ("commonmark", "gfm"):
        examples = json.loads((BENCH / "corpus" / f"{part}.json").read_text(encoding="utf-8"))
        documents += [Document(part, str(number), example) for number, example in enumerate(examples, start=1)]
    for part, folder in (("readmes", BENCH / "corpus" / "readmes"), ("answers", HERE / "answers")):
        for path in sorted(folder.glob("*.md")):
            documents.append(Document(part, path.stem, path.read_text(encoding="utf-8", errors="replace")))
    return documents
