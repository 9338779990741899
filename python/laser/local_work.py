"""What workers compute between two rounds: a gradient, or some steps of their own and the difference that they make.

All workers at once by ``torch.func.vmap`` where the model allows it, and one by one where it does not: where it keeps statistics
(each worker has its own, as under DDP), draws random numbers (addressed by round, worker and step, so that a run that is resumed
draws what it would have drawn), or does what vmap can't follow. Both give the same numbers but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.func import functional_call, grad_and_value, vmap

from laser.examples import Shards
from laser.native import EXIT_CONFIGURATION, Error, core, error

Tensors = dict[str, torch.Tensor]
DRAWS = (1 << 24) - 2  # in the place of a tensor's number, which no tensor has
TRIAL = (1 << 16) - 1  # the unit of a try
AT_ONCE = 4096  # examples that vmap works on together: more need memory and are no faster


class LocalWork:
    """What k workers compute between two rounds.

    model: of the server.
    loss: a function of (outputs, targets) that returns the mean over a batch.
    names: of the parameters that are trained.
    shards: the workers' examples.
    seed: of the random draws of model and data.
    steps: of each worker between two rounds; 1 by default.
    rate: their step size; None: the gradient of a single step is sent.
    proximal: mu of FedProx, which adds mu/2 ||w - w_server||^2 to the loss; 0 by default.
    vectorize: None: all workers at once where the model allows; True: or Error (configuration); False: one by one.
    """

    def __init__(self, model: torch.nn.Module, loss: Callable[[Any, Any], torch.Tensor], names: Sequence[str], shards: Shards,
                 seed: int, steps: int = 1, rate: float | None = None, proximal: float = 0.0, vectorize: bool | None = None):
        self.model, self.loss, self.names, self.shards, self.seed = model, loss, list(names), shards, seed
        self.steps, self.rate, self.proximal = steps, rate, proximal
        self._trained = set(self.names)
        self.device = next(model.parameters()).device
        self.statistics: Tensors = {}  # by buffer that training changes: [k, ...], a row a worker
        self.why = ""  # why the workers are computed one by one
        self._find_statistics()
        self.vectorized = vectorize is not False and self._allows(vectorize is True)

    def messages(self, round_number: int, awake: Sequence[int]) -> tuple[Tensors, torch.Tensor]:
        """What the workers that are awake have to say after round `round_number` (from 0), by name [a, ...], and their mean
        losses [a] in float64, on the CPU.

        round_number: from 0.
        awake: numbers of the workers that take part, a of them.
        """
        self.model.train()
        if self.vectorized:
            return self._at_once(round_number, awake, self.steps, self.rate)
        return self._one_by_one(round_number, awake)

    def weights(self) -> Tensors:
        """The server's, by name, of what is trained."""
        return {name: p.detach() for name, p in self.model.named_parameters() if name in self._trained}

    def _fixed(self) -> Tensors:
        """Parameters and buffers that no worker changes."""
        fixed = {name: p.detach() for name, p in self.model.named_parameters() if name not in self._trained}
        return fixed | {name: b for name, b in self.model.named_buffers() if name not in self.statistics}

    def _batch(self, worker: int, step: int, round_number: int) -> tuple[Any, Any]:
        numbers = self.shards.numbers(worker, step)
        if self.shards.examples.drawn:
            with self._draws(round_number, worker, 2 * (step % self.steps) + 1):
                return self.shards.examples.batch(numbers, self.device)
        return self.shards.examples.batch(numbers, self.device)

    def _batches(self, workers: Sequence[int], step: int, round_number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """[a, b, ...] inputs and targets of several workers."""
        if self.shards.examples.drawn:
            pairs = [self._batch(worker, step, round_number) for worker in workers]
            return torch.stack([pair[0] for pair in pairs]), torch.stack([pair[1] for pair in pairs])
        numbers = torch.stack([self.shards.numbers(worker, step) for worker in workers])
        inputs, targets = self.shards.examples.batch(numbers.flatten(), self.device)
        return inputs.unflatten(0, numbers.shape), targets.unflatten(0, numbers.shape)

    def _draws(self, round_number: int, worker: int, unit: int) -> _Draws:
        return _Draws(core.part_word(self.seed, round_number, DRAWS, ((worker << 16) + unit) % (1 << 32)), self.device)

    def _forward(self, weights: Tensors, fixed: Tensors, inputs: Any, targets: Any) -> torch.Tensor:
        value = self.loss(functional_call(self.model, weights | fixed, (inputs,)), targets)
        if not isinstance(value, torch.Tensor) or value.dim() != 0:
            shape = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
            raise error(EXIT_CONFIGURATION, f"loss(outputs, targets) gave {shape}, and a single number is wanted. HINT: the mean "
                        "over the batch, reduction='mean'")
        return value

    def _at_once(self, round_number: int, awake: Sequence[int], steps: int, rate: float | None
                 ) -> tuple[Tensors, torch.Tensor]:
        server, fixed = self.weights(), self._fixed()
        chunk = max(1, AT_ONCE // self.shards.batch_size)
        gradient = grad_and_value(lambda w, inputs, targets: self._forward(w, fixed, inputs, targets))
        first, later = (vmap(gradient, in_dims=(dim, 0, 0), chunk_size=chunk) for dim in (None, 0))
        losses = torch.zeros(len(awake), dtype=torch.float64)
        moved: Tensors = {}  # how far the workers are from the server, [a, ...]
        for step in range(steps):
            batch = self._batches(awake, round_number * steps + step, round_number)
            own = {name: server[name] + moved[name] for name in self.names} if moved else server
            gradients, values = (later if moved else first)(own, *batch)
            losses += values.detach().double().cpu() / steps
            if rate is None:
                return gradients, losses
            for name, g in gradients.items():
                drift = moved.get(name)
                moved[name] = -rate * g if drift is None else drift - rate * (g + self.proximal * drift)
        return {name: -drift for name, drift in moved.items()}, losses

    def _one_by_one(self, round_number: int, awake: Sequence[int]) -> tuple[Tensors, torch.Tensor]:
        server, fixed = self.weights(), self._fixed()
        losses = torch.zeros(len(awake), dtype=torch.float64)
        result = {name: torch.empty((len(awake), *p.shape), dtype=p.dtype, device=p.device) for name, p in server.items()}
        for row, worker in enumerate(awake):
            own = {name: p.clone() if self.rate is not None else p for name, p in server.items()}
            held = fixed | {name: rows[worker] for name, rows in self.statistics.items()}
            for step in range(self.steps):
                inputs, targets = self._batch(worker, round_number * self.steps + step, round_number)
                leaves = {name: p.detach().requires_grad_() for name, p in own.items()}
                with self._draws(round_number, worker, 2 * step):
                    value = self._forward(leaves, held, inputs, targets)
                found = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
                losses[row] += value.detach().double().cpu() / self.steps
                for (name, p), g in zip(own.items(), found):
                    if self.rate is None:
                        result[name][row] = 0 if g is None else g
                    elif g is not None or self.proximal:
                        pull = self.proximal * (p - server[name])
                        p.sub_((pull if g is None else g + pull), alpha=self.rate)
            if self.rate is not None:
                for name, p in own.items():
                    result[name][row] = server[name] - p
        return result, losses

    def _find_statistics(self) -> None:
        """Which buffers training changes, from a look at the first batch: each worker has its own."""
        self.model.train()
        held = dict(self.model.named_buffers())
        copies = {name: b.clone() for name, b in held.items()}
        fixed = {name: p.detach() for name, p in self.model.named_parameters()}
        with torch.no_grad(), self._draws(0, 0, TRIAL):
            inputs, targets = self._batch(0, 0, 0)
            try:
                self._forward(fixed, copies, inputs, targets)
            except (RuntimeError, TypeError, ValueError, IndexError) as problem:
                if isinstance(problem, Error):
                    raise
                shapes = " and ".join(str(tuple(getattr(part, "shape", ()))) for part in (inputs, targets))
                raise error(EXIT_CONFIGURATION, f"loss(model(inputs), targets) fails with inputs and targets of shapes {shapes}: {problem}. "
                            "HINT: call it so on a batch of your own until it works") from problem
        changed = [name for name, b in held.items() if not torch.equal(b, copies[name])]
        rows = self.shards.workers
        self.statistics = {name: held[name].detach().expand(rows, *held[name].shape).clone() for name in changed}

    def _allows(self, asked: bool) -> bool:
        """Whether vmap can be used, from a try on the first batch, which changes nothing."""
        if self.statistics:
            self.why = f"'{next(iter(self.statistics))}' is a statistic that each worker keeps for itself"
        else:
            try:
                with self._draws(0, 0, TRIAL):
                    self._at_once(0, [0, self.shards.workers - 1], 1, None)
                return True
            except Exception as problem:  # of any kind: what is wrong with the model itself is said one by one
                self.why = str(problem).strip().split("\n")[0][:160]
        if asked:
            raise error(EXIT_CONFIGURATION, f"vectorize=True: the model can't be computed for all workers at once ({self.why}). "
                        "HINT: leave vectorize out, and the workers are computed one by one")
        return False


class _Draws:
    """torch's random numbers from a word on, put back afterwards."""

    def __init__(self, word: int, device: torch.device):
        self._word = word
        devices = [device] if device.type == "cuda" else []
        self._fork = torch.random.fork_rng(devices=devices)

    def __enter__(self) -> None:
        self._fork.__enter__()
        torch.manual_seed(self._word - 2**64 if self._word >= 2**63 else self._word)

    def __exit__(self, *problem: Any) -> None:
        self._fork.__exit__(*problem)
