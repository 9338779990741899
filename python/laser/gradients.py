"""The gradients that DDP averages: which parameters they are of, what they are called, and where they lie in a bucket.

All that DDP may put into a bucket is taken, numbers of 16, 32 and 64 bits, real and complex, in any order of memory, or is
refused here, before training begins. Names are those of the bare model, whatever it is wrapped into.
"""

from __future__ import annotations

import dataclasses
import gc

import torch
from torch.nn.parallel import DataParallel, DistributedDataParallel

from laser.native import EXIT_CONFIGURATION, error

REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
COMPLEX = (torch.complex32, torch.complex64, torch.complex128)
WRAPPERS = ("module", "_orig_mod", "_checkpoint_wrapped_module")  # what wrappers call the module inside


@dataclasses.dataclass
class Part:
    """The gradient of a parameter in a bucket."""

    index: int  # of the parameter
    bucket: torch.Tensor  # real_shape(p), in any order of memory
    numbers: torch.Tensor  # [1, ...] contiguous, on the round's device, of its type: the bucket's own where they are so, else a copy

    def hand_back(self) -> None:
        """Puts the estimate that the round left in ``numbers`` into the bucket."""
        if self.numbers.data_ptr() != self.bucket.data_ptr():
            self.bucket.copy_(self.numbers[0])


class Gradients:
    """model: the DDP module, or the module inside, compiled or not.

    ddp: the DDP module where there is one. parameters: those that are averaged, by name. kind: float64 where one of them
    has 64 bits, else float32. size: how many real numbers they are.
    """

    def __init__(self, model: torch.nn.Module):
        if not isinstance(model, torch.nn.Module):
            raise error(EXIT_CONFIGURATION, f"LaserState is for a torch.nn.Module, not for {type(model).__name__}. HINT: "
                        "LaserState(ddp, ...)")
        _refuse_sharded(model)
        outer = _unwrapped(model, but=DistributedDataParallel)
        self.ddp = outer if isinstance(outer, DistributedDataParallel) else None
        module = self.ddp.module if self.ddp is not None else outer
        averaged, sparse = _averaged(self.ddp, module)
        self.parameters: dict[str, torch.nn.Parameter] = {}
        for name, p in module.named_parameters():
            if id(p) not in averaged:
                continue
            _check_parameter(name, p, id(p) in sparse)
            if p.numel() > 0:
                self.parameters[bare_name(module, name)] = p
        if not self.parameters:
            raise error(EXIT_CONFIGURATION, "the model has no parameter that is trained. HINT: requires_grad=True for some")
        wide = any(p.dtype in (torch.float64, torch.complex128) for p in self.parameters.values())
        self.kind = torch.float64 if wide else torch.float32
        self.places: dict[int, tuple[int, int]] = {}  # of a parameter: its first number and how many
        self.size = 0
        self.device = torch.device("cpu")  # that the round is computed on
        self._copies: dict[int, torch.Tensor] = {}  # of a parameter whose numbers in a bucket are not as the round takes them
        for p in self.parameters.values():
            numbers = real_numbers(p)
            self.places[id(p)] = (self.size, numbers)
            self.size += numbers
        self._indices = {key: index for index, key in enumerate(self.places)}

    def read(self, bucket: torch.distributed.GradBucket) -> list[Part]:
        """A bucket's gradients, where they are if a round can read and write them there. ``bucket.gradients()`` would not do:
        it shows half of a complex gradient, and those of channels_last in the wrong order."""
        buffer = bucket.buffer()
        if buffer.layout != torch.strided:
            raise error(EXIT_CONFIGURATION, f"DDP hands over gradients of layout {buffer.layout}, and a round sends dense "
                        "ones. HINT: sparse=False in the Embedding")
        parts, first = [], 0
        for p in bucket.parameters():
            if p.numel() == 0:
                continue
            if id(p) not in self.places:
                raise error(EXIT_CONFIGURATION, "DDP hands over a parameter that the model of LaserState does not have. "
                            "HINT: LaserState(ddp, ...) with the module that the hook is registered at")
            part = _part_of(buffer, first, p)
            parts.append(Part(self._indices[id(p)], part, self._numbers(part, id(p))))
            first += self.places[id(p)][1]
        return parts

    def _numbers(self, part: torch.Tensor, key: int) -> torch.Tensor:
        if part.device == self.device and part.dtype == self.kind and part.is_contiguous():
            return part.unsqueeze(0)
        if key not in self._copies:
            self._copies[key] = torch.empty((1, *part.shape), dtype=self.kind, device=self.device)
        self._copies[key][0].copy_(part)
        return self._copies[key]

    def modules_of_ddp(self) -> list[DistributedDataParallel]:
        """The DDP modules that hold one of the parameters: where the module inside was given, its DDP module is looked for."""
        if self.ddp is not None:
            return [self.ddp]
        modules = [one for one in gc.get_objects() if issubclass(type(one), DistributedDataParallel)]
        return [one for one in modules if any(id(p) in self.places for p in one.parameters())]

    def check_all_there(self, parts: list[Part]) -> None:
        """Raises Error where a parameter was in no bucket."""
        seen = {part.index for part in parts}
        for index, name in enumerate(self.parameters):
            if index not in seen:
                raise error(EXIT_CONFIGURATION, f"the gradient of '{name}' is in no bucket of DDP, which ignores it or was "
                            "made while it was not trained. HINT: LaserState(ddp, ...), not the module inside")


def bare_name(module: torch.nn.Module, name: str) -> str:
    """A parameter's name without what torch.compile, DDP and activation checkpointing add to it."""
    kept: list[str] = []
    at: object = module
    for part in name.split("."):
        if not (part in WRAPPERS and _wraps(at)):
            kept.append(part)
        at = getattr(at, part, None)
    return ".".join(kept)


def real_numbers(p: torch.Tensor) -> int:
    return p.numel() * (2 if p.is_complex() else 1)


def real_shape(p: torch.Tensor) -> tuple[int, ...]:
    """Complex numbers are pairs of real ones."""
    return (*p.shape, 2) if p.is_complex() else tuple(p.shape)


def matrix_shape(p: torch.Tensor) -> list[int]:
    """The shape that is factored: a matrix has at least two dimensions, the real and imaginary parts not counted."""
    if p.dim() >= 2:
        return list(real_shape(p))
    return [real_numbers(p)]


def _part_of(buffer: torch.Tensor, first: int, p: torch.Tensor) -> torch.Tensor:
    """The real numbers of p's gradient, of shape real_shape(p), in a bucket. A parameter that fills its memory lies there
    in its own order, any other one row by row."""
    strides = list(p.stride()) if _fills_memory(p) else list(torch.empty(p.shape, device="meta").stride())
    if p.is_complex():
        strides = [2 * stride for stride in strides] + [1]
    return buffer.as_strided(real_shape(p), strides, buffer.storage_offset() + first)


def _fills_memory(p: torch.Tensor) -> bool:
    """Whether no two elements share a place and none is left out between them."""
    expected = 1
    for stride, size in sorted((s, n) for n, s in zip(p.shape, p.stride()) if n != 1):
        if stride != expected:
            return False
        expected *= size
    return True


def _averaged(ddp: DistributedDataParallel | None, module: torch.nn.Module) -> tuple[set[int], set[int]]:
    """The parameters that are averaged, and those of them whose gradients are sparse."""
    if ddp is not None:
        parameters, sparse = ddp._build_params_for_reducer()
        return {id(p) for p in parameters}, {id(p) for p, is_sparse in zip(parameters, sparse) if is_sparse}
    embeddings = [part for part in module.modules() if isinstance(part, (torch.nn.Embedding, torch.nn.EmbeddingBag))]
    return ({id(p) for p in module.parameters() if p.requires_grad},
            {id(part.weight) for part in embeddings if part.sparse})


def _check_parameter(name: str, p: torch.nn.Parameter, sparse: bool) -> None:
    if torch.nn.parameter.is_lazy(p):
        raise error(EXIT_CONFIGURATION, f"'{name}' has no shape yet. HINT: a forward pass before LaserState, which gives lazy "
                    "modules theirs")
    if sparse:
        raise error(EXIT_CONFIGURATION, f"the gradient of '{name}' is sparse, and a round sends dense ones. HINT: "
                    "sparse=False in the Embedding, or leave it to the all-reduce of another DDP module")
    if type(p).__name__ == "DTensor":
        raise error(EXIT_CONFIGURATION, f"'{name}' is a DTensor: no rank has the whole of it. HINT: docs/pytorch.md, "
                    "'Sharded models'")
    if p.layout != torch.strided or p.dtype not in (*REAL, *COMPLEX):
        raise error(EXIT_CONFIGURATION, f"'{name}' has numbers of {p.dtype} in layout {p.layout}, which no round sends. HINT: "
                    "float16, bfloat16, float32, float64 or complex numbers, strided")


def _wraps(module: object) -> bool:
    if isinstance(module, (DistributedDataParallel, DataParallel)):
        return True
    return type(module).__name__ in ("OptimizedModule", "CheckpointWrapper", "OffloadWrapper")


def _unwrapped(model: torch.nn.Module, but: type) -> torch.nn.Module:
    """The module inside all wrappers, but for those of one kind."""
    while _wraps(model) and not isinstance(model, but):
        inside = next((part for name, part in model.named_children() if name in WRAPPERS), None)
        if inside is None:
            break
        model = inside
    return model


def _refuse_sharded(model: torch.nn.Module) -> None:
    # By name: importing FSDP takes seconds, and a model that has it has imported it.
    sharded = {"FullyShardedDataParallel", "FSDPModule"}
    if any(sharded & {kind.__name__ for kind in type(part).__mro__} for part in model.modules()):
        raise error(EXIT_CONFIGURATION, "the model is sharded by FSDP: no rank has whole gradient matrices to factor. HINT: "
                    "use DistributedDataParallel; docs/pytorch.md, 'Sharded models'")
