"""The figures of a benchmark as tables."""

from typing import Any

from rich.console import Console
from rich.table import Table


def show(figures: dict[str, Any]) -> None:
    """Print all tables."""
    console = Console(soft_wrap=True)
    console.print(_ratios(figures))
    console.print(_operations(figures))
    console.print(_sizes(figures))
    hops = figures["unit_bytes_by_hop"]
    shown = ", ".join(f"{hops[n]} at {n}" for n in (0, 1, 5, 10, 20))
    console.print(
        f"Unit with its history, bytes by hop: {shown}; at most {figures['growth_per_hop']} more per hop."
    )
    us = figures["adapter_us"]
    console.print(
        f"Adapter, one empty request: {us['same process']} us in the same process, "
        f"{us['separate process']} us to a separate process."
    )


def _ratios(figures: dict[str, Any]) -> Table:
    table = Table(title=f"Both purses together, median of {figures['rounds']} rounds, microseconds")
    media = [name for name in ("memory", "disk") if name in figures["handshake"]]
    table.add_column("")
    for column in ("bare cryptography", *(word for name in media for word in (name, "ratio"))):
        table.add_column(column, justify="right")
    titles = {"handshake": "handshake", "transfer": f"transfer of {figures['units']} units"}
    for part, title in titles.items():
        row = figures[part]
        cells = [str(row["floor_us"])]
        for name in media:
            cells += [str(row[name]["median_us"]), f"{row[name]['ratio']}x"]
        table.add_row(title, *cells)
    return table


def _operations(figures: dict[str, Any]) -> Table:
    table = Table(title="Cryptographic operations, counted (needed by the protocol)")
    table.add_column("operation")
    for column in ("us each", "handshake", "transfer"):
        table.add_column(column, justify="right")
    for name, cost in figures["operations_us"].items():
        cells = []
        for part in ("handshake", "transfer"):
            needed = figures[part]["needed"][name]
            counted = figures[part]["counts"][name]
            cells.append(str(counted) if needed is None else f"{counted} ({needed})")
        table.add_row(name, str(cost), *cells)
    return table


def _sizes(figures: dict[str, Any]) -> Table:
    table = Table(title=f"Bytes on the wire, {figures['units']} units at hop 0")
    table.add_column("message")
    table.add_column("bytes", justify="right")
    for name, size in figures["wire_bytes"].items():
        table.add_row(name, str(size))
    return table
