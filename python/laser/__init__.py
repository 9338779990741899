"""LASER: linear compression in wireless distributed optimization, for PyTorch.

A DDP communication hook that sends gradients over a simulated noisy channel (``LaserState``, ``laser_hook``,
``bf16_wrapper``, ``SharedBudget``), the round itself (``aggregate``, ``Aggregator``), the simulator (``Simulator`` for models and data of
one's own, ``Training`` for the command's), what there is (``methods``, ``settings``), drawings (``plot``), parts of one's own (``Compressor``,
``Channel``, ``Feedback``, ``Receiver``, ``Allocation``, and ``laser.testing``, their laws), the formulas
(``laser.channels``, ``laser.power``, ``laser.theory``), and what runs leave behind (``load_run``, ``records``, ``laser.figures``,
``laser.export``, ``python -m laser.tensorboard``).

Nothing is imported before it is used: records and figures need neither torch nor the extension module. Whatever needs
the module checks first that the running torch is the one it was built with.
"""

import importlib

_HOMES = {
    "Error": "laser.native",
    "aggregate": "laser.aggregation",
    "Aggregator": "laser.aggregation",
    "Training": "laser.aggregation",
    "Simulator": "laser.simulator",
    "methods": "laser.listing",
    "settings": "laser.listing",
    "plot": "laser.plotting",
    "Compressor": "laser.parts",
    "Channel": "laser.parts",
    "Feedback": "laser.parts",
    "Receiver": "laser.parts",
    "Allocation": "laser.parts",
    "Blocks": "laser.parts",
    "Exchange": "laser.parts",
    "Arrived": "laser.parts",
    "LaserState": "laser.ddp",
    "SharedBudget": "laser.reading",
    "Stateful": "laser.stateful",
    "laser_hook": "laser.ddp",
    "bf16_wrapper": "laser.ddp",
    "load_run": "laser.runs",
    "load_runs": "laser.runs",
    "records": "laser.runs",
    "Run": "laser.runs",
}
_MODULES = ("aggregation", "arena", "channels", "ddp", "export", "figures", "integrations", "parts", "power", "runs", "simulator",
            "testing", "theory")

__all__ = [*_HOMES, *_MODULES]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"laser.{name}")
    if name == "__version__":
        return importlib.import_module("laser._build").VERSION
    import difflib

    near = [] if name.startswith("_") else difflib.get_close_matches(name, __all__, 1)
    told = f"; did you mean '{near[0]}'? HINT: laser.{near[0]}" if near else ". HINT: dir(laser) lists what there is"
    raise AttributeError(f"module 'laser' has no attribute '{name}'{told}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
