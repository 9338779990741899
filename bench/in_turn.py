"""Steps of one of our programs and of PyTorch, in turn (gpt2_step.py, resnet18_step.py).

The program's last argument is a file that it fills with what both sides need; it says "ready", and then answers every line
with the numbers of one step.
"""
import os
import subprocess
import sys
import tempfile


def with_passive_waits():
    """Starts this script again where idle threads of one side would spin on the cores of the other."""
    if "OMP_WAIT_POLICY" not in os.environ:  # read by OpenMP when it is loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], dict(os.environ, OMP_WAIT_POLICY="passive"))


def pairs_of_steps(program, numbers, reference, steps):
    """[(ours, theirs)] of 1 + `steps` steps, the first to warm up. `reference(path)` makes PyTorch's step from the file."""
    environment = dict(os.environ, OMP_WAIT_POLICY="passive")
    with tempfile.NamedTemporaryFile() as shared:
        with subprocess.Popen([program, *map(str, numbers), shared.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, env=environment) as process:
            if process.stdout.readline().strip() != "ready":
                sys.exit("the program did not start")

            def ours():
                process.stdin.write("\n")
                process.stdin.flush()
                return tuple(map(float, process.stdout.readline().split()))

            theirs = reference(shared.name)
            pairs = [(ours(), theirs()) for _ in range(1 + steps)]
            process.stdin.close()
    return pairs
