"""Passes without an estimate and the steps after them, loss scales, and the histories of a folder of shards."""

import os
import shutil
import tempfile
import unittest
import warnings
from pathlib import Path

from jobs import Job, run

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import laser


def hooked(model=None, **options):
    torch.manual_seed(1)
    model = model or nn.Sequential(nn.Linear(32, 32), nn.Linear(32, 4))
    ddp = DistributedDataParallel(model)
    state = laser.LaserState(ddp, **{"rank": 2, "power": 1e3, "start_iter": 0, **options})
    ddp.register_comm_hook(state, laser.laser_hook)
    return ddp, state


def weights_of(ddp):
    return torch.cat([p.detach().reshape(-1) for p in ddp.parameters()])


def memory_of(state):
    return {name: value for name, value in state.state_dict().items() if torch.is_tensor(value)}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9, weight_decay=0.01),
    "lbfgs": lambda p: torch.optim.LBFGS(p, lr=0.1),
}


def unheard(rank, name, closure, options):
    """Whether weights moved in the passes that nobody heard, whether in the others; how many of each."""
    warnings.simplefilter("ignore")
    ddp, state = hooked(**options)
    optimizer = OPTIMIZERS[name](ddp.parameters())
    state.protect(optimizer)
    quiet, loud = [], []
    for step in range(14):
        before = weights_of(ddp)
        inputs = torch.randn(8, 32, generator=torch.Generator().manual_seed(20 * step + rank))

        def loss():
            optimizer.zero_grad()
            value = ddp(inputs).square().mean()
            value.backward()
            return value

        optimizer.step(loss) if closure else (loss(), optimizer.step())
        (quiet if state.skipped else loud).append(not torch.equal(before, weights_of(ddp)))
        assert state.report["unheard"] == state.skipped
        if "loss_rate" in options:
            assert min(state.report["energy"]) > 0, "what is lost was sent"
    return quiet, loud, state.skips, torch.equal(*both(weights_of(ddp)))


def both(value):
    rows = [torch.empty_like(value) for _ in range(dist.get_world_size())]
    dist.all_gather(rows, value)
    return rows[0], rows[-1]


class Unheard(unittest.TestCase):
    def test_no_optimizer_moves_a_weight(self):
        for name, closure in [*((name, False) for name in OPTIMIZERS if name != "lbfgs"), ("sgd", True), ("adamw", True)]:
            for options in ({"loss_rate": 0.6}, {"channel": "csit_trunc", "least_gain": 1.2, "method": "zsgd"},
                            {"power": lambda t: 1e3 * (t % 3 != 1)}):
                if name != "sgd" and "loss_rate" not in options:
                    continue
                for quiet, loud, skips, agree in run(2, unheard, name, closure, options):
                    self.assertGreater(len(quiet), 1, f"{name} {options}")
                    self.assertGreater(len(loud), 1)
                    self.assertFalse(any(quiet), name)
                    self.assertTrue(all(loud) and agree, name)
                    self.assertEqual(skips, len(quiet))

    def test_a_step_of_two_passes_is_left_out_where_nobody_heard_either(self):
        for moved, heard in run(1, accumulated):
            self.assertEqual(moved, heard)
            self.assertEqual(set(heard), {True, False})

    def test_it_is_told_where_no_optimizer_is_protected(self):
        self.assertRegex("\n".join(run(1, unprotected)[0]), r"nobody was heard in iteration \d+.*HINT: state\.protect")

    def test_another_model_s_weights_still_move(self):
        self.assertEqual(run(1, one_of_two), [(False, True)])


def accumulated(rank):
    warnings.simplefilter("ignore")
    ddp, state = hooked(power=lambda t: 1e3 * (t % 8 in (1, 2, 7)))
    optimizer = OPTIMIZERS["sgd"](ddp.parameters())
    state.protect(optimizer)
    moved, heard = [], []
    for _ in range(4):
        before, count = weights_of(ddp), 0
        optimizer.zero_grad()
        for _ in range(2):
            ddp(torch.randn(8, 32)).square().mean().backward()
            count += not state.skipped
        optimizer.step()
        moved.append(not torch.equal(before, weights_of(ddp)))
        heard.append(count > 0)
    return moved, heard


def unprotected(rank):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ddp, _ = hooked(loss_rate=0.9)
        for _ in range(4):
            ddp(torch.randn(8, 32)).square().mean().backward()
    return [str(one.message) for one in caught]


def one_of_two(rank):
    """Two models, one optimizer; nobody hears the first."""
    warnings.simplefilter("ignore")
    (first, quiet), (second, loud) = hooked(power=lambda t: 0.0), hooked()
    optimizer = OPTIMIZERS["sgd"]([*first.parameters(), *second.parameters()])
    quiet.protect(optimizer)
    loud.protect(optimizer)
    before = weights_of(first), weights_of(second)
    (first(torch.ones(4, 32)).square().mean() + second(torch.ones(4, 32)).square().mean()).backward()
    optimizer.step()
    return not torch.equal(before[0], weights_of(first)), not torch.equal(before[1], weights_of(second))


def scaled(rank, steps, scaler_options, spoil=(), attach=True, hook=True, **options):
    """Weights, memory, and the scale after every step."""
    warnings.simplefilter("ignore")
    ddp, state = hooked(**options) if hook else (DistributedDataParallel(hooked()[0].module), None)
    optimizer = OPTIMIZERS["sgd"](ddp.parameters())
    scaler = torch.amp.GradScaler("cpu", **scaler_options) if scaler_options is not None else None
    if scaler and attach and hook:
        state.attach_scaler(scaler)
    scales, kept = [], True
    for step in range(steps):
        optimizer.zero_grad()
        loss = ddp(torch.randn(8, 32, generator=torch.Generator().manual_seed(20 * step + rank))).square().mean()
        if (rank, step) in spoil:
            loss = loss * float("inf")
        before = memory_of(state), weights_of(ddp) if state else None
        (scaler.scale(loss) if scaler else loss).backward()
        if scaler:
            scaler.step(optimizer)
            scaler.update()
            scales.append(scaler.get_scale())
        else:
            optimizer.step()
        if any(one[1] == step for one in spoil) and state:
            kept = kept and same(before[0], memory_of(state)) and torch.equal(before[1], weights_of(ddp))
    return weights_of(ddp), memory_of(state) if state else {}, scales, kept


def scaled_plainly(rank, steps, scaler_options, spoil=()):
    model = nn.Sequential(nn.Linear(32, 32), nn.Linear(32, 4))
    ddp = DistributedDataParallel(model)
    optimizer = OPTIMIZERS["sgd"](ddp.parameters())
    scaler = torch.amp.GradScaler("cpu", **scaler_options)
    scales = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = ddp(torch.randn(8, 32)).square().mean() * (float("inf") if (rank, step) in spoil else 1.0)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    return scales


class LossScales(unittest.TestCase):
    def test_training_is_that_without_a_scale_bit_for_bit(self):
        for options in {}, {"method": "randomk"}, {"feedback": "decoded"}, {"channel": "none"}, {"start_iter": 3}:
            plain = run(2, scaled, 9, None, (), True, True)[0] if not options else run(2, scaled_with, 9, None, options)[0]
            grown = run(2, scaled_with, 9, {"init_scale": 2.0**8, "growth_interval": 2}, options)[0]
            self.assertEqual(grown[2][-1], 2.0**12)
            self.assertTrue(torch.equal(plain[0], grown[0]), str(options))
            self.assertTrue(same(plain[1], grown[1]), str(options))

    def test_the_scale_moves_as_under_plain_ddp(self):
        spoil = ((1, 2), (0, 5), (1, 6))
        options = {"init_scale": 2.0**16, "growth_interval": 2}
        plain = run(2, scaled_plainly, 10, options, spoil)
        for attach in True, False:
            for weights, _, scales, kept in run(2, scaled, 10, options, spoil, attach):
                self.assertEqual(scales, plain[0])
                self.assertTrue(kept)
                self.assertTrue(weights.isfinite().all())

    def test_a_scaler_that_is_not_attached_is_told(self):
        self.assertRegex("\n".join(run(1, unattached)[0]), r"there is a GradScaler.*HINT: state\.attach_scaler\(scaler\)")


def scaled_with(rank, steps, scaler_options, options):
    return scaled(rank, steps, scaler_options, **options)


def unattached(rank):
    scaler = torch.amp.GradScaler("cpu")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ddp, _ = hooked()
        scaler.scale(ddp(torch.ones(2, 32)).sum()).backward()
    return [str(one.message) for one in caught]


def go(rank, folder, plan, **options):
    """Acts on one state: numbers are passes, "save" and "load" shards, ("load", 4) an iteration; what load returned, the
    iterations of this rank's files after each save, and the weights' digest."""
    warnings.simplefilter("ignore")
    ddp, state = hooked(**options)
    told = []
    for act in plan:
        if isinstance(act, int):
            for _ in range(act):
                generator = torch.Generator().manual_seed(10 * state.iteration + rank)
                ddp.zero_grad()
                ddp(torch.randn(8, 32, generator=generator)).square().mean().backward()
        elif act == "save":
            path = state.save(folder)
            dist.barrier()
            assert path.is_file(), "what was just written is there"
            told.append(sorted({int(file.name.split("-")[1]) for file in Path(folder).glob(f"laser-*-rank-{rank:04d}-*")}))
        elif act == "load":
            told.append(state.load(folder))
        else:
            told.append(state.load(folder, iteration=act[1]))
    return told, memory_of(state), state.run


class Traffic(unittest.TestCase):
    def test_a_rank_sends_each_symbol_once_however_many_ranks_there_are(self):
        for ranks in 2, 4:
            for name, report, bytes_of_exact in run(ranks, traffic)[0]:
                ideal = 2 * (ranks - 1) / ranks * 4 * report["symbols"]  # of an all-reduce of the symbols
                self.assertLess(report["wire_bytes"], 1.1 * ideal + 2000, name)  # norms and energies beside them
                self.assertGreaterEqual(report["wire_bytes"], ideal, name)
                self.assertGreater(bytes_of_exact, (ranks - 0.2) * ideal, name)

    def test_what_is_counted_is_what_the_exchanges_send(self):
        for counted, reported in run(3, by_hand):
            self.assertEqual(counted, reported)

    def test_both_exchanges_give_the_same_to_rounding(self):
        for fast, exact in run(3, both_exchanges):
            self.assertLess(((fast - exact).norm() / exact.norm()).item(), 1e-5)
            self.assertFalse(torch.equal(fast, torch.zeros_like(fast)))


def traffic(rank):
    warnings.simplefilter("ignore")
    told = []
    for name, options in {"laser": {}, "two_phase": {"transport": "two_phase"}, "zsgd": {"method": "zsgd"},
                          "exact average": {"start_iter": 9}, "signum": {"method": "signum"}}.items():
        reports = []
        for exchange in "fast", "exact":
            ddp, state = hooked(nn.Linear(400, 400, bias=False), exchange=exchange, rank=4, **options)
            ddp(torch.randn(4, 400)).square().mean().backward()
            reports.append(state.report)
        if name != "exact average":
            told.append((name, reports[0], reports[1]["wire_bytes"]))
    return told


def by_hand(rank):
    """Bytes that the collectives of a round send with their ring and pairwise algorithms, counted where they are called."""
    from unittest import mock

    from laser import processes

    warnings.simplefilter("ignore")
    ddp, state = hooked()
    count, ranks, gather = [0], dist.get_world_size(), processes._all_gather

    def all_to_all(heard, sent, group):
        count[0] += sent.numel() * sent.element_size() * (ranks - 1) // ranks
        return dist.all_to_all_single(heard, sent, group=group)

    def all_gather(rows, row, group):
        count[0] += row.numel() * row.element_size() * (ranks - 1)
        return gather(rows, row, group=group)

    with mock.patch.object(processes, "dist", mock.Mock(wraps=dist, all_to_all_single=all_to_all)), \
            mock.patch.object(processes, "_all_gather", all_gather):
        ddp(torch.randn(4, 32)).square().mean().backward()
    return count[0], state.report["wire_bytes"]


def both_exchanges(rank):
    warnings.simplefilter("ignore")
    gradients = []
    for exchange in "fast", "exact":
        ddp, _ = hooked(exchange=exchange, stream=0)
        inputs = torch.randn(4, 32, generator=torch.Generator().manual_seed(rank))
        ddp(inputs).square().mean().backward()
        gradients.append(torch.cat([p.grad.reshape(-1) for p in ddp.parameters()]))
    return gradients


class Histories(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="laser-shards-")
        self.addCleanup(shutil.rmtree, self.folder)

    def test_another_run_s_shards_are_neither_deleted_nor_mistaken(self):
        run(2, go, self.folder, [30, "save", 10, "save"])
        for told, _, _ in run(2, go, self.folder, [2, "save", 2, "save", 2, "save"]):
            self.assertEqual(told, [[2, 30, 40], [2, 4, 30, 40], [4, 6, 30, 40]])
        self.assertEqual(run(2, go, self.folder, ["load"])[0][0], [6])
        self.assertEqual(run(2, go, self.folder, [("load", 30)])[1][0], [30])

    def test_an_iteration_gone_back_to(self):
        first = run(2, go, self.folder, [4, "save", 4, "save"])
        told, _, branch = run(2, go, self.folder, [("load", 4), 1, "save"])[0]
        self.assertEqual(told, [4, [4, 5]])  # not 8, which was left
        self.assertNotEqual(branch, first[0][2])
        self.assertEqual(run(2, go, self.folder, ["load"])[0][0], [5])
        for told, _, _ in run(2, go, self.folder, ["load", 3, "save", 2, "save"]):
            self.assertEqual(told, [5, [5, 8], [8, 10]])

    def test_what_is_loaded_goes_on_bit_for_bit(self):
        whole = run(2, go, self.folder, [4, "save", 5])
        for (_, memory, _), (_, expected, _) in zip(run(2, go, self.folder, [("load", 4), 5]), whole):
            self.assertTrue(same(memory, expected))

    def test_a_rank_that_wrote_less_decides(self):
        run(2, go, self.folder, [4, "save", 4, "save"])
        for path in Path(self.folder).glob("laser-00000008-rank-0001-*"):
            path.unlink()
        self.assertEqual([told for told, _, _ in run(2, go, self.folder, ["load", 2, "save"])], [[4, [4, 6]], [4, [4, 6]]])
        self.assertEqual(run(2, go, self.folder, ["load"])[0][0], [6])

    def test_another_number_of_ranks_is_refused(self):
        run(2, go, self.folder, [4, "save"])
        for ranks in 1, 3:
            for plan in ["load"], [("load", 4)]:
                job = Job(ranks, go, self.folder, plan).join(60)
                for problem in job.errors:
                    self.assertRegex(problem, rf"Error\(4\): .* is of 2 ranks .*, and this job has {ranks}: error memories "
                                     r"can't be moved to another number of ranks\. HINT")
        run(3, go, self.folder, [2, "save"])
        self.assertEqual(run(3, go, self.folder, ["load"])[2][0], [2])
        self.assertRegex(Job(2, go, self.folder, ["load"]).join(60).errors[1], "is of 3 ranks")
        self.assertEqual(run(2, go, self.folder, [("load", 4)])[0][0], [4])

    def test_what_is_not_there_or_not_a_shard_is_told(self):
        self.assertEqual(run(2, go, self.folder, ["load"])[0][0], [0])
        run(2, go, self.folder, [4, "save"])
        self.assertRegex(Job(2, go, self.folder, [("load", 5)]).join(60).errors[0],
                         r"Error\(4\): .* has no iteration 5 of every rank; it has 4\. HINT")
        for path in sorted(Path(self.folder).glob("laser-*")):
            os.rename(path, path.with_name(path.name.replace("laser-00000004", "laser-00000007")))
        self.assertRegex(Job(2, go, self.folder, ["load"]).join(60).errors[0], r"Error\(4\): .*of another run than its name")
        for path in sorted(Path(self.folder).glob("laser-*")):
            os.rename(path, path.with_name(path.name.split("-save-")[0] + ".safetensors"))
        self.assertRegex(Job(2, go, self.folder, ["load"]).join(60).errors[0], r"Error\(4\): the shards in .* are of laser 0\.1")

    def test_several_states_in_one_folder(self):
        for loaded, refused, crowded in run(2, several, self.folder):
            self.assertEqual(loaded, [3, 5])
            self.assertRegex(refused, r"^the saved state is of other shapes")
            self.assertRegex(crowded, r"another LaserState of this process saves into .*HINT: a folder for each, or .*name=")


def several(rank, folder):
    warnings.simplefilter("ignore")
    states = [hooked(nn.Linear(32, n), name=name) for n, name in ((16, "encoder"), (24, "decoder"))]
    for (ddp, state), steps in zip(states, (3, 5)):
        for _ in range(steps):
            ddp(torch.ones(2, 32)).sum().backward()
        state.save(folder)
    dist.barrier()
    loaded = [state.load(folder) for _, state in states]
    problems = []
    impostor = hooked(nn.Linear(32, 24), name="encoder")[1]
    for act in (impostor.load, impostor.save):
        try:
            act(folder)
            problems.append("accepted")
        except laser.Error as problem:
            problems.append(str(problem))
        dist.barrier()
    return loaded, *problems


if __name__ == "__main__":
    unittest.main()
