"""Ray's token where the home directory is not this user's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NOBODY = 65534
AS_NOBODY = f"""
import os
from tune_app.nodes.token import keep_token_without_home
os.setuid({NOBODY})
keep_token_without_home()
print(len(os.environ.get("RAY_AUTH_TOKEN", "")))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another user")
@pytest.mark.parametrize(("mode", "told"), [(0o600, 64), (0o644, 0)])
def test_a_token_that_this_user_cannot_read_is_replaced(tmp_path, mode, told):
    tmp_path.chmod(0o755)
    folder = tmp_path / ".ray"
    folder.mkdir()
    (folder / "auth_token").write_text("another's")
    (folder / "auth_token").chmod(mode)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.getuid() and parent.name.startswith("pytest"):
            parent.chmod(parent.stat().st_mode | 0o011)
    environment = {**os.environ, "HOME": str(tmp_path)}
    environment.pop("RAY_AUTH_TOKEN", None)
    environment.pop("RAY_AUTH_TOKEN_PATH", None)
    environment.pop("RAY_AUTH_MODE", None)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(told), done.stderr
