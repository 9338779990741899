#!/usr/bin/env python3
"""Logits, loss and gradients of a GPT-2 in Python PyTorch, to hold ours against.

    gpt2_reference.py FOLDER...

In each FOLDER model.json: layers, width, heads, biases, tanh_gelu, sequences, length, tensors [[name, shape], ...] in the common
layout; parameters.bin (float), inputs.bin and targets.bin (int64). Writes logits.bin, loss.bin and gradients.bin (float, the
order of the parameters). Standard models are computed by transformers where it is installed, which it then says. Exit code 77:
there is no torch or no numpy."""

import json
import math
import pathlib
import sys

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(error)
    sys.exit(77)


def plain_logits(model, weights, ids):
    def norm(x, name):
        return F.layer_norm(x, x.shape[-1:], weights[name + ".weight"], weights.get(name + ".bias"), 1e-5)

    def linear(x, name):
        y = x @ weights[name + ".weight"]
        return y + weights[name + ".bias"] if model["biases"] else y

    n, length = ids.shape
    x = weights["wte.weight"][ids] + weights["wpe.weight"][:length]
    hidden = torch.full((length, length), -math.inf).triu(1)
    for block in range(model["layers"]):
        h = f"h.{block}."
        q, k, v = linear(norm(x, h + "ln_1"), h + "attn.c_attn").split(model["width"], dim=2)
        q, k, v = (t.view(n, length, model["heads"], -1).transpose(1, 2) for t in (q, k, v))
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]) + hidden
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, length, -1)
        x = x + linear(mixed, h + "attn.c_proj")
        wide = F.gelu(linear(norm(x, h + "ln_2"), h + "mlp.c_fc"), approximate="tanh" if model["tanh_gelu"] else "none")
        x = x + linear(wide, h + "mlp.c_proj")
    return norm(x, "ln_f") @ weights["wte.weight"].T


def transformers_logits(model, weights, ids):
    from transformers import GPT2Config, GPT2LMHeadModel

    print("computed by transformers")
    network = GPT2LMHeadModel(GPT2Config(
        vocab_size=len(weights["wte.weight"]), n_positions=len(weights["wpe.weight"]), n_embd=model["width"],
        n_layer=model["layers"], n_head=model["heads"], resid_pdrop=0, embd_pdrop=0, attn_pdrop=0))
    left, extra = network.transformer.load_state_dict({k: v.detach() for k, v in weights.items()}, strict=False)
    assert not extra and all(name.endswith((".attn.bias", ".attn.masked_bias")) for name in left), (left, extra)
    network.tie_weights()
    named = dict(network.transformer.named_parameters())
    for name in weights:
        weights[name] = named[name]
    return network(ids).logits


def compute_folder(folder):
    model = json.loads((folder / "model.json").read_text())
    values = torch.from_numpy(np.fromfile(folder / "parameters.bin", np.float32))
    sizes = [math.prod(shape) for _, shape in model["tensors"]]
    weights = {name: part.view(shape).clone().requires_grad_()
               for (name, shape), part in zip(model["tensors"], values.split(sizes))}
    shape = (model["sequences"], model["length"])
    inputs, targets = (torch.from_numpy(np.fromfile(folder / f"{name}.bin", np.int64)).view(shape)
                       for name in ("inputs", "targets"))
    compute = plain_logits
    if model["biases"] and model["tanh_gelu"]:
        try:
            import transformers  # noqa: F401

            compute = transformers_logits
        except ImportError:
            pass
    logits = compute(model, weights, inputs)
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    loss.backward()
    gradients = torch.cat([tensor.grad.flatten() for tensor in weights.values()])
    for name, tensor in (("logits", logits), ("loss", loss), ("gradients", gradients)):
        tensor.detach().float().numpy().tofile(folder / f"{name}.bin")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        compute_folder(pathlib.Path(argument))
