"""One network of each of timm's modules becomes a table of layers; failures are listed.

    python -m benchmarks.timm_networks

writes benchmarks/results/timm_networks.json.
"""

import json
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import timm

from trainables.architectures.architecture import Architecture
from trainables.architectures.network_size import size_network
from trainables.architectures.selection import SelectionError
from trainables.networks.network_error import NetworkError
from trainables.networks.registry import make_table

FILE = Path(__file__).with_name("results") / "timm_networks.json"


def one_of_each() -> list[str]:
    """The first network, by name, of each module of timm."""
    names = [timm.list_models(module=module) for module in timm.list_modules()]
    return sorted(found[0] for found in names if found)


def trace_one(name: str) -> dict[str, Any]:
    """What its table says, at the image size that its weights are for; else why there is none."""
    start = time.perf_counter()
    settings = timm.get_pretrained_cfg(name, allow_unregistered=True)
    side = settings.input_size[-1] if settings else 224
    try:
        table = make_table(f"timm:{name}", image_size=side, classes=1000)
    except NetworkError as problem:
        return {"name": name, "failure": str(problem)}
    reasons: dict[str, int] = {}
    for row in table.rows:
        if row.reason:
            reasons[row.reason] = reasons.get(row.reason, 0) + 1
    told = {
        "name": name,
        "image_size": side,
        "layers": len(table.rows),
        "replaced": len(table.default),
        "parameters": table.parameters,
        "kept": reasons,
        "seconds": round(time.perf_counter() - start, 2),
    }
    try:
        size = size_network(Architecture("low_rank", table=table, rank_scale=0.25))
        told["low_rank_at_a_quarter"] = size.parameters
    except SelectionError as problem:
        told["nothing_replaced"] = str(problem)
    return told


def main() -> None:
    """Traces them all and writes what was found."""
    rows = [trace_one(name) for name in one_of_each()]
    failures = [row for row in rows if "failure" in row]
    document = {
        "timm": metadata.version("timm"),
        "torch": metadata.version("torch"),
        "networks": len(rows),
        "traced": len(rows) - len(failures),
        "failures": failures,
        "rows": [row for row in rows if "failure" not in row],
    }
    FILE.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"{document['traced']} of {document['networks']} networks traced")
    for row in failures:
        print(f"{row['name']}: {row['failure']}")


if __name__ == "__main__":
    main()
