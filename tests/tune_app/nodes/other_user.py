"""What another user of this machine can do: ``python -m tests.tune_app.nodes.other_user``.

Reads a JSON object from standard input, gives up being root, tries everything, and prints what went
well. Python and Ray are imported before: their files may lie where only root can read.
"""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

NOBODY = 65534


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def succeeds(act: Callable[[], object]) -> bool:
    try:
        act()
    except Exception:
        return False
    return True


def attempts(asked: dict) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each with its name; sockets, files and folders were found by root."""
    from ray._raylet import GcsClient

    def connect(path: str) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)

    for path in asked["sockets"]:
        yield f"connect to {path}", lambda path=path: connect(path)
    for path in asked["secrets"]:
        yield f"read {path}", Path(path).read_bytes
    for path in asked["folders"]:
        yield f"list {path}", lambda path=path: list(Path(path).iterdir())
    for path in [*asked["folders"], *asked["kept"]]:
        yield f"write in {path}", Path(path, "planted").touch
        yield f"rename {path}", lambda path=path: Path(path).rename(f"{path}-taken")
    for path in asked["files"]:
        yield f"write to {path}", lambda path=path: Path(path).open("ab").close()
    for token in ("", "0" * 64):
        os.environ["RAY_AUTH_MODE"] = "token" if token else "disabled"
        os.environ["RAY_AUTH_TOKEN"] = token
        name = f"ask the control store with {token or 'no token'}"
        yield name, lambda: GcsClient(address=asked["address"]).get_all_node_info(timeout=10)


def main() -> None:
    asked = json.load(sys.stdin)
    for name in [name for name in os.environ if name.startswith("RAY_AUTH")]:
        del os.environ[name]
    os.environ["HOME"] = "/nonexistent"
    import ray._raylet

    ray._raylet.GcsClient  # noqa: B018 (loaded as root)
    become_nobody()
    print(json.dumps([name for name, act in attempts(asked) if succeeds(act)]))


if __name__ == "__main__":
    main()
