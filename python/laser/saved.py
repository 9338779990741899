"""What an Aggregator and a Training have saved: checked before anything is changed by it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch

from laser import reading
from laser.native import EXIT_DATA, EXIT_USAGE, error


def check_state(state: Any, owner: str, needed: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """The tensors of a saved state, where it is one.

    state: anything.
    owner: whose it should be, in words.
    needed: names that it must have. Raises Error (usage, data) where it is none.
    """
    if not isinstance(state, Mapping):
        raise error(EXIT_USAGE, f"{type(state).__name__} is no saved state. HINT: what state_dict() returned")
    for name in needed:
        if name not in state:
            raise error(EXIT_DATA, f"the saved state has no '{name}': it is not of {owner} of this version. HINT: what its "
                        "state_dict() returned")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise error(EXIT_DATA, f"the saved state has {name!r} of type {type(value).__name__}, where tensors have names. "
                        "HINT: what state_dict() returned")
    return dict(state)


def text_tensor(setup: Any) -> torch.Tensor:
    """Settings as a tensor, so that they lie among the tensors of a state.

    setup: what JSON can hold.
    """
    return torch.tensor(list(json.dumps(setup).encode()), dtype=torch.uint8, device="cpu")


def check_setup(saved: torch.Tensor, setup: Any) -> None:
    """Raises Error (data) where a saved state is of other settings.

    saved: as ``text_tensor`` made it.
    setup: the settings here.
    """
    if torch.equal(saved.cpu(), text_tensor(setup)):
        return
    try:
        theirs = json.loads(bytes(saved.tolist()).decode())
    except (TypeError, ValueError):
        theirs = {}
    raise error(EXIT_DATA, f"the saved state is of other settings: {reading.difference(theirs, setup)}. HINT: the settings that it was "
                "made with")
