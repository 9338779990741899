"""The hook inside other training loops: ``laser.integrations.lightning`` and ``laser.integrations.accelerate``. Each needs the
package of its name, and only when it is imported."""

import importlib
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    if name in ("accelerate", "lightning"):
        return importlib.import_module(f"laser.integrations.{name}")
    raise AttributeError(f"module 'laser.integrations' has no attribute '{name}'. HINT: accelerate or lightning")
