"""Import aiogram without building the schemas of 600 models that herald never uses.

`aiogram.types` ends with a loop that calls `model_rebuild` on all of its models, although they are declared with
`defer_build`; that loop is 1.9 of 2.8 seconds and 100 of 160 MB of the import. While aiogram is imported, the
rebuild only hands each class the names that its annotations mention; pydantic then builds a model on first use.

Every other module under `telegram/` and `app.py` imports this one before aiogram.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel

_NAME = re.compile(r"\b[A-Za-z_]\w*\b")


def _lend_names(cls: type[BaseModel], /, *, _types_namespace: Mapping[str, Any] | None = None, **_: Any) -> None:
    """Put what the annotations of `cls` mention into its module, as its `TYPE_CHECKING` imports would have."""
    module = sys.modules[cls.__module__].__dict__
    for annotation in inspect.get_annotations(cls).values():
        for name in _NAME.findall(annotation) if isinstance(annotation, str) else ():
            if _types_namespace and name in _types_namespace:
                module.setdefault(name, _types_namespace[name])


@contextmanager
def deferred_schemas() -> Iterator[None]:
    """Make pydantic build nothing inside the block; classes defined in it are built when first used."""
    rebuild, config = BaseModel.__dict__["model_rebuild"], BaseModel.model_config
    BaseModel.model_rebuild = classmethod(_lend_names)  # type: ignore[assignment, method-assign]
    BaseModel.model_config = {**config, "defer_build": True}
    try:
        yield
    finally:
        BaseModel.model_rebuild, BaseModel.model_config = rebuild, config  # type: ignore[method-assign]


if "aiogram" not in sys.modules:
    with deferred_schemas():
        import aiogram  # noqa: F401
