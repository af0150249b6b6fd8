"""Ray's token where the home directory is not this user's, or takes nothing."""

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


KEEP = """
import os, resource, sys
from tune_app.nodes.token import keep_token_without_home
if sys.argv[1] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # a file can be made, and takes no byte
keep_token_without_home()
print(len(os.environ.get("RAY_AUTH_TOKEN", "")))
"""


@pytest.mark.parametrize("disk", ["full", "free"])
@pytest.mark.parametrize("before", [None, ""])
def test_a_home_on_a_full_disk_keeps_no_token_and_leaves_no_half_one(tmp_path, disk, before):
    token = tmp_path / ".ray" / "auth_token"
    if before is not None:  # as a disk that was full has left it
        token.parent.mkdir()
        token.write_text(before)
    given = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE")
    environment = {name: value for name, value in os.environ.items() if name not in given}
    done = subprocess.run(
        [sys.executable, "-c", KEEP, disk],
        cwd=ROOT,
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == ("64" if disk == "full" else "0"), done.stderr
    if disk == "free":
        assert (len(token.read_text()), token.stat().st_mode & 0o777) == (64, 0o600)
        assert [*token.parent.iterdir()] == [token]
    else:
        assert [path.stat().st_size for path in token.parent.iterdir()] == [0] * (before == "")
