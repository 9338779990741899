"""What lasts of a LaserState: as a dict, and in the shards of a folder, a file a rank (laser.shards has their names and order)."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from laser import reading, resharding, shards
from laser.identity import Identity
from laser.native import EXIT_DATA, EXIT_USAGE, core, error
from laser.processes import Processes
from laser.protection import Protection

FORMAT = "laser ddp 2"
POSITION = ("iteration", "skips", "numbers", "rank", "ranks", "setup", "stream", "runs")  # of a state, beside its tensors


class Saving:
    """The part of a LaserState that saves and restores it."""

    name: str  # of the state, where several save into one folder
    iteration: int  # backward passes so far
    skips: int  # of them, those without an estimate
    processes: Processes
    _core: Any  # the round
    _seed: int
    _numbers: list[int]  # before and after compression
    _identity: Identity
    _protection: Protection
    _bound: bool  # whether there is a model
    _waiting: Any  # a saved state, for the model to come

    def _make_core(self, seed: int) -> Any:
        raise NotImplementedError

    def _setup(self) -> dict[str, Any]:
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """What this rank needs to go on exactly: "memory/<parameter>" of its own error memory, "shared/<parameter>/..." of
        the factors, and the position. The tensors are copies."""
        self._check_bound()
        lasting = {name: tensor.cpu() for name, tensor in self._core.state().items()}
        return {**lasting, "iteration": self.iteration, "skips": self.skips, "numbers": list(self._numbers),
                "rank": self.processes.first_worker, "ranks": self.processes.workers, "setup": self._setup(),
                "stream": self._identity.stream, "runs": list(self._identity.runs)}

    def load_state_dict(self, state: Mapping[str, Any] | Sequence[Mapping[str, Any]], reshard: bool = False) -> None:
        """Restores what ``state_dict`` returned on the same rank of as many, with its random streams. Raises Error (exit
        code 4) where it is of another rank, model or setting, and then changes nothing. Call it on every rank. With
        ``reshard`` `state` is what all ranks returned, in their order, of any number: the sum of their error memories, the
        mean of their averages and the shared factors are kept. Before there is a model the state waits for it.

        state: of this rank; with ``reshard`` a list of those of all ranks.
        reshard: whether it may be of another number of ranks; False by default.
        """
        if not self._bound:
            self._waiting = (state, reshard)
            return
        if reshard:
            states = [state] if isinstance(state, Mapping) else list(state)
            same = len(states) == self.processes.workers
            state = states[self.processes.first_worker] if same else resharding.of_rank(
                states, self.processes.first_worker, self.processes.workers)
        if not isinstance(state, Mapping):
            raise error(EXIT_DATA, f"the saved state is a {type(state).__name__}. HINT: what state_dict() returned on this rank, or "
                        "reshard=True with that of all")
        self._restore(state, -1)

    def _restore(self, state: Mapping[str, Any], save: int) -> None:
        self._check_fits(state)
        fresh = self._make_core(Identity.seed_of(self._seed, state["stream"]))
        fresh.load_state({name: tensor for name, tensor in state.items() if isinstance(tensor, torch.Tensor)})
        self._core = fresh
        self.iteration, self.skips, self._numbers = state["iteration"], state["skips"], list(state["numbers"])
        self._identity.go_on_from(state["stream"], state["runs"], state["iteration"], save)
        self._protection.forget()

    def save(self, folder: str | Path, keep: int | None = 2) -> Path:
        """Writes this rank's shard of the present iteration (safetensors with checksums, whole or not at all), and removes
        this run's shards before the `keep` last ones (None: none). Other runs' are left alone. Call it on every rank.

        folder: that all ranks share; it is made where it is not there.
        keep: how many saved iterations of this run stay, 2 or more; None: all. Returns the file.
        """
        keep = shards.check_keep(keep)
        self._check_bound()
        place = self._folder(folder)
        place.path.mkdir(parents=True, exist_ok=True)
        self._identity.check_alone(place)
        state = self.state_dict()
        tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
        texts = {name: json.dumps(state[name]) for name in POSITION}
        path = place.path / place.next(self.iteration, self._identity.run).file
        core.write_tensors(str(path), tensors, texts | {"format": FORMAT})
        place.remove_before(self._identity.runs, keep)
        return path

    def load(self, folder: str | Path, iteration: int | None = None, reshard: bool = False) -> int:
        """Restores the iteration of the model's own checkpoint, or without one what all ranks wrote last, and returns its
        number; 0, with nothing done, where nothing was saved. Raises Error (exit code 4) where what was saved is of another
        number of ranks, another model or setting, or has no such iteration. With ``reshard`` what any number of ranks wrote
        is taken: the sum of their error memories and the shared factors are kept. Call it on every rank.

        folder: that ``save`` wrote.
        iteration: whose shards are loaded; None: the last that all ranks have.
        reshard: whether it may be of another number of ranks; False by default.
        """
        if iteration is not None:
            iteration = reading.check_whole("iteration", iteration, 0)
        reshard = reading.check_flag("reshard", reshard)
        self._check_bound()
        place, moment = self._folder(folder), None
        if reshard:
            whole = place.choose_whole(iteration, self.processes.gather_objects)
            if whole and whole[0].ranks != self.processes.workers:
                states = [self._read(place.path / shard.file, shard) for shard in whole]
                self._restore(resharding.of_rank(states, self.processes.first_worker, self.processes.workers), -1)
                return whole[0].iteration
            moment = whole[0].moment if whole else None
        shard = place.choose(iteration, self.processes.gather_objects, moment)
        if shard is None:
            if any(place.path.glob("laser-*")):
                warnings.warn(f"laser: {place.path} has shards, but none of every rank of a state with this name: training "
                              "begins anew", stacklevel=2)
            return 0
        self._restore(self._read(place.path / shard.file, shard), shard.save)
        return shard.iteration

    @staticmethod
    def _read(path: Path, shard: shards.Shard) -> dict[str, Any]:
        """What a rank wrote, as ``state_dict`` has it."""
        tensors, texts = core.read_tensors(str(path))
        try:
            position = {name: json.loads(texts[name]) for name in POSITION}
        except (KeyError, ValueError):
            position = {}
        if texts.get("format") != FORMAT or not position:
            raise error(EXIT_DATA, f"{path} is not the shard of a LaserState. HINT: a folder that LaserState.save wrote")
        if (position["iteration"], position["runs"][-1][0]) != shard.moment:
            raise error(EXIT_DATA, f"{path} is of iteration {position['iteration']} of another run than its name says. HINT: "
                        "remove the file, or load an earlier iteration")
        return tensors | position

    def _check_bound(self) -> None:
        if not self._bound:
            raise error(EXIT_USAGE, "this LaserState has no model yet. HINT: attach(ddp), or after the first backward pass")

    def _folder(self, folder: str | Path) -> shards.Folder:
        return shards.Folder(folder, self.name, self.processes.first_worker, self.processes.workers)

    def _check_fits(self, state: Mapping[str, Any]) -> None:
        mine = {"rank": self.processes.first_worker, "ranks": self.processes.workers, "setup": self._setup()}
        for key in POSITION:
            if key not in state:
                raise error(EXIT_DATA, f"the saved state has no '{key}': it is not of a LaserState of this version. HINT: what its "
                            "state_dict() returned")
        for key in "rank", "ranks":
            if state[key] != mine[key]:
                raise error(EXIT_DATA, f"the saved state is of rank {state['rank']} of {state['ranks']}, this is rank "
                            f"{mine['rank']} of {mine['ranks']}: error memories can't be moved to another number of ranks. HINT: "
                            "reshard=True, with what all ranks saved, keeps their sum")
        for part, value in self._setup().items():
            theirs = state["setup"].get(part)
            if theirs != value:
                raise error(EXIT_DATA, f"the saved state is of other {part}: {reading.difference(theirs, value)}. HINT: the "
                            f"{part} that it was made with")
