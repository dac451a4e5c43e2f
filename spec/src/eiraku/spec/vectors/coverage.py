"""How many negative cases there are of each code and of each requirement, as the README prints it."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from eiraku.spec.errors import Code
from eiraku.spec.vectors.forms import File

_PLACE = re.compile(r"(<!-- table coverage -->\n).*?(<!-- end of table -->)", re.DOTALL)
ACCEPTED = "accepted"


def fill(readme: str, contents: Mapping[str, File]) -> str:
    """`readme` with the two tables as they should be, from the negative files by their names."""
    return _PLACE.sub(lambda place: f"{place[1]}\n{_codes(contents)}\n{_rules(contents)}\n{place[2]}", readme)


def requirements(contents: Mapping[str, File]) -> Counter[str]:
    """How many cases name each requirement."""
    return Counter(rule for name in contents for case in _cases(contents[name]) for rule in case.requirements)


def _codes(contents: Mapping[str, File]) -> str:
    names = [name.removeprefix("negative-").removesuffix(".json") for name in contents]
    counts = [Counter(case.code or ACCEPTED for case in _cases(content)) for content in contents.values()]
    lines = [["code", *names, "all"], ["---"] * (len(names) + 2)]
    for code in (ACCEPTED, *(code.label for code in Code)):
        found = [count[code] for count in counts]
        lines.append([code, *(str(n or "") for n in found), str(sum(found))])
    lines.append(["all", *(str(count.total()) for count in counts), str(sum(c.total() for c in counts))])
    return _table(lines)


def _rules(contents: Mapping[str, File]) -> str:
    areas: dict[str, list[str]] = {}
    for rule, count in sorted(requirements(contents).items()):
        areas.setdefault(rule[:7], []).append(f"{rule[8:]}: {count}")
    return _table([["requirement", "number: cases that name it"], ["---"] * 2, *_rows(areas)])


def _rows(areas: Mapping[str, list[str]]) -> list[list[str]]:
    return [[area, ", ".join(found)] for area, found in areas.items()]


def _table(lines: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cases(content: Any) -> list[Any]:
    return [case for group in content.groups for case in group.cases]
