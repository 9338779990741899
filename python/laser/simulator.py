"""Training of one's own model on one's own data over the air, k workers in one process: ``laser.Simulator``.

    for record in laser.Simulator(model, torch.nn.functional.cross_entropy, (images, labels), workers=16, power=1e3, rounds=200):
        print(record)

The round is that of ``laser.Aggregator``, so of the command: same settings, same bits for the same gradients. Batches are the
command's too. What is not the command's: the model, the loss, the data, the optimizer, which are yours.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from laser import budget, parts, run_folder
from laser import reading
from laser.aggregation import Aggregator, Outcome
from laser.examples import Examples, Shards
from laser.local_work import LocalWork, Tensors
from laser.native import EXIT_CONFIGURATION, EXIT_NON_FINITE, EXIT_USAGE, Error, NotCopied, core, error, pairs
from laser.progress import ProgressLine
from laser.simulator_checks import check_given, local_rate
from laser.simulator_evaluation import Evaluating
from laser.simulator_records import Record
from laser.simulator_saving import Saving
from laser.waiting import Waiting

SETTLED = 10  # lags: with fewer a run shows the start of a method, as the command says too
MOST_RANK = 64
MOST_PAIRS, PAIR_SPACING = 8, 16  # of diagnosed rounds between two evaluations, and rounds from pair to pair at least
DEFAULT = "the command's SGD: lr=0.01, momentum=0.9, weight_decay=1e-4"


class Simulator(Evaluating, Saving, NotCopied):
    """Training over the air, k workers in one process. Iterating gives one ``Record`` a round; what was left is gone on with.

    model: any torch.nn.Module; it is trained in place, where its parameters are.
    loss: a function of (outputs, targets) that returns one number, the mean over a batch.
    data: (inputs, targets) as tensors or arrays, or a map-style Dataset of such pairs, for all workers, spread by ``sharding``,
        or a list of one of them a worker.
    sharding: "iid" (the default), "sorted" by label, or "dirichlet": class shares drawn for each worker.
    concentration: alpha of "dirichlet", above 0, at most 1e6; 0.3 by default.
    workers: k, 16 by default; all of them are computed in this process.
    method: a name of ``laser.methods()``; "laser" by default.
    power: energy of each worker and round in units of the noise variance ("10dB" is 10), or a function of the round (from 0); None: 1e3.
    snr_db: in the place of power the ratio P / symbols in decibels, -200 to 200.
    settings: any other that a round reads, as of ``laser.Aggregator``; ``laser.settings()`` lists them. compressor, channel, feedback,
        receiver and allocation may be one of your own.
    rounds: when iterating ends; 100 by default.
    batch_size: examples of a worker's step; 128 by default, all of its own where it has fewer.
    seed: 0 to 2^64 - 1, names batches, noise and first factors; 1 by default.
    optimizer: the server's, any of torch.optim over model.parameters(). By default the command's SGD (lr=0.01, momentum=0.9,
        weight_decay=1e-4); with local steps SGD(lr=1), which is FedAvg. With SGD(lr=1, momentum=0.9) it is FedAvgM, with Adam
        FedAdam [Reddi et al., arXiv 2003.00295].
    scheduler: of torch.optim.lr_scheduler over that optimizer, a step a round; None: none.
    local_steps, local_learning_rate: with a rate workers make so many steps of SGD and send the difference w - w_i in place of a
        gradient; 1 and None by default, which sends the gradient.
    proximal: mu of FedProx [Li et al., arXiv 1812.06127], mu/2 ||w_i - w||^2 in the loss of a worker; 0 by default.
    asleep: "keep" (the default) or "drop" the error memory of workers that are not awake in a round, which the setting participation says
        the share of.
    test: examples to evaluate with; or a list of one data set a client; None: nothing is evaluated.
    evaluate_every: rounds from one evaluation to the next, and at the end there is one; None: as many as see each example once.
    per_client: True measures accuracy, loss and energy of each client too, of the test set of each where ``test`` is a list, else of its own
        training examples; False by default.
    ema_decay: of the average of the weights that ``ema_accuracy`` is of, the paper's metric; 0.99 by default, 0 for none.
    diagnose: in which rounds lambda, delta and what else needs the round without noise are measured; in the others they are None. None (the
        default): in pairs of rounds, as the command does: the two before each evaluation and before the end, and where evaluations are
        far apart up to eight pairs between two of them. True: in every round, which makes a round of a small model up to a quarter
        dearer (docs/simulator.md). False: never.
    vectorize: None: all workers at once where the model allows; False: one by one.
    folder, resume: a run folder as the command's, with a checkpoint a minute and at the end; resume=True goes on there, bit for
        bit, where a run was left, and begins one where there is none. None: nothing is written.
    progress: whether a line on stderr tells where it takes long; True by default.

    Raises ``laser.Error`` with a HINT for what does not fit, and where training diverges.
    """

    def __init__(self, model: torch.nn.Module, loss: Callable[[Any, Any], torch.Tensor], data: Any, workers: int = 16,
                 method: str = "laser", power: float | str | Callable[[int], float] | None = None, *, rounds: int = 100,
                 batch_size: int = 128, sharding: str = "iid", concentration: float = 0.3,
                 optimizer: torch.optim.Optimizer | None = None, scheduler: Any = None, local_steps: int = 1,
                 local_learning_rate: float | None = None, proximal: float = 0.0, asleep: str = "keep", test: Any = None,
                 evaluate_every: int | None = None, per_client: bool = False, ema_decay: float = 0.99, diagnose: bool | None = None,
                 vectorize: bool | None = None, folder: str | Path | None = None, resume: bool = False, progress: bool = True,
                 seed: int = 1, snr_db: float | None = None, **settings: Any):
        core.keep_freed_memory()  # as the command does: else every round faults its pages in anew
        check_given(model, loss, scheduler)
        self.model, self.loss = model, loss
        self.workers = reading.check_whole("workers", workers, 1)
        self.rounds = reading.check_whole("rounds", rounds, 0)
        self.seed = reading.check_seed(seed)
        self.method = method
        self._names = self._trained_names()
        rate = local_rate(local_steps, local_learning_rate, proximal)
        self._local = reading.check_whole("local_steps", local_steps, 1)
        if asleep not in ("keep", "drop"):
            raise error(EXIT_CONFIGURATION, f"asleep = {asleep!r} is unknown. HINT: 'keep' or 'drop' the memory of workers that "
                        "are not awake")
        self._asleep = asleep
        self._diagnose = None if diagnose is None else reading.check_flag("diagnose", diagnose)
        self._ema_decay = reading.real_number(ema_decay)
        if not 0 <= self._ema_decay < 1:
            raise error(EXIT_CONFIGURATION, f"ema_decay = {ema_decay!r} must be 0 or more and below 1. HINT: 0.99, or 0 for no "
                        "average")
        self.optimizer = optimizer if optimizer is not None else self._default_optimizer(rate)
        self._check_optimizer()
        self.scheduler = scheduler

        self._set_round(method, power, snr_db, settings)
        self._shards = Shards(data, self.workers, reading.check_whole("batch_size", batch_size, 1), self.seed, sharding, concentration)
        self.rounds_per_epoch = math.ceil(self._shards.steps_per_epoch / self._local)  # until as many examples were seen
        self._work = LocalWork(model, loss, self._names, self._shards, self.seed, self._local, rate, float(proximal),
                               None if vectorize is None else reading.check_flag("vectorize", vectorize))
        self.per_client = reading.check_flag("per_client", per_client)
        self._tests = self._test_sets(test)
        every = self.rounds_per_epoch if evaluate_every is None else evaluate_every
        self._evaluate_every = reading.check_whole("evaluate_every", every, 1)

        self.records: list[Record] = []
        self.rounds_done = 0
        self._average: Tensors = {}
        self._remaining = 1.0  # weight of the average's start
        self._spent = [0.0] * self.workers
        self._since: list[Record] = []  # the last evaluation
        self._evaluations: list[dict[str, Any]] = []
        self._quiet = not reading.check_flag("progress", progress)
        self._seconds, self._saved, self._checkpoint_at = 0.0, -1, time.monotonic()
        self._failed = ""
        self._setup = {**self._aggregator._setup, "method": str(method), "batch_size": self._shards.batch_size,
                       "local_steps": self._local, "local_learning_rate": rate or 0.0, "proximal": float(proximal),
                       "asleep": asleep, "sharding": "own" if self._shards.own else sharding,
                       "concentration": concentration if sharding == "dirichlet" else 0.0, "examples": len(self._shards.examples),
                       "optimizer": type(self.optimizer).__name__, "power": self._power.text() if self._power else "none",
                       "ema_decay": self._ema_decay, "evaluate_every": self._evaluate_every, "model": type(model).__name__,
                       "tensors": json.dumps([[name, list(shape)] for name, shape in self.shapes.items()])}
        self.notes = self._notes()
        for note in self.notes:
            warnings.warn(f"laser: {note}", stacklevel=2)
        self._folder = self._open(folder, reading.check_flag("resume", resume))

    # ---- what it is made of

    def _trained_names(self) -> list[str]:
        shapes = {}
        for name, p in self.model.named_parameters():
            if p.requires_grad and p.numel() > 0:
                if p.is_complex():
                    raise error(EXIT_CONFIGURATION, f"'{name}' is of type {p.dtype}. HINT: real parameters, torch.view_as_real")
                shapes[name] = tuple(p.shape)
        if not shapes:
            raise error(EXIT_CONFIGURATION, "the model has no parameter that is trained. HINT: requires_grad=True for some")
        self.shapes: dict[str, tuple[int, ...]] = shapes  # of what is sent, by name
        return list(shapes)

    def _default_optimizer(self, rate: float | None) -> torch.optim.Optimizer:
        trained = [p for p in self.model.parameters() if p.requires_grad]
        if rate is not None:
            return torch.optim.SGD(trained, lr=1.0)
        return torch.optim.SGD(trained, lr=0.01, momentum=0.9, weight_decay=1e-4)

    def _check_optimizer(self) -> None:
        if not isinstance(self.optimizer, torch.optim.Optimizer):
            raise error(EXIT_USAGE, f"optimizer is of type {type(self.optimizer).__name__}. HINT: one of torch.optim over "
                        "model.parameters()")
        theirs = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        for name, p in self.model.named_parameters():
            if name in self.shapes and id(p) not in theirs:
                raise error(EXIT_CONFIGURATION, f"the optimizer does not have '{name}' of the model. HINT: make it of this model's "
                            "parameters(), or set requires_grad=False for what is not trained")

    def _set_round(self, method: str, power: Any, snr_db: float | None, settings: dict[str, Any]) -> None:
        """The aggregator, the power of a round and the lag of the memory."""
        given = {"method": method, **settings}
        if "channel" in given:
            given["channel"] = reading.channel_named(given["channel"])
        plain, objects = parts.split(given)
        whole = core.settings(pairs({**{name: value for name, value in plain.items() if name in reading.groups()},
                                     "workers": self.workers}))
        noisy = parts.noisy(objects, whole["channel"])
        shapes = [(name, list(shape) or [1]) for name, shape in self.shapes.items()]
        self._noisy = noisy
        if not noisy and (power is not None or snr_db is not None):
            raise error(EXIT_CONFIGURATION, "power and snr_db would have no effect: the channel is noiseless. HINT: leave them out")
        power = budget.plain_power(power)
        if snr_db is not None:
            power = budget.power_at(snr_db, power, shapes, {**plain, "workers": self.workers}, objects)
        self._power = reading.Power(1e3 if power is None else power, 1) if noisy else None
        fixed = {} if self._power is None or callable(power) or isinstance(power, reading.SharedBudget) else \
            {"power": self._power.of(0)}
        double = any(p.dtype == torch.float64 for name, p in self.model.named_parameters() if name in self.shapes)
        with warnings.catch_warnings():  # those of a setting without effect are of the caller's line
            self._aggregator = Aggregator(self.shapes, self.workers, double_precision=double, seed=self.seed, **given, **fixed)
        self.parts = self._aggregator.parts
        self.participation = float(whole["participation"])
        self._plain = {**plain, "workers": self.workers}
        self._known_memory = "feedback" not in objects and "compressor" not in objects
        self._shapes = shapes
        self._whole = whole
        self.lag = core.memory_lag(shapes, pairs(self._plain)) if self._known_memory else None  # rounds

    def _test_sets(self, test: Any) -> list[Examples]:
        if test is None:
            return []
        if isinstance(test, list) and len(test) != 2 or isinstance(test, list) and not isinstance(test[0], torch.Tensor):
            if len(test) != self.workers or not self.per_client:
                raise error(EXIT_CONFIGURATION, f"test is a list of {len(test)} data sets. HINT: one a worker, with "
                            "per_client=True; or one for all: (inputs, targets)")
            return [Examples(one, f"test of worker {i}") for i, one in enumerate(test)]
        return [Examples(test, "test")]

    # ---- what is said of it

    def lags_of(self, **changed: Any) -> float | None:
        """How many lags of the error memory the rounds would be with other settings; None where there is no memory.

        changed: settings of the round by name, such as rank=8.
        """
        lag = core.memory_lag(self._shapes, pairs({**self._plain, **changed}))
        return None if lag is None else self.rounds / lag

    def _notes(self) -> list[str]:
        """What is to be known before the first round, from the calculation of ``laser theory plan``."""
        notes = []
        if self._work.why and self._work.statistics == {} and "random" not in self._work.why:
            notes.append(f"workers are computed one by one: {self._work.why}")
        if self.lag is None or self.rounds >= SETTLED * self.lag or self.rounds == 0:
            return notes
        lags = self.rounds / self.lag
        ways = []
        tried: dict[str, list[Any]] = {"rank": [r for r in (4, 8, 16, 32, MOST_RANK) if r > int(self._whole["rank"])]}
        # Both factors in one round, where the power goes round: below 0 dB a symbol they lost to one at a time (docs/simulator.md).
        both = core.symbols_a_round(self._shapes, pairs({**self._plain, "transport": "two_phase"}))
        if self._power is None or self._power.of(0) >= both:
            tried["transport"] = ["two_phase"]
        for name, values in tried.items():
            found = {value: self.lags_of(**{name: value}) for value in values}
            best = max(values, key=lambda value: found[value] or 0.0, default=None)
            if best is not None and (found[best] or 0.0) > 1.01 * lags:
                ways.append(f"{name}={best!r} ({found[best]:.1f} lags)")
        ways += ["a method without factors, such as 'zsgd'", f"{math.ceil(SETTLED * self.lag)} rounds"]
        notes.append(f"{self.rounds} rounds are {lags:.1f} lags of the error memory, which lags {self.lag:.0f} rounds: only the start of "
                     f"the method is seen. HINT: {', '.join(ways[:-1])}, or {ways[-1]}")
        return notes

    def __repr__(self) -> str:
        size = sum(math.prod(shape) for shape in self.shapes.values())
        facts = [f"{self.parts.get('compressor', self.method)}", f"{self.workers} workers", f"{size} parameters",
                 f"P = {self._power.text()}" if self._power else "no noise"]
        if "compressor" not in self.parts:
            symbols = core.symbols_a_round(self._shapes, pairs(self._plain))
            facts.append(f"{symbols:g} symbols a round")
            if self._power and self._power.text()[0].isdigit():
                facts.append(f"SNR {10 * math.log10(self._power.of(0) / symbols):.1f} dB")
        if self.lag is not None:
            facts.append(f"lag {self.lag:.1f} rounds")
        facts += [f"{self.rounds_done} of {self.rounds} rounds", "all workers at once" if self._work.vectorized else "workers one by one"]
        return f"Simulator({', '.join(facts)})"

    # ---- the rounds

    def __iter__(self) -> Iterator[Record]:
        line = ProgressLine(self.method, self._quiet)
        try:
            while self.rounds_done < self.rounds:
                record = self.advance()
                score = record.get("accuracy", self._evaluations[-1].get("test_accuracy") if self._evaluations else None)
                line.show(self.rounds_done, self.rounds, f"loss {record['loss']:.4g}" +
                          (f", accuracy {score:.2f} %" if score is not None and math.isfinite(score) else ""))
                if self.rounds_done == self.rounds:
                    self.save()
                yield record
        finally:  # also where the caller's loop is left
            line.clear()
            self.save()

    def run(self) -> list[Record]:
        """Runs all rounds that are left; returns the records of all, also of those before a resumed run was left."""
        for _ in self:
            pass
        return self.records

    def advance(self) -> Record:
        """Runs one round more and returns its record. A Ctrl-C or SIGTERM that comes meanwhile waits for its end, and what is done is saved.
        Raises Error (usage) after the last round or a failed one, Error (non-finite) where training diverges."""
        if self.rounds_done >= self.rounds or self._failed:
            why = f"has failed ({self._failed})" if self._failed else f"has done its {self.rounds} rounds"
            raise error(EXIT_USAGE, f"the run {why}. HINT: a Simulator with more rounds; with folder and resume=True it goes on there")
        with Waiting() as waiting:
            start = time.monotonic()
            try:
                record = self._round()
            except (Error, ArithmeticError) as problem:
                if getattr(problem, "exit_code", 0) == EXIT_NON_FINITE:
                    self._failed = str(problem)
                raise
            finally:
                self._seconds += time.monotonic() - start
            if self._folder is not None and (waiting.came or time.monotonic() - self._checkpoint_at > 60):
                self.save()
        return record

    def _round(self) -> Record:
        t = self.rounds_done
        awake = [i for i, there in enumerate(core.awake_workers(self.seed, t, self.workers, self.participation)) if there]
        messages, losses = self._work.messages(t, awake)
        if len(awake) < self.workers:  # the others' rows are not looked at
            rows = torch.tensor(awake)
            messages = {name: torch.zeros((self.workers, *m.shape[1:]), dtype=m.dtype).index_copy_(0, rows, m.cpu())
                        for name, m in messages.items()}
        power = self._power.of(t) if self._power else None
        outcome = self._aggregator.round(messages, power=power, diagnose=self._diagnosed(t))
        if self._asleep == "drop" and len(awake) < self.workers:
            self._aggregator.forget([i for i in range(self.workers) if i not in set(awake)])
        rate = self.optimizer.param_groups[0]["lr"]
        if not outcome.unheard:
            for name, p in self.model.named_parameters():
                if name in self.shapes:
                    p.grad = outcome.estimate[name]
            self.optimizer.step()
            self.optimizer.zero_grad()
        if self.scheduler is not None:
            self.scheduler.step()
        self._show_statistics()
        self._add_to_average()
        self.rounds_done = t + 1
        record = self._record(outcome, losses, power, float(rate), len(awake))
        self._spent = [a + b for a, b in zip(self._spent, outcome.energy)]
        self._since.append(record)
        last = self.rounds_done == self.rounds
        if self._tests or self.per_client or self._folder is not None:
            if self.rounds_done % self._evaluate_every == 0 or last:
                self._end_epoch(record)
        self.records.append(record)
        if self._folder is not None:
            self._folder.append(run_folder.ROUNDS, record)
        return record

    def _diagnosed(self, t: int) -> bool:
        """Whether round t is one of those in which the command diagnoses; the transmitted factor alternates, so that two are a whole."""
        if self._diagnose is not None:
            return self._diagnose
        every = self._evaluate_every
        pairs = min(max(every // PAIR_SPACING, 1), MOST_PAIRS)
        left = every - 1 - t % every  # rounds until the evaluation
        ends = [j * every // pairs for j in range(pairs)]  # rounds after each pair
        return t >= self.rounds - 2 or left in ends or left - 1 in ends

    def _record(self, outcome: Outcome[dict[str, torch.Tensor]], losses: torch.Tensor, power: float | None, rate: float, awake: int
                ) -> Record:
        record = Record(round=self.rounds_done, loss=losses.mean().item(), power=power, energy=outcome.energy,
                        budget_use=outcome.budget_use, symbols=outcome.symbols, snr_db=None, heard=not outcome.unheard, awake=awake,
                        memory_ratio=outcome.memory_ratio, delta=outcome.quality, noise_energy=outcome.noise_energy,
                        sent_ratio=outcome.sent_ratio, waiting_rounds=outcome.waiting_rounds, lag=self.lag, learning_rate=rate)
        record["lambda"] = outcome.influence
        if power and outcome.symbols:
            record["snr_db"] = 10 * math.log10(power / outcome.symbols)
        return record

    def _show_statistics(self) -> None:
        """The model has the statistics of worker 0, as the command's."""
        buffers = dict(self.model.named_buffers())
        for name, rows in self._work.statistics.items():
            buffers[name].copy_(rows[0])

    def _state_of_model(self) -> Tensors:
        """All that makes an output: parameters, and the buffers that training changes."""
        return {**{name: p.detach() for name, p in self.model.named_parameters()},
                **{name: b for name, b in self.model.named_buffers() if name in self._work.statistics}}

    def _add_to_average(self) -> None:
        if self._ema_decay == 0 or not self._tests:
            return
        for name, value in self._state_of_model().items():
            if value.is_floating_point():
                if name not in self._average:
                    self._average[name] = torch.zeros_like(value)
                self._average[name].mul_(self._ema_decay).add_(value, alpha=1 - self._ema_decay)
        self._remaining *= self._ema_decay

    def average(self) -> Tensors:
        """The exponential moving average of weights and statistics, by name, without the bias of its start."""
        return {name: value / (1 - self._remaining) for name, value in self._average.items()}
