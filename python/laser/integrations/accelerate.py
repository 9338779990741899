"""LASER in accelerate: one call after ``accelerator.prepare``.

    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    state = laser.LaserState(rank=4, power=1e4)
    attach(accelerator, state, model, optimizer)

``accelerator.save_state`` and ``load_state`` then write and read a shard of each rank beside the model.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from laser.ddp import LaserState, laser_hook
from laser.native import EXIT_CONFIGURATION, error

try:
    from accelerate import Accelerator
except ImportError as problem:
    raise ImportError("laser.integrations.accelerate needs accelerate. HINT: pip install accelerate") from problem


def attach(accelerator: Accelerator, state: LaserState, model: torch.nn.Module, *optimizers: Any, reshard: bool = False) -> None:
    """Binds the state to a prepared model, registers the hook, protects prepared optimizers from steps without an estimate,
    tells the memory the loss scale of 16-bit precision, and joins the accelerator's checkpoints.

    accelerator: that prepared model and optimizers.
    state: a ``laser.LaserState`` without a model.
    model: as ``prepare`` returned it.
    optimizers: likewise.
    reshard: whether a checkpoint of another number of ranks is taken; False by default. Raises Error (exit code 3) where the model is not
    wrapped by DDP.
    """
    if not isinstance(model, DistributedDataParallel):
        raise error(EXIT_CONFIGURATION, f"accelerate has wrapped the model into {type(model).__name__}, and LASER needs DDP. HINT: "
                    "accelerator.prepare(model) first, in a job of several processes: accelerate launch --multi_gpu, or torchrun")
    state.attach(model)
    model.register_comm_hook(state, laser_hook)
    for optimizer in optimizers:
        state.protect(optimizer)
    if getattr(accelerator, "scaler", None) is not None:
        state.attach_scaler(accelerator.scaler)

    def save(models: list[torch.nn.Module], weights: list[Any], folder: str) -> None:
        state.save(folder)

    def load(models: list[torch.nn.Module], folder: str) -> None:
        state.load(folder, reshard=reshard)

    accelerator.register_save_state_pre_hook(save)
    accelerator.register_load_state_pre_hook(load)
