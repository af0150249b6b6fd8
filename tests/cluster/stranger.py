"""Someone without the token: ``python -m tests.cluster.stranger ADDRESS STORE PORT …``.

Asks the head's control store for its nodes, and each port for a web page; ends with 0 where all
refuse.
"""

import os
import sys
import urllib.error
import urllib.request


def http_status(address: str, port: int) -> int:
    """What a web client is told; 0 where the port speaks another language."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}:{port}/", timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code
    except Exception:
        return 0


def store_answers(address: str, token: str) -> bool:
    """Whether Ray's control store tells its nodes."""
    from ray._raylet import GcsClient

    os.environ["RAY_AUTH_MODE"] = "token" if token else "disabled"
    os.environ["RAY_AUTH_TOKEN"] = token
    try:
        return bool(GcsClient(address=address).get_all_node_info(timeout=5))
    except Exception:
        return False


def main(address: str, store: str, ports: list[int]) -> int:
    answering = [f"port {port}: HTTP 200" for port in ports if http_status(address, port) == 200]
    for token in ("", "0" * 64):
        if store_answers(store, token):
            answering.append(f"{store} tells its nodes")
    print("\n".join(answering) or f"{len(ports)} ports refuse")
    return int(bool(answering) or not ports)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], [int(port) for port in sys.argv[3:]]))
