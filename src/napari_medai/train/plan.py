"""A training written down: all that decides how a model is made, in a file to read and edit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_medai.core.errors import ArgumentError, ReadError
from napari_medai.models.spec import (
    IntensityStep,
    ModelSpec,
    NetworkSpec,
    Outputs,
    Preparation,
    explain,
)
from napari_medai.train.augment import Augmentation
from napari_medai.train.objective import ObjectiveSettings
from napari_medai.train.painted import Unpainted
from napari_medai.train.settings import LoopSettings

PLAN_SCHEMA: Literal["napari-medai/plan/1"] = "napari-medai/plan/1"
MAX_BYTES = 1_000_000

Text = Annotated[str, Field(min_length=1, max_length=20_000)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Spacing = Annotated[float, Field(gt=0, le=1000)]
TileSize = Annotated[int, Field(ge=8, le=4096)]


class CaseSource(BaseModel):
    """Where a plan's cases lie, for a training without a viewer; paths are relative to the plan.

    Parameters
    ----------
    place, image, labels, subject, soft, unpainted
        As :func:`napari_medai.train.find_cases` takes them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    place: str
    image: tuple[str, ...] = ()
    labels: str | tuple[str, ...] = ""
    subject: str = ""
    soft: bool = False
    unpainted: Unpainted = "background"


class SplitSettings(BaseModel):
    """How cases are parted.

    Parameters
    ----------
    folds, fold : int
        The subjects are cut into so many parts, of which this one validates.
    validate_on : int
        Cases that are looked at after an epoch, at most.
    none : bool
        Train on every case and validate on none: for one labelled subject.
    stratify : bool
        Spread every label evenly over the folds: in whom it occurs, and in whom there is much of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    fold: Annotated[int, Field(ge=0, le=99)] = 0
    validate_on: Annotated[int, Field(ge=1)] = 4
    none: bool = False
    stratify: bool = True


class GanSettings(BaseModel):
    """An adversary that learns to tell predicted masks from true ones.

    Parameters
    ----------
    level : {"pixel", "patch", "image"}
        What it judges: each pixel by itself, overlapping patches, or the whole image.
    weight : float
        Of the adversarial part; the supervised part weighs 1.
    rate : float
        The adversary's learning rate.
    width : int
        Channels of its first layer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    level: Literal["pixel", "patch", "image"] = "image"
    weight: Annotated[float, Field(gt=0, le=10)] = 0.05
    rate: Annotated[float, Field(gt=0, le=1)] = 2e-4
    width: Annotated[int, Field(ge=4, le=256)] = 16


class Plan(BaseModel):
    """Everything that decides how a segmentation model is made.

    Parameters
    ----------
    name : str
        Of the model.
    channels, labels : tuple of str
        Input channels; labels by value, the background first.
    ignore : int or None
        The label value of voxels that nobody marked.
    spacing : tuple of float or None
        Voxel size (z, y, x) in mm the network sees; none: each image's own.
    intensity : tuple of IntensityStep
        Preprocessing, by operation name.
    network : NetworkSpec
        Which network, with which arguments.
    patch : tuple of int
        Size (z, y, x) or (y, x); also the window of the prediction.
    slicewise : bool
        A 2-D network over every slice of a volume; spacing and patch are (y, x).
    neighbours : int
        Slices on either side that such a network sees as further channels (2.5-D).
    batch : int
        Patches in a batch.
    foreground : float
        Share of patches centred on a label.
    objective, augment, loop, split, adversarial
        What is punished; how patches are varied; how long; who validates; the GAN, if any.
    memory_gb : float
        What the plan was made for.
    cache_mb : float
        Memory for prepared cases.
    licence, citation : str
        For the model folder.
    cases : CaseSource or None
        Where the cases lie, for the command line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_: Literal["napari-medai/plan/1"] = Field(alias="schema")
    name: Name = "my-model"
    channels: Annotated[tuple[Text, ...], Field(min_length=1, max_length=64)]
    labels: Annotated[tuple[Text, ...], Field(min_length=2, max_length=255)]
    ignore: Annotated[int, Field(ge=0)] | None = None
    spacing: Annotated[tuple[Spacing, ...], Field(min_length=2, max_length=3)] | None = None
    intensity: tuple[IntensityStep, ...] = (IntensityStep(operation="normalize_zscore"),)
    network: NetworkSpec
    patch: Annotated[tuple[TileSize, ...], Field(min_length=2, max_length=3)]
    slicewise: bool = False
    neighbours: Annotated[int, Field(ge=0, le=8)] = 0
    batch: Annotated[int, Field(ge=1, le=1024)] = 2
    foreground: Annotated[float, Field(ge=0, le=1)] = 0.33
    objective: ObjectiveSettings = ObjectiveSettings()
    augment: Augmentation = Augmentation()
    loop: LoopSettings = LoopSettings()
    split: SplitSettings = SplitSettings()
    adversarial: GanSettings | None = None
    memory_gb: Annotated[float, Field(gt=0)] = 4.0
    cache_mb: Annotated[float, Field(gt=0)] = 2000.0
    licence: Text = "not stated"
    citation: Text = "not stated"
    cases: CaseSource | None = None

    @model_validator(mode="after")
    def _entries_agree(self) -> Plan:
        if self.ignore is not None and self.ignore < len(self.labels):
            raise ValueError(f"ignore is {self.ignore}, which is the label {self.labels[self.ignore]}")
        if self.neighbours and not self.slicewise:
            raise ValueError(f"neighbours is {self.neighbours} without slicewise: true")
        return self

    def spec(self, **changes: Any) -> ModelSpec:
        """Return the description of the model to be made."""
        entries: dict[str, Any] = {
            "schema": "napari-medai/model/1",
            "name": self.name,
            "version": "1.0.0",
            "licence": self.licence,
            "citation": self.citation,
            "task": "segmentation",
            "network": self.network,
            "channels": self.channels,
            "spacing": self.spacing,
            "intensity": self.intensity,
            "tile": self.patch,
            "outputs": Outputs(labels=self.labels),
            "preparation": Preparation(slicewise=self.slicewise, neighbours=self.neighbours),
        }
        return ModelSpec.model_validate(entries | changes)

    def with_loop(self, **changes: Any) -> Plan:
        """Return the plan with other loop settings."""
        loop = LoopSettings.model_validate(self.loop.model_dump() | changes)
        return self.model_copy(update={"loop": loop})

    def to_text(self) -> str:
        """Return the plan as YAML."""
        import yaml

        entries = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return str(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, default_flow_style=None))


def parse_plan(entries: Any, where: str = "plan") -> Plan:
    """Check what a plan says.

    Raises
    ------
    ArgumentError
        Naming every entry that is wrong or unknown.
    """
    if not isinstance(entries, dict):
        raise ArgumentError(f"{where} is no list of entries.", hint="Make one: napari-medai plan CASES.")
    try:
        return Plan.model_validate(entries)
    except ValidationError as error:
        found = explain(error, where, tuple(f.alias or name for name, f in Plan.model_fields.items()))
        raise ArgumentError(found.message, "Correct the plan.") from error


def read_plan(path: str | Path) -> Plan:
    """Read a plan, YAML or JSON.

    Raises
    ------
    ReadError
        If there is no such file or it is neither.
    ArgumentError
        If an entry is wrong.
    """
    import yaml

    path = Path(path)
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise ReadError(f"{path} is no plan.", hint="Make one: napari-medai plan CASES --output plan.yaml.")
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise ReadError(f"{path.name} is neither YAML nor JSON: {reason}.") from error
    return parse_plan(entries, path.name)


def write_plan(plan: Plan, path: str | Path) -> None:
    """Write a plan as YAML, or as JSON where the name ends so."""
    path = Path(path)
    if path.suffix == ".json":
        entries = plan.model_dump(mode="json", by_alias=True, exclude_none=True)
        path.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    else:
        path.write_text(plan.to_text(), encoding="utf-8")
