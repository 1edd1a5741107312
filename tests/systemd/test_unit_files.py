"""The shipped units as files: what systemd-analyze says of them, with no manager at work."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.systemd.conftest import SHIPPED

# In tenths, as systemd-analyze wants it.
_EXPOSURE_MAX = {"system": 20, "user": 65}


@pytest.mark.parametrize("manager", SHIPPED)
def test_systemd_knows_every_key_and_value(manager: str, tmp_path: Path) -> None:
    told = analyze("verify", f"--{manager}", str(SHIPPED[manager]), folder=tmp_path).stderr
    # herald itself need not be installed here
    complaints = [line for line in told.splitlines() if "herald.service: Command " not in line]
    assert not [line for line in complaints if "herald" in line]


@pytest.mark.parametrize("manager", SHIPPED)
def test_the_exposure_is_low(manager: str, tmp_path: Path) -> None:
    threshold = f"--threshold={_EXPOSURE_MAX[manager]}"
    judged = analyze("security", "--offline=true", threshold, str(SHIPPED[manager]), folder=tmp_path)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def analyze(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze; `folder` is where a user manager would keep its things."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
