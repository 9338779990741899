#!/usr/bin/env python3
"""GPT-2's byte-pair encoding of a text by our program and by tiktoken, in turn, each on one thread.

    python -m pip install tiktoken
    python bench/byte_pair_encoding.py build/release/bench/byte_pair_encoding VOCABULARY_FOLDER TEXT [--passes 7]

The tokens must be the same. Prints the medians of the seconds and their ratio (tiktoken over ours: above 1 ours is
faster). Build the program with: ninja -C build/release bench_byte_pair_encoding
"""
import argparse
import array
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tiktoken
from tiktoken.load import data_gym_to_mergeable_bpe_ranks
from tiktoken_ext.openai_public import r50k_pat_str


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--passes", type=int, default=7)
    arguments = parser.parse_args()
    ranks = data_gym_to_mergeable_bpe_ranks(vocab_bpe_file=str(arguments.vocabulary / "vocab.bpe"),
                                            encoder_json_file=str(arguments.vocabulary / "encoder.json"))
    encoding = tiktoken.Encoding("gpt2", explicit_n_vocab=50257, pat_str=r50k_pat_str, mergeable_ranks=ranks,
                                 special_tokens={"<|endoftext|>": 50256})
    text = arguments.text.read_bytes().decode()
    with tempfile.NamedTemporaryFile() as tokens, subprocess.Popen(
            [arguments.program, arguments.vocabulary, arguments.text, tokens.name], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True) as process:
        if process.stdout.readline().strip() != "ready":
            sys.exit("the program did not start")
        if array.array("H", Path(tokens.name).read_bytes()).tolist() != encoding.encode_ordinary(text):
            sys.exit("the tokens differ")

        def ours():
            process.stdin.write("\n")
            process.stdin.flush()
            return float(process.stdout.readline().split()[0])

        def theirs():
            start = time.perf_counter()
            encoding.encode_ordinary(text)
            return time.perf_counter() - start

        pairs = [(ours(), theirs()) for _ in range(arguments.passes)]
        process.stdin.close()
    mine, other = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    ratios = sorted(pair[1] / pair[0] for pair in pairs)
    size = arguments.text.stat().st_size / 1e6
    print(f"{size:.2f} MB, same tokens; laser {size / mine:.1f} MB/s, tiktoken {tiktoken.__version__} {size / other:.1f} "
          f"MB/s, ratio {statistics.median(ratios):.2f} (passes {ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
