"""Claims about studies: SciPy's own tests, known outliers, and a report that says what was left out."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from napari_medai.core.errors import ArgumentError, WriteError
from napari_medai.measure.plots import strip_plot
from napari_medai.measure.study import compare_paired, find_outliers, summarise
from napari_medai.measure.study_report import write_study_report


def study(shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        {
            "case": f"c{k}",
            "name": name,
            "dice": min(level + shift + 0.02 * rng.normal(), 1),
            "hd95_mm": 3.0 + k,
        }
        for k in range(15)
        for name, level in (("liver", 0.9), ("<cyst>", 0.7))
    ]
    return pd.DataFrame(rows)


def test_paired_comparison_agrees_with_scipy():
    rng = np.random.default_rng(1)
    a = rng.normal(0.8, 0.05, 30)
    b = a + rng.normal(0.02, 0.03, 30)
    found = compare_paired([*a, np.inf], [*b, 1.0])
    assert (found["pairs"], found["left_out"]) == (30, 1)
    assert found["wilcoxon_p"] == pytest.approx(stats.wilcoxon(b - a).pvalue)
    peer = stats.bootstrap((b - a,), np.mean, method="percentile", rng=np.random.default_rng(2))
    # two draws of ten thousand each
    assert (found["low"], found["high"]) == pytest.approx(tuple(peer.confidence_interval), abs=5e-4)
    assert compare_paired(a, b) == compare_paired(a, b)
    assert compare_paired(a, a)["wilcoxon_p"] == 1
    assert np.isnan(compare_paired([1.0], [2.0])["difference"])


def test_outliers_are_tukeys_and_the_infinite():
    assert find_outliers([1, 2, 3, 4, 5, 100, np.nan, np.inf]).tolist() == [False] * 5 + [True, False, True]
    assert not find_outliers([1.0, 50.0]).any()


def test_summary_counts_what_it_leaves_out():
    table = study()
    table.loc[0, "hd95_mm"] = np.inf
    row = summarise(table, ["dice", "hd95_mm"]).set_index(["name", "measurement"]).loc["liver", "hd95_mm"]
    assert (row.cases, row.not_finite) == (14, 1)
    assert row["median"] == np.median(np.arange(1, 15) + 3.0)
    with pytest.raises(ArgumentError, match=r"no column jaccard.*columns are: case, name"):
        summarise(table, ["jaccard"])


def test_the_report_is_one_page_with_every_part(tmp_path):
    second = study(0.05, 1).iloc[:-1]
    methods = {"first": study(), "second": second}
    text = write_study_report(methods, tmp_path / "study.html", columns=["dice", "hd95_mm"]).read_text(
        "utf-8"
    )
    assert "29 pairs; 1 rows have no partner" in text
    assert text.count("<svg") == 2 * 2 + 4
    assert "&lt;cyst&gt;" in text
    assert "<cyst>" not in text
    assert "wilcoxon_p" in text


def test_pictures_are_valid_and_show_every_finite_value():
    picture = ElementTree.fromstring(strip_plot({"a": [1.0, 2.0, np.inf], "b": []}, "dice & more"))
    assert len([e for e in picture.iter() if e.tag.endswith("circle")]) == 2


def test_reports_that_cannot_be_made_are_refused(tmp_path):
    table = study()
    with pytest.raises(ArgumentError, match="stands twice"):
        write_study_report({"a": pd.concat([table, table])}, tmp_path / "a.html", columns=["dice"])
    with pytest.raises(ArgumentError, match="one, or two"):
        write_study_report({}, tmp_path / "a.html", columns=["dice"])
    with pytest.raises(WriteError, match="no folder"):
        write_study_report({"a": table}, tmp_path / "no" / "a.html", columns=["dice"])
    assert not list(tmp_path.iterdir())
