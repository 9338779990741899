"""LASER in Lightning: a callback that hooks the DDP strategy's module.

    state = laser.LaserState(rank=4, power=1e4)
    trainer = lightning.pytorch.Trainer(strategy="ddp", callbacks=[LaserCallback(state)])

Lightning's own ``ddp_comm_hook`` is registered on GPUs only, so the callback registers it. Its checkpoints, which one rank
writes, hold what lasts of all ranks.
"""

from __future__ import annotations

from typing import Any

from torch.nn.parallel import DistributedDataParallel

from laser.ddp import LaserState, laser_hook
from laser.native import EXIT_CONFIGURATION, error

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError:
    try:
        from pytorch_lightning import Callback, LightningModule, Trainer
    except ImportError as problem:
        raise ImportError("laser.integrations.lightning needs Lightning. HINT: pip install lightning") from problem

KEY = "laser"


class LaserCallback(Callback):
    """Binds a state that was made without a model when fitting begins, registers the hook, protects all optimizers from steps
    without an estimate, and tells the memory the loss scale of 16-bit precision.

    state: a ``laser.LaserState`` without a model.
    reshard: whether a checkpoint of another number of ranks is taken, with the sum of its error memories; False by default.
    Raises Error (exit code 3) where the strategy is not DDP.
    """

    def __init__(self, state: LaserState, reshard: bool = False):
        self.state = state
        self._reshard = reshard
        self._module: Any = None  # that the hook is registered at

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Binds the state and registers the hook. Raises Error (configuration) without DDP.

        trainer: whose strategy has wrapped the model.
        pl_module: not read.
        """
        module = trainer.strategy.model
        if not isinstance(module, DistributedDataParallel):
            raise error(EXIT_CONFIGURATION, f"LaserCallback needs DDP, and the strategy is {type(trainer.strategy).__name__}. HINT: "
                        "Trainer(strategy='ddp', ...)")
        if self._module is None:
            self.state.attach(module)
        if self._module is not module:
            module.register_comm_hook(self.state, laser_hook)
            self._module = module
        for optimizer in trainer.optimizers:
            self.state.protect(optimizer)
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        if scaler is not None:
            self.state.attach_scaler(scaler)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Adds what lasts of all ranks.

        trainer, pl_module: not read.
        checkpoint: that is written.
        """
        checkpoint[KEY] = self.state.processes.gather_objects(self.state.state_dict())  # every rank is asked, one writes

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Restores it, where the checkpoint holds any. Raises Error (configuration) where it is of
        another number of ranks.

        trainer: whose world size counts.
        pl_module: not read.
        checkpoint: that was read.
        """
        if KEY not in checkpoint:
            return
        states = checkpoint[KEY]
        if len(states) != trainer.world_size and not self._reshard:
            raise error(EXIT_CONFIGURATION, f"the checkpoint is of {len(states)} ranks, and this job has {trainer.world_size}. HINT: "
                        "LaserCallback(state, reshard=True) keeps the sum of the error memories")
        self.state.load_state_dict(states, reshard=True)
