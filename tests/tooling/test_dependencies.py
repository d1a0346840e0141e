"""What we depend on is written down, pinned with hashes, and under terms we can ship."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from devkit import requirements

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "dependencies.md").read_text()
# Copyleft that we may use as a library, each named with its reason in docs/dependencies.md.
ACCEPTED_COPYLEFT = {"psycopg", "psycopg-binary", "psycopg-pool", "python-crontab", "pyphen"}


def direct(name: str) -> set[str]:
    lines = (ROOT / name).read_text().splitlines()
    return {requirements.normalised(found[1]) for line in lines if (found := requirements.WANTED.match(line))}


def pins(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for package, version in requirements.PIN.findall((ROOT / name).read_text()):
        found.setdefault(requirements.normalised(package), []).append(version)
    return found


def test_compiled_files_are_up_to_date():
    assert requirements.problems() == []


@pytest.mark.parametrize("name", ["requirements.in", "requirements-dev.in"])
def test_every_direct_dependency_is_documented_with_its_version(name):
    pinned = pins("requirements.txt") | pins("requirements-dev.txt")
    for package in direct(name):
        row = re.search(rf"^\| {re.escape(package)} \| ([^|]+) \|", DOCUMENT, re.MULTILINE)
        assert row, f"{package} is missing in docs/dependencies.md"
        assert row[1].strip() == ", ".join(pinned[package]), f"docs/dependencies.md is behind for {package}"


def test_no_documented_dependency_is_gone():
    documented = set(re.findall(r"^\| ([a-z0-9-]+) \| [\d.]", DOCUMENT, re.MULTILINE))
    assert documented == direct("requirements.in") | direct("requirements-dev.in")


def licence(package: str) -> str:
    about: Any = importlib.metadata.metadata(package)
    classifiers = [line for line in about.get_all("Classifier", []) if line.startswith("License")]
    return about.get("License-Expression") or " / ".join(classifiers) or about.get("License") or ""


def test_nothing_shipped_is_under_gpl_or_agpl():
    strict = re.compile(r"\bA?GPL|GNU (Affero )?General Public|LGPL|Lesser", re.IGNORECASE)
    found = set()
    for package in pins("requirements.txt"):
        try:
            terms = licence(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system or Python version
        if strict.search(terms):
            found.add(package)
    assert found <= ACCEPTED_COPYLEFT
    for package in found:
        assert f"**{package}**" in DOCUMENT


class TestRequirementsCheck:
    @pytest.fixture
    def copy(self, tmp_path):
        for name in {*requirements.FILES, *(n for inputs in requirements.FILES.values() for n in inputs)}:
            shutil.copy(ROOT / name, tmp_path / name)
        return tmp_path

    def test_notices_a_new_requirement(self, copy):
        with (copy / "requirements.in").open("a") as file:
            file.write("some-new-package\n")
        found = requirements.problems(copy)
        assert "requirements.txt was not compiled from the present requirements.in" in found
        assert "requirements.txt does not pin some-new-package" in found

    def test_does_not_mind_a_comment(self, copy):
        with (copy / "requirements.in").open("a") as file:
            file.write("# why the one above is there\n")
        assert requirements.problems(copy) == []

    def test_notices_a_pin_without_a_hash(self, copy):
        with (copy / "requirements.txt").open("a") as file:
            file.write("django==1.0\n")
        assert "requirements.txt: django has no hash" in requirements.problems(copy)

    def test_notices_an_address(self, copy):
        with (copy / "requirements.txt").open("a") as file:
            file.write("--index-url https://packages.example/simple\n")
        assert any("names an address" in problem for problem in requirements.problems(copy))
