"""What a Simulator is given, checked before anything is made of it."""

from __future__ import annotations

import math
from typing import Any

import torch

from laser import reading
from laser.native import EXIT_CONFIGURATION, EXIT_USAGE, error


def check_given(model: Any, loss: Any, scheduler: Any) -> None:
    """Raises Error (usage) for what is none of these.

    model: a module of torch.
    loss: a function.
    scheduler: of torch.optim.lr_scheduler, or None.
    """
    if not isinstance(model, torch.nn.Module):
        raise error(EXIT_USAGE, f"model is of type {type(model).__name__}. HINT: a torch.nn.Module")
    if not callable(loss):
        raise error(EXIT_USAGE, f"loss is of type {type(loss).__name__}. HINT: a function of outputs and targets, such as "
                    "torch.nn.functional.cross_entropy")
    if scheduler is not None and not callable(getattr(scheduler, "step", None)):
        raise error(EXIT_USAGE, f"scheduler is of type {type(scheduler).__name__}. HINT: one of torch.optim.lr_scheduler over the "
                    "optimizer")


def local_rate(steps: Any, rate: Any, proximal: Any) -> float | None:
    """The step size of local steps, or None where gradients are sent.

    steps: of a worker between two rounds.
    rate: their size; None: gradients are sent.
    proximal: mu of FedProx. Raises Error (configuration) for what does not fit together.
    """
    if rate is None:
        if steps != 1:
            raise error(EXIT_CONFIGURATION, f"local_steps = {steps!r} without a step size. HINT: local_learning_rate=0.05, say")
        if proximal != 0:
            raise error(EXIT_CONFIGURATION, f"proximal = {proximal!r} would have no effect on a gradient. HINT: local_steps above 1 "
                        "and local_learning_rate")
        return None
    if not (math.isfinite(reading.real_number(proximal)) and proximal >= 0):
        raise error(EXIT_CONFIGURATION, f"proximal = {proximal!r} must be a number, 0 or above. HINT: 0.01, say")
    return reading.check_positive("local_learning_rate", rate)
