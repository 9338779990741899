#!/usr/bin/env python3
"""Writes reference.safetensors with the format's own Python package (pip install safetensors==0.8.0 numpy).

Every element type that laser reads, a scalar, an empty tensor, a name beyond ASCII and one metadata entry. The numbers
are 0, 1, 2, ... of each type; tests/record/safetensors_test.cpp expects these bytes, both ways.
"""
import pathlib

import numpy as np
from safetensors import TensorSpec, serialize_file

TYPES = {"bool": "?", "uint8": "u1", "int8": "i1", "int16": "<i2", "uint16": "<u2", "float16": "<f2", "int32": "<i4",
         "uint32": "<u4", "float32": "<f4", "float64": "<f8", "int64": "<i8", "uint64": "<u8"}

arrays = {f"a.{name}": (name, np.arange(6).astype(code).reshape(2, 3)) for name, code in TYPES.items()}
upper_halves = (np.arange(6, dtype="<f4").view("<u4") >> 16).astype("<u2")
arrays["a.bfloat16"] = "bfloat16", upper_halves.reshape(2, 3)
arrays["scalar"] = "float32", np.array(0.5, "<f4")
arrays["empty"] = "float32", np.zeros((0, 4), "<f4")
arrays["größe"] = "uint8", np.array([7], "u1")
tensors = {key: TensorSpec(dtype=name, shape=list(array.shape), data_ptr=array.ctypes.data, data_len=array.nbytes)
           for key, (name, array) in arrays.items()}
serialize_file(tensors, str(pathlib.Path(__file__).parent / "reference.safetensors"), {"note": 'quoted "text"'})
