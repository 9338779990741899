"""What lasts of a LaserState for torch.distributed.checkpoint: one key a rank.

    dcp.save({"model": model_state, "laser": laser.Stateful(state)}, checkpoint_id=folder)
    dcp.load({"model": model_state, "laser": laser.Stateful(state)}, checkpoint_id=folder)

torch.distributed.checkpoint takes tensors of the same name on several ranks for copies of one, and error memories are not:
each rank's state is one object under a key of its own. A checkpoint of another number of ranks is loaded by
``Stateful(state, saved_by=4)``, which keeps the sum of the memories.
"""

from __future__ import annotations

import io
from typing import Any

import torch

from laser.ddp import LaserState
from laser.native import EXIT_DATA, EXIT_USAGE, error
from laser.reading import check_whole


class Stateful:
    """What torch.distributed.checkpoint saves of a LaserState.

    state: bound to its model.
    saved_by: ranks of the job whose checkpoint is loaded; None: as many as this one has. Raises Error (usage,
        configuration) for anything else.
    """

    def __init__(self, state: LaserState, saved_by: int | None = None):
        if not isinstance(state, LaserState):
            raise error(EXIT_USAGE, f"state is of type {type(state).__name__}. HINT: laser.Stateful(laser.LaserState(ddp))")
        self._state = state
        self._saved_by = None if saved_by is None else check_whole("saved_by", saved_by, 1)

    def state_dict(self) -> dict[str, bytes]:
        """This rank's state under its key; with ``saved_by`` the keys that are to be loaded."""
        own = self._state.state_dict()
        if self._saved_by is not None:
            return {_key(rank, self._saved_by): b"" for rank in range(self._saved_by)}
        packed = io.BytesIO()
        torch.save(own, packed)
        return {_key(own["rank"], own["ranks"]): packed.getvalue()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what was saved under this rank's key, or under those of all ranks that saved. Raises Error
        (data) where a rank's part is missing.

        state: of torch.distributed.checkpoint, with the keys that ``state_dict`` gave.
        """
        processes = self._state.processes
        ranks = self._saved_by or processes.workers
        wanted = range(ranks) if self._saved_by is not None else [processes.first_worker]
        states = []
        for rank in wanted:
            packed = state.get(_key(rank, ranks))
            if not packed:
                raise error(EXIT_DATA, f"the checkpoint has no '{_key(rank, ranks)}'. HINT: Stateful(state, saved_by=K) for that of "
                            "K ranks")
            states.append(torch.load(io.BytesIO(packed), weights_only=True))
        self._state.load_state_dict(states if self._saved_by is not None else states[0], reshard=self._saved_by is not None)


def _key(rank: int, ranks: int) -> str:
    return f"rank-{rank:04d}-of-{ranks:04d}"
