#!/usr/bin/env python3
"""Writes byte_pair_cases.json: what tiktoken's gpt2 makes of texts that are hard to cut, and of all of WikiText-2.

    python3 -m pip install tiktoken==0.14.0
    python3 tests/golden/make_byte_pair_cases.py <folder of encoder.json and vocab.bpe> <folder of WikiText-2>

A case is {text, tokens}, or for long ones {text, repeat, count, sha256}: the hash is of the tokens as 16-bit little
endian numbers. WikiText-2 is [{file, count, sha256}]."""

import hashlib
import json
import pathlib
import random
import sys

import tiktoken
from tiktoken.load import data_gym_to_mergeable_bpe_ranks
from tiktoken_ext.openai_public import r50k_pat_str

# What the classes of the pattern meet: contractions, kinds of white space, letters and digits of many scripts, marks,
# symbols, joiners, direction marks, unassigned and private characters, and parts of the special token.
ATOMS = [
    "'s", "'S", "'t", "'re", "'ve", "'m", "'ll", "'l", "'d", "'", "''", "\u2019s", "`", '"', "I'll", "they've'd", "rock'n'roll",
    " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\v", "\f", "\x00", "\x1c", "\x1f", "\x7f", "\x85", "\u00a0", "\u1680",
    "\u2003", "\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff", "\u00ad",
    "a", "Z", "the", " of", "antidisestablishmentarianism", "\u00e9", "e\u0301", "\u0131", "\u00df", "\u01c5", "\u03a9", "\u0436",
    "\u05d0\u05b8", "\u0639\u0651", "\u0915\u094d\u0937", "\u0e01\u0e33", "\u1100\u1161", "\ud55c", "\u6f22\u5b57", "\u3042",
    "\u30fc", "\u02b0", "\u1d2c", "\U00010400", "\U0001e900", "\U00020000", "\U0002ebf0", "\U000105c0",
    "0", "42", "1234567", "3.14", "\u0663", "\u096b", "\u0e53", "\uff15", "\u00b2", "\u00bd", "\u2167", "\u3007", "\u2460",
    "\U0001d7d8", "\U00010107", "\U00010d40", "_", "-", "--", "...", "\u2026", "\u00bf", "\u2014", "\u20ac", "\u2260", "\u00d7",
    "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\u2764\ufe0f", "\U0001f44d\U0001f3fd",
    "\u200e", "\u202e", "\ufffd", "\ue000", "\U000e0001", "\U0010fffd", "\u0378", "<|endoftext|>", "<|", "|>", "@-@", "<unk>",
    "=", "==", "http://a.b/c?d=e&f", "def f(x):\n    return x\n", "\\n", "#!", "&nbsp;",
]
LONG = [("a", 100000), ("A", 4097), (" ", 100000), ("\n", 65537), ("ab", 50000), ("a ", 30000), ("9", 100000),
        ("!", 100000), ("\u00e9", 30000), ("\u6f22", 20000), ("\U0001f600", 10000), ("\u3000", 20000), ("e\u0301", 20000),
        (" \u00a0", 20000), ("<|endoftext|>", 1000), ("supercalifragilistic", 3000), ("'s", 20000), ("x", 64), ("x", 65)]


def fingerprint(tokens):
    return {"count": len(tokens),
            "sha256": hashlib.sha256(b"".join(t.to_bytes(2, "little") for t in tokens)).hexdigest()}


def main():
    vocabulary, wikitext = map(pathlib.Path, sys.argv[1:3])
    ranks = data_gym_to_mergeable_bpe_ranks(vocab_bpe_file=str(vocabulary / "vocab.bpe"),
                                            encoder_json_file=str(vocabulary / "encoder.json"))
    encoding = tiktoken.Encoding("gpt2", explicit_n_vocab=50257, pat_str=r50k_pat_str, mergeable_ranks=ranks,
                                 special_tokens={"<|endoftext|>": 50256})
    draw = random.Random(1)
    texts = ["", *ATOMS]
    texts += ["".join(draw.choice(ATOMS) for _ in range(draw.randint(2, 12))) for _ in range(600)]
    texts += ["".join(map(chr, draw.choices([*range(0xD800), *range(0xE000, 0x110000)], k=6))) for _ in range(100)]
    cases = [{"text": text, "tokens": encoding.encode_ordinary(text)} for text in texts]
    cases += [{"text": text, "repeat": times, **fingerprint(encoding.encode_ordinary(text * times))} for text, times in LONG]
    # Every character in turn, after a letter and before a digit.
    every = "".join(f"a{chr(c)}1 " for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    files = []
    for name in ("train.txt", "valid.txt", "test.txt"):
        text = (wikitext / name).read_bytes().decode()
        files.append({"file": name, **fingerprint(encoding.encode_ordinary(text))})
    result = {"tiktoken": tiktoken.__version__, "every_character": fingerprint(encoding.encode_ordinary(every)),
              "wikitext2": files, "cases": cases}
    lines = json.dumps({**result, "cases": 0}, indent=1)[:-3].rstrip("0 ")
    body = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    path = pathlib.Path(__file__).with_name("byte_pair_cases.json")
    path.write_text(f"{lines}[\n{body}\n]}}\n")
    json.loads(path.read_text())


if __name__ == "__main__":
    main()
