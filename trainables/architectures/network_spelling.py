"""Whether two tables are of one network, whose name was written in two ways."""

from __future__ import annotations

from dataclasses import replace

from trainables.architectures.layer_table import LayerTable
from trainables.text.call import called_name, without_defaults


def is_rewritten(table: LayerTable, former: LayerTable) -> bool:
    """Whether the former table is of the same network, written with defaults, say, or by a link."""
    file, function = _function(table.network)
    former_file, former_function = _function(former.network)
    sources = former.sources.items()
    renamed = replace(
        former,
        network=table.network,
        arguments=without_defaults(former.arguments, table.defaults),
        sources={file if name == former_file else name: text for name, text in sources},
    )
    return function == former_function and renamed.digest == table.digest


def _function(network: str) -> tuple[str, str]:
    """The name of its file, "" for a library's network, and that of the function."""
    path, mark, function = called_name(network).rpartition(".py:")
    return f"{path}.py".rpartition("/")[2] if mark else "", function
