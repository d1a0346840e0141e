"""Keep the hashed requirements files in step with the `.in` files they are compiled from.

Usage: python -m devkit.requirements compile [--upgrade]   |   python -m devkit.requirements check
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

from devkit.console import ScriptError, say

ROOT = Path(__file__).resolve().parents[3]
MARK = "# inputs-sha256: "
# Output file and its inputs. The second is compiled under the first's pins, so those are an input of it.
FILES = {
    "requirements.txt": ("requirements.in",),
    "requirements-dev.txt": ("requirements-dev.in", "requirements.txt"),
}
# Where a version line stands: `name==1.2 ; marker \`.
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)
WANTED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")


def digest(inputs: tuple[str, ...], *, root: Path = ROOT) -> str:
    """Return one hash over what the input files ask for; comments and blank lines do not count."""
    total = hashlib.sha256()
    for name in inputs:
        for line in (root / name).read_text().splitlines():
            if (text := line.split(" #")[0].strip()) and not text.startswith("#"):
                total.update(text.encode() + b"\n")
    return total.hexdigest()


def compile_all(options: list[str]) -> None:
    """Write every output file anew."""
    for output, inputs in FILES.items():
        say(f"compiling {output}")
        target = ROOT / output
        before = target.read_text() if target.exists() else ""
        done = subprocess.run(
            [
                str(ROOT / ".venv/bin/uv"), "pip", "compile", inputs[0], "--output-file", output,
                "--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url",
                "--no-emit-find-links", "--no-header", "--quiet", *options,
            ],
            cwd=ROOT,
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            target.write_text(before)
            raise ScriptError(f"{output} could not be compiled; the reason stands above.")
        header = (
            f"# Made by script/compile-requirements from {inputs[0]}; do not edit.\n{MARK}{digest(inputs)}\n"
        )
        target.write_text(header + target.read_text())


def problems(root: Path = ROOT) -> list[str]:
    """Compare without the network: is each output made from today's inputs, pinned and hashed throughout?"""
    found = []
    for output, inputs in FILES.items():
        path = root / output
        if not path.exists():
            found.append(f"{output} is missing")
            continue
        text = path.read_text()
        if f"{MARK}{digest(inputs, root=root)}" not in text:
            found.append(f"{output} was not compiled from the present {inputs[0]}")
        pinned = {normalised(name) for name, _ in PIN.findall(text)}
        wanted = {
            normalised(match[1])
            for line in (root / inputs[0]).read_text().splitlines()
            if (match := WANTED.match(line.strip()))
        }
        found += [f"{output} does not pin {name}" for name in sorted(wanted - pinned)]
        found += [f"{output}: {name} has no hash" for name in sorted(unhashed(text))]
        if "://" in re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE):
            found.append(f"{output} names an address; packages come from wherever pip is set up to look")
    return found


def unhashed(text: str) -> set[str]:
    """Return the pins that are not followed by a hash."""
    logical = re.sub(r"\\\n\s*", " ", text)
    return {match[1] for line in logical.splitlines() if (match := PIN.match(line)) and "--hash=" not in line}


def normalised(name: str) -> str:
    """Return a package name in the one spelling that compares equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main(arguments: list[str]) -> int:
    """Compile or check, as the first argument says."""
    if arguments[:1] == ["compile"]:
        try:
            compile_all(arguments[1:])
        except ScriptError as error:
            say(str(error))
            return 1
        return 0
    if arguments != ["check"]:
        print(__doc__, file=sys.stderr)
        return 2
    found = problems()
    for problem in found:
        print(problem)
    if found:
        print("Run script/compile-requirements and commit the result.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
