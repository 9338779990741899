"""The table of the compressors by torch's own operations: what src/laser/compress/compressor.cpp is for the compiled ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from laser.device.compressor import Compressor, Context, Identity, Layer
from laser.device.elementwise import AgeTopK, CountSketch, RandomK, Sign, TopKMean, TopKPilot, TopKProjection
from laser.device.low_rank import Alternating, OneShot, Parallel, TwoPhase
from laser.device.sweep import Sweep
from laser.errors import EXIT_CONFIGURATION, error

LOW_RANK = "low_rank"  # whose transports are compressors each
TRANSPORTS: dict[str, type[Compressor]] = {"alternating": Alternating, "two_phase": TwoPhase, "one_shot": OneShot, "parallel": Parallel}
COMPRESSORS: dict[str, type[Compressor]] = {"identity": Identity, "random_k": RandomK, "sweep": Sweep, "count_sketch": CountSketch,
                                            "sign": Sign, "top_k_projection": TopKProjection, "top_k_mean": TopKMean,
                                            "top_k_pilot": TopKPilot, "age_top_k": AgeTopK}


def kind_of(settings: Mapping[str, str]) -> type[Compressor]:
    """The class of the compressor, or of its transport."""
    name = settings["compressor"]
    return COMPRESSORS[name] if name in COMPRESSORS else TRANSPORTS[settings["transport"]]


def kind_for(settings: Mapping[str, str], layer: Layer) -> type[Compressor]:
    """The class of a tensor's compressor: what is not compressed is sent as it is (spec 2.1)."""
    kind = kind_of(settings)
    return kind if kind.applies(layer, settings) else Identity


def make(settings: Mapping[str, str], layer: Layer, context: Context) -> Compressor:
    """The compressor of a tensor."""
    return kind_for(settings, layer)(layer, context, settings)


def check_low_rank(settings: Mapping[str, str], layers: Sequence[Layer]) -> None:
    """Raises Error where no matrix of the model would be factored, as the compiled core does."""
    if settings["compressor"] != LOW_RANK or any(kind_of(settings).applies(layer, settings) for layer in layers):
        return
    useful = max((min((one.size - 1) // (one.rows + one.columns), one.rows, one.columns)
                  for one in layers if len(one.shape) >= 2), default=0)
    if useful == 0:
        raise error(EXIT_CONFIGURATION, "the model has no matrix that low-rank factors would make smaller. HINT: method=zsgd "
                    "sends its tensors as they are")
    raise error(EXIT_CONFIGURATION, f"rank = {settings['rank']} fits no layer: its factors would be larger than every matrix of "
                f"the model. HINT: use rank <= {useful}, or compress=always")
