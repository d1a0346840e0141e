"""The command line: one document on standard output, or status 2 and a line per problem."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management.base import CommandError

from holdings.management.commands.analyse import Command
from holdings.tests.domain.making import portfolio, tx

GOOD = portfolio(tx("buy", "2024-01-02", quantity="10", price="100"))
BAD = portfolio(
    tx("buy", "2024-01-02", quantity="NaN", price="100"), tx("split", "x", instrument="A", ratio="2")
)


def call(*arguments):
    out = io.StringIO()
    command = Command(stdout=out)
    options = vars(command.create_parser("manage.py", "analyse").parse_args([str(a) for a in arguments]))
    command.handle(**options)
    return out.getvalue()


def write(path, body):
    path.write_text(body if isinstance(body, str) else json.dumps(body))
    return path


def test_prints_one_json_object(tmp_path):
    body = json.loads(call(write(tmp_path / "a.json", GOOD)))
    assert body["format"] == "analysis/1"
    assert "daily" not in body


def test_daily_has_a_row_for_each_day(tmp_path):
    rows = json.loads(
        call(write(tmp_path / "a.json", GOOD), "--daily", "--from", "2024-06-01", "--to", "2024-06-10")
    )["daily"]
    assert [row["date"] for row in rows] == [f"2024-06-{day:02}" for day in range(1, 11)]


@pytest.mark.parametrize("content", [BAD, "{", ""])
def test_a_bad_file_ends_with_status_2_and_prints_nothing_else(tmp_path, capsys, content):
    with pytest.raises(SystemExit) as stopped:
        call(write(tmp_path / "a.json", content))
    said = capsys.readouterr()
    assert (stopped.value.code, said.out) == (2, "")
    lines = said.err.splitlines()
    assert all(": " in line for line in lines)
    if content is BAD:
        assert [line.split(":")[0] for line in lines] == ["transactions[0].quantity", "transactions[1].date"]


def test_a_file_that_is_not_there(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        call(tmp_path / "none.json")
    assert stopped.value.code == 2
    assert "none.json" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--from", "--to"])
@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31", "20240201", "2024-02-30", ""])
def test_days_that_no_file_could_name_are_refused(tmp_path, capsys, option, text):
    with pytest.raises((CommandError, SystemExit)):
        call(write(tmp_path / "a.json", GOOD), option, text)
    assert capsys.readouterr().out == ""


def test_an_unknown_benchmark_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        call(write(tmp_path / "a.json", GOOD), "--benchmark", "I")
    assert capsys.readouterr().err.startswith("benchmarks.I: ")


def test_a_batch_writes_beside_each_file(tmp_path):
    write(tmp_path / "good.json", GOOD)
    write(tmp_path / "bad.json", BAD)
    (tmp_path / "good.err").write_text("old")
    assert call("--batch", tmp_path) == ""
    assert json.loads((tmp_path / "good.out.json").read_text())["method"] == "fifo"
    assert not (tmp_path / "good.err").exists()
    assert "transactions[0].quantity" in (tmp_path / "bad.err").read_text()
    assert not (tmp_path / "bad.out.json").exists()
    call("--batch", tmp_path)
    assert not (tmp_path / "good.out.out.json").exists()
