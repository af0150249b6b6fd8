"""Ray's token: kept where there is no home directory, and readable for its owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from trainables.files.user_cache import home


def keep_token_without_home() -> None:
    """Passes Ray's token in the environment where ``~/.ray`` cannot be written.

    Ray 2.60 protects its processes with a token that it reads from that folder, or writes there.
    The home directory may be missing, full, not writable or another user's.
    """
    variables = os.environ.keys() & {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}
    if variables or os.environ.get("RAY_AUTH_MODE") == "disabled":
        return
    try:
        folder = home() / ".ray"
        folder.mkdir(exist_ok=True)
        token = folder / "auth_token"
        if not token.exists() or not token.stat().st_size:  # empty: its disk was full
            _make(token)
        if os.access(token, os.R_OK):
            return
    except OSError:
        pass
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _make(token: Path) -> None:
    """Writes a token as Ray would; raises OSError where it cannot be kept, as on a full disk."""
    draft = token.with_name(f".{token.name}.{secrets.token_hex(4)}")
    try:
        draft.touch(0o600)
        draft.write_text(secrets.token_hex(32))
        if token.exists():
            draft.replace(token)
        else:
            with contextlib.suppress(FileExistsError):  # another process was faster, and uses its
                token.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)


def tighten_token() -> None:
    """Makes Ray's token unreadable for other users; Ray writes it readable for all."""
    try:
        path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
        status = path.stat()
        if status.st_uid == os.getuid() and status.st_mode & 0o077:
            path.chmod(0o600)
    except (OSError, RuntimeError):  # there is no token, or no home directory
        return
