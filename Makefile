# `make check` is what to run before a commit; it expects the virtual environment of the README.
.PHONY: check format

check:
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/pytest -q

format:
	.venv/bin/ruff format
	.venv/bin/ruff check --fix
