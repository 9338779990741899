"""The round by torch's own operations, on the device of the gradients (docs/devices.md); ``laser.device_round`` is its public name.

Bottom up: ``random`` and ``links`` draw, ``compressor`` with ``low_rank``, ``elementwise`` and ``sweep`` compress, ``channels`` and ``power``
scale, ``air`` and ``imperfect`` say what symbols meet, ``feedback`` and ``receivers`` weigh; tables name the parts (``compress``, ``channels``,
``power``, ``feedback``, ``receivers``), and ``refusals`` follows from their keys. ``state``, ``memories``, ``sending`` (with ``exchange`` and
``digital``), ``receiving`` and ``round`` are the round, each on the one before it. Nothing here needs the compiled core.
"""
