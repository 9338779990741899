"""The round by torch's own operations, by its public name (docs/devices.md); the package ``laser.device`` is made of its parts."""

from laser.device.round import DeviceRound, place_of, refusal

__all__ = ["DeviceRound", "place_of", "refusal"]
