"""What the tests of a map found, in the order in which they were made."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Finding:
    """One test of a map: what was measured, what was needed, whether it passed."""

    test: str
    value: float
    needed: str
    passed: bool
    note: str = ""


@dataclass(frozen=True)
class Curve:
    """What was measured along an axis: ``at`` a share of the layers or of the input."""

    test: str
    map: str
    at: tuple[float, ...]
    value: tuple[float, ...]


@dataclass
class Report:
    """Findings and curves."""

    findings: list[Finding] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)

    def below(self, test: str, value: float, limit: float, note: str = "") -> None:
        """Add a test that passes below a limit."""
        self.findings.append(Finding(test, value, f"< {limit:.4g}", value < limit, note))

    def above(self, test: str, value: float, limit: float, note: str = "", strict: bool = False) -> None:
        """Add a test that passes at a limit or above it, or strictly above."""
        passed = value > limit if strict else value >= limit
        self.findings.append(Finding(test, value, f"{'>' if strict else '>='} {limit:.4g}", passed, note))

    def table(self, seed: int) -> DataFrame:
        """Return one row a test and, last, the verdict; columns test, value, needed, passed, note, seed."""
        from pandas import DataFrame

        failed = [f.test for f in self.findings if not f.passed]
        note = f"failed: {'; '.join(failed)}" if failed else "every test passed"
        verdict = Finding("verdict", float(len(failed)), "0 failed", not failed, note)
        return DataFrame([asdict(f) for f in (*self.findings, verdict)]).assign(seed=seed)

    def curve_table(self) -> DataFrame:
        """Return one row a point of a curve; columns test, map, at, value."""
        from pandas import DataFrame

        rows: list[dict[str, Any]] = [
            {"test": c.test, "map": c.map, "at": at, "value": value}
            for c in self.curves
            for at, value in zip(c.at, c.value, strict=True)
        ]
        return DataFrame(rows)
