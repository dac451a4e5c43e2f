"""The files of vectors: each has a schema, which it fits, and a section of the README."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from eiraku.spec import registry
from eiraku.spec.vectors import coverage, forms
from eiraku.spec.vectors.schemas import KINDS

FOLDER = Path(forms.__file__).parent
NAMES = sorted(path.name for path in FOLDER.glob("*.json") if ".schema." not in path.name)


def cases(content: dict[str, Any]) -> list[dict[str, Any]]:
    groups = content.get("groups", [content])
    return [case for group in groups for case in group.get("cases", ())]


def test_every_file_has_a_schema_and_a_section() -> None:
    assert sorted(KINDS) == NAMES
    assert {path.name for path in FOLDER.glob("*.schema.json")} == set(map(forms.schema_of, KINDS))
    headings = re.findall(r"^## `([a-z0-9-]+\.json)`$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(headings) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_file_fits_its_schema(name: str) -> None:
    schema = json.loads(forms.read(forms.schema_of(name)))
    jsonschema.Draft202012Validator.check_schema(schema)
    content = json.loads(forms.read(name))
    jsonschema.Draft202012Validator(schema).validate(content)
    assert content["schema"] == forms.schema_of(name)
    assert forms.schema(name, KINDS[name]) == forms.read(content["schema"]), (
        "run eiraku maintain schema --write"
    )
    # What the type reads, the schema describes: a member that nobody expects is refused by both.
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**content, "surplus": 0})


def test_the_readme_counts_the_cases() -> None:
    negative = {name: forms.load(name, KINDS[name]) for name in KINDS if name.startswith("negative-")}
    readme = (FOLDER / "README.md").read_text()
    assert coverage.fill(readme, negative) == readme, "run eiraku maintain vectors --write"


AREAS = {"ENC", "KEY", "PID", "UNI", "HIS", "BUL", "SES", "REC", "TRF", "CRS", "POL", "GEN"}
IN_NO_CASE = {
    "EPP-GEN-007": "a second provisioning needs a purse that is provisioned already",
    "EPP-GEN-018": "what must not be refused: no fault stands beside it",
    "EPP-GEN-019": "what must not be refused: no fault stands beside it",
    "EPP-KEY-041": "what must not be refused: no fault stands beside it",
    "EPP-KEY-060": "what must not be refused: no fault stands beside it",
    "EPP-KEY-069": "what must not be refused: no fault stands beside it",
    "EPP-POL-013": "what must not be refused: no fault stands beside it",
    "EPP-POL-014": "what must not be refused: no fault stands beside it",
    "EPP-POL-031": "what must not be refused: no fault stands beside it",
    "EPP-BUL-018": "its inputs are longer than a file of vectors can bear",
    "EPP-POL-018": "depends on what the purse has room for",
    "EPP-SES-087": "an error of the peer is not refused",
    "EPP-CRS-040": "what must not be refused: no fault stands beside it",
    "EPP-GEN-024": "about the session that follows a refusal",
    "EPP-SES-027": "about a session that another one ends",
}


def test_every_requirement_that_names_a_refusal_is_in_a_case() -> None:
    negative = {name: forms.load(name, KINDS[name]) for name in KINDS if name.startswith("negative-")}
    covered = coverage.requirements(negative)
    wanted = {each.id for each in registry.load() if each.id[4:7] in AREAS and "refuse" in each.text}
    assert wanted - covered.keys() == IN_NO_CASE.keys() & wanted
    assert IN_NO_CASE.keys() <= wanted


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique_and_requirements_exist(name: str) -> None:
    found = cases(json.loads(forms.read(name)))
    ids = [case["id"] for case in found if "id" in case]
    assert len(set(ids)) == len(ids)
    known = registry.by_id()
    assert not [rule for case in found for rule in case.get("requirements", ()) if rule not in known]
