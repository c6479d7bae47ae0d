"""How long and how fast a training runs, whatever is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["fp32", "bf16", "fp16"]


class LoopSettings(BaseModel):
    """The settings of a training loop.

    Parameters
    ----------
    epochs : int
        How many at most; after each one the network is validated, logged and saved.
    steps : int
        Optimiser steps in an epoch.
    minutes : float or None
        Time budget over all sittings. The rate falls with whichever of steps and time is further on.
    patience : int or None
        Epochs without a better score after which the training ends.
    optimizer : {"adamw", "sgd"}
        SGD has Nesterov momentum 0.99.
    rate : float
        The largest learning rate.
    schedule : {"cosine", "poly", "constant"}
        How the rate falls to nothing; poly is ``(1 - share done) ** 0.9``.
    warmup : float
        Share of the training over which the rate rises.
    weight_decay : float
        L2 regularisation, decoupled for AdamW.
    precision : {"bf16", "fp32", "fp16"}
        Of the forward pass; fp16 is for CUDA alone.
    clip : float
        Largest norm of the gradient; 0: any.
    average : float
        Share of the running average of the weights kept at each step; 0: no average. The average is
        what is validated and returned.
    accumulate : int
        Batches whose gradients are averaged for one optimiser step.
    workers : int
        Threads that draw batches ahead; 0: drawn when needed. The batches are the same.
    compile : bool
        Let torch compile the network first; takes a minute, pays on CUDA.
    validate_every : int
        Epochs from one validation to the next; the last epoch is always validated.
    seed : int
        Decides every batch and every dropped unit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: Annotated[int, Field(ge=1, le=100_000)] = 20
    steps: Annotated[int, Field(ge=1, le=100_000)] = 100
    minutes: Annotated[float, Field(gt=0)] | None = None
    patience: Annotated[int, Field(ge=1)] | None = None
    optimizer: Literal["adamw", "sgd"] = "adamw"
    rate: Annotated[float, Field(gt=0, le=1)] = 3e-3
    schedule: Literal["cosine", "poly", "constant"] = "cosine"
    warmup: Annotated[float, Field(ge=0, le=0.9)] = 0.1
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-2
    precision: Precision = "bf16"
    clip: Annotated[float, Field(ge=0)] = 1.0
    average: Annotated[float, Field(ge=0, lt=1)] = 0.998
    accumulate: Annotated[int, Field(ge=1, le=1024)] = 1
    workers: Annotated[int, Field(ge=0, le=64)] = 1
    compile: bool = False
    validate_every: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
