"""What a backward pass leaves to the steps that follow: passes without an estimate, and the scale of the loss."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import torch

from laser.gradients import Gradients
from laser.native import EXIT_CONFIGURATION, error


class Protection:
    """Of one state; gradients say which parameters are its own, once there is a model."""

    def __init__(self) -> None:
        self._gradients: Gradients | None = None
        self._scaler: Any = None
        self._told = False
        self.skipped = False  # whether the last pass left no estimate
        self._passes = 0
        self._last_heard = 0  # the number of the last pass that left one
        # Of a protected optimizer: passes before it.
        self._steps: weakref.WeakKeyDictionary[torch.optim.Optimizer, int] = weakref.WeakKeyDictionary()

    def bind(self, gradients: Gradients) -> None:
        self._gradients = gradients

    @property
    def scaled(self) -> bool:
        return self._scaler is not None

    def heard(self, iteration: int) -> None:
        self.skipped = False
        self._passes += 1
        self._last_heard = self._passes

    def skip(self, text: str, tell: bool, always: bool = False) -> None:
        """A pass without an estimate; told where the step that follows is not known to be left out."""
        self.skipped = True
        self._passes += 1
        if not tell or (self._told and not always):
            return
        self._told = True
        more = "" if self._steps else (". HINT: state.protect(optimizer) leaves out the step, which momentum, weight decay or "
                                       "NaN would make")
        if more or always:
            warnings.warn(f"laser: {text}{more}", stacklevel=3)

    def forget(self) -> None:
        """The gradients that are there are of another time."""
        self.skipped = False
        self._last_heard = self._passes

    # -- steps --------------------------------------------------------------------------------------------------------

    def protect(self, optimizer: Any) -> None:
        optimizer = inner_optimizer(optimizer)
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise error(EXIT_CONFIGURATION, f"protect is for a torch.optim.Optimizer, not for {type(optimizer).__name__}. HINT: the optimizer over "
                        "this model's parameters")
        if optimizer in self._steps:  # twice would count every pass as of the step before
            return
        self._steps[optimizer] = self._passes
        optimizer.register_step_pre_hook(self._before_step)

    def _before_step(self, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
                     ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        def guarded(closure: Callable[[], Any]) -> Callable[[], Any]:
            def run() -> Any:
                loss = closure()
                self._forget_gradients(optimizer)
                return loss

            return run

        # A closure computes gradients within the step; the first argument is the optimizer.
        if len(args) > 1 and callable(args[1]):
            return (args[0], guarded(args[1]), *args[2:]), kwargs
        if callable(kwargs.get("closure")):
            return args, {**kwargs, "closure": guarded(kwargs["closure"])}
        self._forget_gradients(optimizer)
        return args, kwargs

    def _forget_gradients(self, optimizer: torch.optim.Optimizer) -> None:
        """Where all passes since its last step left no estimate."""
        before, self._steps[optimizer] = self._steps.get(optimizer, 0), self._passes
        if self._last_heard > before or not self.skipped or self._gradients is None:
            return
        for group in optimizer.param_groups:
            for p in group["params"]:
                if id(p) in self._gradients.places:
                    p.grad = None

    # -- the scale of the loss ----------------------------------------------------------------------------------------

    def attach_scaler(self, scaler: Any) -> None:
        if not callable(getattr(scaler, "get_scale", None)):
            raise error(EXIT_CONFIGURATION, f"attach_scaler is for a GradScaler, not for {type(scaler).__name__}. HINT: torch.amp.GradScaler()")
        self._scaler = scaler

    def scale(self, iteration: int, tell: bool) -> float:
        """What the gradients of this pass are too large by."""
        if self._scaler is not None:
            return float(self._scaler.get_scale())
        if iteration == 0 and tell and any(issubclass(type(one), torch.amp.GradScaler) and one.is_enabled()
                                           for one in gc.get_objects()):
            warnings.warn("laser: there is a GradScaler, and error memories are kept in units of a loss scale that changes. "
                          "HINT: state.attach_scaler(scaler)", stacklevel=3)
        return 1.0


def inner_optimizer(optimizer: Any) -> Any:
    """The optimizer that makes the step, inside what Lightning, accelerate or ZeroRedundancyOptimizer put around it."""
    seen = set()
    while id(optimizer) not in seen:
        seen.add(id(optimizer))
        inside = next((one for name in ("optimizer", "optim") if isinstance(one := getattr(optimizer, name, None),
                                                                            torch.optim.Optimizer)), None)
        if inside is not None:
            optimizer = inside
    return optimizer
