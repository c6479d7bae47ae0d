"""One case of a batch: read, run, written to its folder in one stroke, whatever happens."""

from __future__ import annotations

import json
import shutil
import time
import traceback
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from napari_medai.core.errors import Cancelled, MedAIError
from napari_medai.core.history import package_version
from napari_medai.core.progress import Progress, Step, part, silent
from napari_medai.recipe.cases import Case
from napari_medai.recipe.execute import Prepared, match_inputs, prepare, run_prepared
from napari_medai.recipe.inputs import read_input
from napari_medai.recipe.memory import peak_bytes
from napari_medai.recipe.recipe import Recipe
from napari_medai.recipe.results import parts_of, plain, suffix_of, write_value

CASE_FILE = "case.json"
PARTIAL = ".partial-"
_MAX_ROWS = 10_000


@dataclass(frozen=True)
class Job:
    """What a worker needs to know: plain values that travel to another process or machine.

    Parameters
    ----------
    case : Case
        Its name and where its inputs lie.
    recipe : str
        The recipe as JSON.
    out : str
        The folder of the batch.
    device : str
        Where networks run; the operations' default if empty.
    """

    case: Case
    recipe: str
    out: str
    device: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a case ended.

    Parameters
    ----------
    case : str
        Its name.
    state : {"done", "failed"}
        Whether its folder holds the results.
    seconds : float
        Wall time.
    reason : str
        Why it failed: one line.
    files : sequence of str
        What its folder holds.
    rows : sequence of mapping
        Its measures: one row a table row.
    peak_bytes : int
        The most memory its process held.
    """

    case: str
    state: Literal["done", "failed"]
    seconds: float = 0.0
    reason: str = ""
    files: tuple[str, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()
    peak_bytes: int = 0


def run_job(job: Job, progress: Progress = silent) -> Outcome:
    """Run one case; what goes wrong is told, not raised.

    Parameters
    ----------
    job : Job
        What to do.
    progress : Progress
        Hears reading, every step, writing.

    Raises
    ------
    Cancelled
        If ``progress`` does; the case leaves nothing behind.
    """
    start = time.perf_counter()
    finished = read_outcome(Path(job.out) / job.case.name)
    if finished is not None:
        return finished
    try:
        return _run(job, progress, start)
    except (Cancelled, KeyboardInterrupt):
        raise
    except MedAIError as error:
        reason = str(error)
    except MemoryError:
        reason = "Not enough memory for this case."
    except OSError as error:
        reason = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    except Exception as error:  # noqa: BLE001 - one case must not stop the others; where it happened is told
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        reason = f"Unexpected {type(error).__name__} at {where}: {error}"
    seconds = round(time.perf_counter() - start, 3)
    return Outcome(job.case.name, "failed", seconds, " ".join(reason.split()), peak_bytes=peak_bytes())


def read_outcome(folder: Path) -> Outcome | None:
    """Return how a finished case ended, from its folder; nothing if it is not finished."""
    try:
        entry = json.loads((folder / CASE_FILE).read_text(encoding="utf-8"))
        rows = tuple(entry["rows"])
        return Outcome(entry["case"], "done", entry["seconds"], files=tuple(entry["files"]), rows=rows)
    except (FileNotFoundError, NotADirectoryError, KeyError, json.JSONDecodeError):
        return None


def _run(job: Job, progress: Progress, start: float) -> Outcome:
    recipe, steps = _prepared(job.recipe, job.device)
    progress(Step(0, 1, "Reading"))
    read = {name: read_input(recipe.inputs[name].kind, spec) for name, spec in job.case.inputs.items()}
    notices = [n for value in read.values() for n in getattr(value, "meta", {}).get("notices", ())]
    results = run_prepared(recipe, steps, match_inputs(recipe, read), part(progress, 0.1, 0.9))
    progress(Step(0.95, 1, "Writing"))
    return _write(job, recipe, results, start, notices)


@lru_cache(maxsize=4)
def _prepared(text: str, device: str) -> tuple[Recipe, list[Prepared]]:
    recipe = Recipe.from_json(json.loads(text))
    return recipe, prepare(recipe, device)


def _write(
    job: Job, recipe: Recipe, results: Mapping[str, Any], start: float, notices: Sequence[str]
) -> Outcome:
    """Write everything beside, then give the folder its name: it is there whole or not at all."""
    target = Path(job.out) / job.case.name
    folder = target.with_name(f"{PARTIAL}{job.case.name}-{uuid.uuid4().hex[:8]}")
    folder.mkdir()
    try:
        rows: list[dict[str, Any]] = []
        for reference, result in results.items():
            for name, value in parts_of(result).items():
                words = "_".join(w for w in (reference.replace(".", "_"), name) if w)
                write_value(value, folder / f"{words}{suffix_of(value)}")
                rows += _rows(words, value)
        files = tuple(sorted(p.name for p in folder.iterdir()))
        seconds = round(time.perf_counter() - start, 3)
        outcome = Outcome(job.case.name, "done", seconds, "", files, tuple(rows[:_MAX_ROWS]), peak_bytes())
        about = {**asdict(outcome), "recipe": recipe.digest, "version": package_version(), "notices": notices}
        (folder / CASE_FILE).write_text(json.dumps(about, indent=1, default=str), encoding="utf-8")
        return _named(folder, target, outcome)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _named(folder: Path, target: Path, outcome: Outcome) -> Outcome:
    try:
        folder.rename(target)
    except OSError:
        first = read_outcome(target)
        if first is None:
            raise
        return first
    return outcome


def _rows(output: str, value: Any) -> list[dict[str, Any]]:
    """Return the measures in a result: table rows, or the plain values of a mapping."""
    if hasattr(value, "to_csv"):
        records = value.to_dict("records")
    elif isinstance(value, Mapping):
        records = [value]
    elif isinstance(value, int | float | str | bool):
        records = [{output: value}]
    else:
        return []
    return [{"output": output, **{str(k): _json_number(v) for k, v in r.items()}} for r in records]


def _json_number(value: Any) -> Any:
    plain_value = plain(value)
    return None if isinstance(plain_value, float) and plain_value != plain_value else plain_value
