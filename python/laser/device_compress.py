"""The table of the compressors by torch's own operations: what src/laser/compress/compressor.cpp is for the compiled ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from laser.device_compressor import Compressor, Context, Identity, Layer, kept
from laser.device_elementwise import AgeTopK, CountSketch, RandomK, Sign, TopKMean, TopKPilot, TopKProjection
from laser.device_low_rank import Alternating, OneShot, Parallel, TwoPhase
from laser.device_sweep import Cut, Sweep
from laser.native import EXIT_CONFIGURATION, error

TRANSPORTS: dict[str, type[Compressor]] = {"alternating": Alternating, "two_phase": TwoPhase, "one_shot": OneShot, "parallel": Parallel}
COMPRESSORS: dict[str, type[Compressor]] = {"identity": Identity, "random_k": RandomK, "sweep": Sweep, "count_sketch": CountSketch,
                                            "sign": Sign, "top_k_projection": TopKProjection, "top_k_mean": TopKMean,
                                            "top_k_pilot": TopKPilot, "age_top_k": AgeTopK}


def applies(settings: Mapping[str, str], layer: Layer) -> bool:
    """Whether the tensor is compressed; one that is not is sent as it is (spec 2.1)."""
    name = settings["compressor"]
    if name == "sweep":
        return len(layer.shape) >= 2 and Cut(layer, int(settings["rank"])).cycle > 1
    if name == "top_k_pilot":
        return kept(layer.size, float(settings["compression_factor"])) > 1
    if name != "low_rank":
        return True
    if len(layer.shape) < 2:
        return False
    rank = min(int(settings["rank"]), layer.rows, layer.columns)
    return settings["compress"] == "always" or layer.size > rank * (layer.rows + layer.columns)


def make(settings: Mapping[str, str], layer: Layer, context: Context) -> Compressor:
    """The compressor of a tensor."""
    if not applies(settings, layer):
        return Identity(layer, context, settings)
    name = settings["compressor"]
    kind = TRANSPORTS[settings["transport"]] if name == "low_rank" else COMPRESSORS[name]
    return kind(layer, context, settings)


def check_low_rank(settings: Mapping[str, str], layers: Sequence[Layer]) -> None:
    """Raises Error where no matrix of the model would be factored, as the compiled core does."""
    if settings["compressor"] != "low_rank" or any(applies(settings, layer) for layer in layers):
        return
    useful = max((min((one.size - 1) // (one.rows + one.columns), one.rows, one.columns)
                  for one in layers if len(one.shape) >= 2), default=0)
    if useful == 0:
        raise error(EXIT_CONFIGURATION, "the model has no matrix that low-rank factors would make smaller. HINT: method=zsgd "
                    "sends its tensors as they are")
    raise error(EXIT_CONFIGURATION, f"rank = {settings['rank']} fits no layer: its factors would be larger than every matrix of "
                f"the model. HINT: use rank <= {useful}, or compress=always")
