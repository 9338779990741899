"""Saved states of k ranks for another number of ranks: the sum of the error memories, which is what is still to be sent, and
the factors that all have in common are kept.

Old ranks lie side by side on [0, 1], new ones too; a new rank gets of an old one's memory the part of it that they overlap
by. So 4 -> 2 adds neighbours, and 2 -> 4 halves. What the message filter keeps (averages of worker_momentum, second moments
and preconditioners) are no sums: their mean is kept.
Memories of bfloat16 are rounded once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from laser.native import EXIT_DATA, error


def of_rank(states: Sequence[Mapping[str, Any]], rank: int, ranks: int) -> dict[str, Any]:
    """The state of `rank` of `ranks` from those of all that saved, in their order. Raises Error (exit code 4) where one is
    missing or of another moment."""
    first = _checked(states)
    before = len(states)
    parts = {}  # of an old rank's memory, by its number
    for i in range(before):
        overlap = min((i + 1) * ranks, (rank + 1) * before) - max(i * ranks, rank * before)  # in 1 / (before x ranks)
        if overlap > 0:
            parts[i] = overlap / ranks
    result = {name: value for name, value in first.items() if not _is_own(name)}
    names = sorted({name for state in states for name in state if name.startswith("memory/")})
    for name in names:
        kind = next(state[name].dtype for state in states if name in state)
        found = [_memory(states[i], name).double() * part for i, part in parts.items() if name in states[i]]
        shape = next(state[name] for state in states if name in state)
        total = torch.stack(found).sum(0) if found else torch.zeros_like(shape, dtype=torch.float64)
        result[name] = total.to(kind)
    for name in filter(_is_mean, first):
        kept = sum((states[i][name].double() * part * ranks / before for i, part in parts.items()),
                   torch.zeros_like(first[name], dtype=torch.float64))
        result[name] = kept.to(first[name].dtype)
    setup = dict(first["setup"])
    setup["settings"] = {**setup["settings"], "workers": str(ranks)}
    return {**result, "rank": rank, "ranks": ranks, "setup": setup}


def _is_own(name: str) -> bool:
    return name.startswith(("memory/", "pending/")) or _is_mean(name)


def _is_mean(name: str) -> bool:
    return name == "momentum" or name.startswith(("second_moment/", "preconditioner/"))


def _memory(state: Mapping[str, Any], name: str) -> torch.Tensor:
    """e_i = memory - left^T right of what is pending."""
    memory: torch.Tensor = state[name]
    pending = "pending/" + name.removeprefix("memory/")
    if f"{pending}/left" in state:
        left, right = state[f"{pending}/left"], state[f"{pending}/right"]
        memory = memory.to(left.dtype) - left.transpose(-1, -2) @ right
    return memory


def _checked(states: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    if not states:
        raise error(EXIT_DATA, "there is no saved state. HINT: what state_dict() returned on each rank, in their order")
    for number, state in enumerate(states):
        if not isinstance(state, Mapping) or not {"rank", "ranks", "setup", "iteration", "runs"} <= state.keys():
            raise error(EXIT_DATA, f"the saved state {number} is not of a LaserState of this version. HINT: what its "
                        "state_dict() returned")
        if (state["rank"], state["ranks"]) != (number, len(states)):
            raise error(EXIT_DATA, f"the saved state {number} of {len(states)} is of rank {state['rank']} of {state['ranks']}. HINT: "
                        "those of all ranks that saved, in their order")
        if (state["iteration"], state["runs"]) != (states[0]["iteration"], states[0]["runs"]):
            raise error(EXIT_DATA, f"the saved states of ranks 0 and {number} are of different iterations or runs. HINT: states "
                        "that all ranks saved in the same iteration")
    return states[0]
