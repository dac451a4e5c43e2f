"""``eiraku new-adapter``: a skeleton in the vendor's language, and a recorded payment to read beside it."""

from dataclasses import dataclass
from pathlib import Path

import click

from eiraku.cli.failures import told
from eiraku.report.files import prepare, write
from eiraku.spec.errors import Misuse

SKELETONS = Path(__file__).parent / "skeletons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How the skeleton of a language is called, built and run, in its own folder."""

    name: str
    file: str
    run: str
    build: str = ""


LANGUAGES = {
    "python": Language(name="Python", file="adapter.py", run="python3 adapter.py"),
    "node": Language(name="JavaScript", file="adapter.mjs", run="node adapter.mjs"),
    "go": Language(name="Go", file="adapter.go", build="go build -o adapter adapter.go", run="./adapter"),
    "rust": Language(name="Rust", file="adapter.rs", build="rustc -O adapter.rs", run="./adapter"),
    "java": Language(name="Java", file="Adapter.java", build="javac Adapter.java", run="java -cp . Adapter"),
    "c": Language(name="C", file="adapter.c", build="cc -std=c11 -O2 -o adapter adapter.c", run="./adapter"),
}


@click.command()
@click.option(
    "--lang", "language", type=click.Choice([*LANGUAGES]), required=True, help="The language to write it in."
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def main(*, language: str, folder: Path) -> int:
    """Begin an adapter in FOLDER, a new or an empty one: a skeleton, a page, and a recorded payment.

    The skeleton needs nothing but the language. Its README.md says how to go on.
    """
    from eiraku.cli.judge.recording import payment

    with told(opening=True):
        if folder.exists() and any(folder.iterdir()):
            raise Misuse(f"{folder}: expected a new or an empty folder")
        prepare(folder)
    chosen = LANGUAGES[language]
    requests, responses = payment()
    files = {
        chosen.file: (SKELETONS / language / chosen.file).read_bytes(),
        "README.md": page(chosen).encode(),
        "payment-requests.jsonl": requests,
        "payment-responses.jsonl": responses,
    }
    for name, content in files.items():
        write(folder / name, content)
        click.echo(folder / name)
    return 0


def page(language: Language) -> str:
    """README.md for a skeleton in `language`."""
    text = (SKELETONS / "README.md").read_text(encoding="utf-8")
    return text.format(
        language=language.name,
        file=language.file,
        build=f"$ {language.build}\n" if language.build else "",
        run=language.run,
    )
