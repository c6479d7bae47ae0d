"""The first cases of a batch looked at before it begins: are their files what the recipe asks for?"""

from __future__ import annotations

from collections.abc import Sequence

from napari_medai.core.errors import ArgumentError
from napari_medai.core.progress import Progress, Step
from napari_medai.recipe.cases import Case
from napari_medai.recipe.execute import match_inputs
from napari_medai.recipe.inputs import read_input
from napari_medai.recipe.recipe import Recipe

_TRIED = 3


def refuse_wrong_inputs(recipe: Recipe, cases: Sequence[Case], progress: Progress) -> None:
    """Refuse a batch whose files are of the wrong kind, before anything is written.

    The first case that can be read decides; up to three are tried, so that one wrong case among good ones,
    or a broken file, is left to be told with the others.

    Parameters
    ----------
    recipe : Recipe
        What its inputs shall be.
    cases : sequence of Case
        Those that miss something are passed over.
    progress : Progress
        Asked before each case.

    Raises
    ------
    ArgumentError
        If the files are readable and none of the cases tried has what the recipe asks for.
    """
    wrong: list[str] = []
    hint = ""
    for case in [case for case in cases if not case.missing][:_TRIED]:
        progress(Step(0, 0, f"Looking at {case.name}"))
        try:
            match_inputs(recipe, {n: read_input(recipe.inputs[n].kind, s) for n, s in case.inputs.items()})
        except ArgumentError as error:
            wrong.append(f"{case.name}: {error.message}")
            hint = hint or error.hint
        except Exception:  # noqa: BLE001 - a file that cannot be read is told when its turn comes
            continue
        else:
            return
    if wrong:
        raise ArgumentError(wrong[0], hint or "Check which files are given as which input.")
