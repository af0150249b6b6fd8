"""Ray's token where the home directory is not this user's."""

import os
import subprocess
import sys
import tempfile
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
def test_a_token_that_this_user_cannot_read_is_replaced(mode, told):
    with tempfile.TemporaryDirectory() as home:  # pytest's own is closed to others
        Path(home).chmod(0o755)
        token = Path(home, ".ray", "auth_token")
        token.parent.mkdir()
        token.parent.chmod(0o755)
        token.write_text("another's")
        token.chmod(mode)
        given = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE")
        environment = {name: value for name, value in os.environ.items() if name not in given}
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY],
            cwd=ROOT,
            env={**environment, "HOME": home},
            capture_output=True,
            text=True,
        )
    assert done.stdout.strip() == str(told), done.stderr
