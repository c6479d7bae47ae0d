"""The commands for studies: a report of tables, and the check of the radiomics."""

import io

import pandas as pd
import pytest


def write_table(path, shift=0.0, extra=()):
    rows = [
        {"case": f"c{k}", "state": "done", "output": "agreement", "label": 1, "name": "liver",
         "dice": 0.8 + 0.01 * k + shift}
        for k in range(8)
    ]  # fmt: skip
    path.parent.mkdir(exist_ok=True)
    pd.DataFrame([*rows, *extra]).to_csv(path, index=False)
    return path


def test_a_table_becomes_a_report_of_its_numbers(tmp_path, command):
    failed = [{"case": "c9", "state": "failed"}]
    table = write_table(tmp_path / "study" / "summary.csv", extra=failed)
    said = command("study-report", table, "--output", tmp_path / "report.html")
    assert (said.code, said.out.strip()) == (0, str(tmp_path / "report.html"))
    assert "1 cases failed" in said.err
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "<h1>summary</h1>" in text
    assert "0.835" in text  # the mean of 0.80 to 0.87
    assert text.count("<svg") == 1  # dice alone: label is no measurement
    assert "<td>8</td>" in text  # cases


def test_two_tables_are_compared_under_their_own_names(tmp_path, command):
    first = write_table(tmp_path / "unet" / "summary.csv")
    second = write_table(tmp_path / "gan" / "summary.csv", shift=0.05)
    report = tmp_path / "report.html"
    assert command("study-report", first, second, "-o", report, "--columns", "dice").code == 0
    text = report.read_text("utf-8")
    assert "gan/summary beside unet/summary" in text
    assert "8 pairs; 0 rows have no partner" in text
    assert command("study-report", first, "-o", report).code == 2
    assert report.read_text("utf-8") == text


def test_rows_are_chosen_by_value(tmp_path, command):
    other = [{"case": f"c{k}", "state": "done", "output": "volumes", "name": "liver", "dice": None}
             for k in range(8)]  # fmt: skip
    table = write_table(tmp_path / "summary.csv", extra=other)
    twice = command("study-report", table, "-o", tmp_path / "a.html")
    assert twice.code == 2
    assert "stands twice" in twice.err
    chosen = command("study-report", table, "-o", tmp_path / "a.html", "--where", "output=agreement")
    assert chosen.code == 0, chosen.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--columns", "jaccard"), "no column jaccard"),
        (("--where", "output=nothing"), "No row of summary.csv"),
        (("--where", "output"), "needed COLUMN=VALUE"),
        (("--where", "site=a"), "no column site"),
    ],
)
def test_what_is_not_there_is_named(tmp_path, command, words, reason):
    table = write_table(tmp_path / "summary.csv")
    said = command("study-report", table, "-o", tmp_path / "a.html", *words)
    assert said.code == 2
    assert reason in said.err
    assert not (tmp_path / "a.html").exists()


def test_what_is_no_table_is_refused(tmp_path, command):
    (tmp_path / "empty.csv").write_text("")
    for name in ("empty.csv", "missing.csv"):
        said = command("study-report", tmp_path / name, "-o", tmp_path / "a.html")
        assert said.code == 2
        assert name in said.err


def test_ibsi_check_is_another_name_of_check_ibsi(command):
    said = command("ibsi-check")
    assert said.code == 0
    table = pd.read_csv(io.StringIO(said.out))
    assert (table["passed"] == table["total"]).all()
    assert table["total"].iloc[-1] > 400
    assert "also: ibsi-check" in command("list", "ibsi").out
    assert "ibsi-check" in command("--help").out
    assert command("ibsi-check", "--help").code == 0
