"""The figures of a benchmark as tables."""

from typing import Any

from rich.console import Console
from rich.table import Table

FLOORS = {"openssl": "OpenSSL", "best": "best known"}
MEDIA = {"memory": "in RAM", "disk": "on disk"}


def show(figures: dict[str, Any]) -> None:
    """Print all tables."""
    console = Console(soft_wrap=True)
    for table in (_ratios(figures), _held(figures), _operations(figures), _sizes(figures)):
        console.print(table)
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


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _ratios(figures: dict[str, Any]) -> Table:
    table = _table(
        f"Both purses together, microseconds of the processor, {figures['rounds']} rounds",
        "",
        "spent",
        *(word for floor in FLOORS.values() for word in (floor, "ratio")),
        "elapsed",
    )
    titles = {"handshake": "handshake", "transfer": f"transfer of {figures['units']} units"}
    for part, title in titles.items():
        for medium in (name for name in MEDIA if name in figures[part]):
            row = figures[part][medium]
            cells = [str(row["us"])]
            for floor in FLOORS:
                cells += [str(row[floor]["floor_us"]), f"{row[floor]['ratio']}x"]
            table.add_row(f"{title}, {MEDIA[medium]}", *cells, str(row["elapsed_us"]))
    return table


def _held(figures: dict[str, Any]) -> Table:
    least = figures["held"][0]["units"]
    table = _table(
        f"By units that each purse holds, microseconds of the processor (ratio to {least} units)",
        "units",
        "order",
        "ratio",
        f"transfer of {figures['units']}",
        "ratio",
    )
    for row in figures["held"]:
        cells = []
        for part in ("order", "transfer"):
            cells += [str(row[part]["us"]), f"{row[part]['ratio']}x"]
        table.add_row(str(row["units"]), *cells)
    return table


def _operations(figures: dict[str, Any]) -> Table:
    table = _table(
        "Cryptographic operations: microseconds of one over 256 bytes, and counted (needed by the protocol)",
        "operation",
        "OpenSSL",
        "libsodium",
        "handshake",
        "transfer",
    )
    for name, costs in figures["operations_us"].items():
        cells = [str(costs["openssl"]), str(costs.get("libsodium", ""))]
        for part in ("handshake", "transfer"):
            needed = figures[part]["needed"][name]
            counted = figures[part]["counts"][name]
            cells.append(str(counted) if needed is None else f"{counted} ({needed})")
        table.add_row(name, *cells)
    return table


def _sizes(figures: dict[str, Any]) -> Table:
    table = _table(f"Bytes on the wire, {figures['units']} units at hop 0", "message", "bytes")
    for name, size in figures["wire_bytes"].items():
        table.add_row(name, str(size))
    return table
