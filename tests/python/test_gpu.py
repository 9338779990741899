"""On an NVIDIA GPU: the round by torch's operations there against that of the CPU, the hook under NCCL, and no wait for the device
inside a round. Skipped where there is none; LASER_DEVICE=cpu runs the comparisons without one (scripts/gpu.sh --rehearse)."""

import os
import tempfile
import unittest
import warnings

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import laser
from laser.device_round import DeviceRound
from laser.native import core, pairs

DEVICE = os.environ.get("LASER_DEVICE", "cuda")
SHAPES = [("weight", [64, 96]), ("bias", [64]), ("kernel", [16, 8, 3, 3])]
SIZES = [torch.Size(shape).numel() for _, shape in SHAPES]
SIZE = sum(SIZES)
CASES = [{}, {"transport": "two_phase"}, {"transport": "one_shot"}, {"method": "zsgd"}, {"method": "signum"}, {"method": "randomk"},
         {"method": "sketch"}, {"method": "adsgd", "compression_factor": 0.1}, {"method": "sgd"}, {"receiver": "mmse"},
         {"memory": "bfloat16"}, {"channel": "csit_trunc"}, {"participation": 0.7}]


@unittest.skipUnless(DEVICE == "cpu" or torch.cuda.is_available(), "no NVIDIA GPU")
class OnTheDevice(unittest.TestCase):
    def test_rounds_have_the_numbers_of_the_cpu(self):
        for settings in CASES:
            given = pairs({"workers": 3, "compress": "always", "rank": 4, **settings})
            here = core.Aggregator(SHAPES, given, None, False, 7, {})  # the compiled round, where there is a compiled core
            there = DeviceRound(SHAPES, core.settings(given), 3, 7, DEVICE)
            for number in range(4):
                gradients = torch.randn(3, SIZE, generator=torch.Generator().manual_seed(number))
                expected = here.round(number, 1e4, [part.contiguous() for part in gradients.split(SIZES, 1)])
                found = there.round(number, 1e4, gradients.to(DEVICE))
                self.assertEqual(found.device.type, DEVICE)
                limit = 1e-2 if "memory" in settings else 1e-3  # error feedback amplifies rounding
                self.assertLess(((found.cpu() - expected).norm() / expected.norm()).item(), limit, (settings, number))
            energy = there.report()["energy"]
            self.assertLessEqual(max(energy), 1e4 * (1 + 1e-4), settings)

    def test_normal_numbers_are_those_of_the_cpu(self):
        ones = torch.ones(1, 200_000)
        given = pairs({"workers": 1, "method": "zsgd", "allocation": "uniform"})
        here = core.Aggregator([("flat", [200_000])], given, None, False, 3, {})
        there = DeviceRound([("flat", [200_000])], core.settings(given), 1, 3, DEVICE)
        noise = [here.round(0, 2e5, [ones]) - 1, there.round(0, 2e5, ones.to(DEVICE)).cpu() - 1]
        self.assertAlmostEqual(noise[1].std().item(), 1.0, delta=0.01)  # six standard errors
        self.assertLess((noise[0] - noise[1]).abs().max().item(), 1e-5)

    def test_a_round_does_not_wait_for_the_device(self):
        if DEVICE != "cuda":
            self.skipTest("the CPU is waited for in any case")
        whole = core.settings(pairs({"workers": 2, "compress": "always", "rank": 4}))
        one = DeviceRound(SHAPES, whole, 2, 7, DEVICE)
        gradients = torch.randn(2, SIZE, device=DEVICE)
        one.round(0, 1e4, gradients)
        one.round(1, 1e4, gradients)
        torch.cuda.set_sync_debug_mode("error")
        try:
            for number in range(2, 6):
                one.round(number, 1e4, gradients)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    def test_the_hook_trains_there(self):
        warnings.simplefilter("ignore")
        with tempfile.NamedTemporaryFile() as store:
            dist.init_process_group("nccl" if DEVICE == "cuda" else "gloo", store=dist.FileStore(store.name, 1), rank=0, world_size=1)
            try:
                torch.manual_seed(1)
                model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10)).to(DEVICE)
                ddp = DistributedDataParallel(model)
                state = laser.LaserState(ddp, rank=4, power=1e6, start_iter=1)
                ddp.register_comm_hook(state, laser.laser_hook)
                optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
                state.protect(optimizer)
                inputs = torch.randn(256, 32, device=DEVICE)
                targets = inputs[:, :10].argmax(1)
                losses = []
                for _ in range(60):
                    optimizer.zero_grad()
                    loss = nn.functional.cross_entropy(ddp(inputs), targets)
                    loss.backward()
                    optimizer.step()
                    losses.append(loss.item())
                self.assertLess(losses[-1], 0.9 * losses[0])
                self.assertEqual(state.iteration, 60)
                self.assertTrue(all(p.grad.device.type == DEVICE for p in model.parameters()))
            finally:
                dist.destroy_process_group()


if __name__ == "__main__":
    unittest.main()
