"""Jobs of several processes on this machine for the tests: forked, so that torch is loaded once, and joined by Gloo."""

import multiprocessing
import os
import tempfile
import time
import traceback
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process that has started threads can't be forked

import torch  # noqa: E402
import torch._dynamo  # noqa: E402, F401  (which DistributedDataParallel imports: once here, not in every rank)
import torch.distributed as dist  # noqa: E402

torch.set_num_threads(1)
fork = multiprocessing.get_context("fork")


class Job:
    """Calls work(rank, *arguments) in every rank; what each returned or raised is in `results` and `errors`."""

    def __init__(self, ranks, work, *arguments):
        self._folder = tempfile.TemporaryDirectory(prefix="laser-job-")
        self._folder_path = Path(self._folder.name)
        self.processes = [fork.Process(target=self._run, args=(rank, ranks, work, arguments)) for rank in range(ranks)]
        for process in self.processes:
            process.start()

    def _run(self, rank, ranks, work, arguments):
        code = 1
        try:
            dist.init_process_group("gloo", store=dist.FileStore(str(self._folder_path / "store"), ranks), rank=rank,
                                    world_size=ranks)
            result = (work(rank, *arguments), None)
            code = 0
        except Exception as problem:  # handed to the test
            result = (None, f"{type(problem).__name__}({getattr(problem, 'exit_code', '')}): {problem}")
            if os.environ.get("LASER_TEST_TRACE"):
                traceback.print_exc()
        torch.save(result, self._folder_path / f"part-{rank}")
        os.rename(self._folder_path / f"part-{rank}", self._folder_path / f"result-{rank}")
        os._exit(code)

    def join(self, seconds=120):
        """Waits; a process that has not ended by then is ended and counts as hanging."""
        deadline = time.time() + seconds
        for process in self.processes:
            process.join(max(0.0, deadline - time.time()))
        self.hanging = [rank for rank, process in enumerate(self.processes) if process.is_alive()]
        for rank in self.hanging:
            self.processes[rank].kill()
            self.processes[rank].join()
        self.codes = [process.exitcode for process in self.processes]
        self.results, self.errors = [], []
        for rank in range(len(self.processes)):
            path = self._folder_path / f"result-{rank}"
            result, problem = torch.load(path, weights_only=False) if path.is_file() else (None, None)
            self.results.append(result)
            self.errors.append(problem)
        self._folder.cleanup()
        return self


def run(ranks, work, *arguments):
    """The results of a job that must succeed."""
    job = Job(ranks, work, *arguments).join()
    if job.hanging or any(job.codes):
        raise AssertionError(f"hanging: {job.hanging}, codes: {job.codes}, errors: {job.errors}")
    return job.results
