"""Writes formula-cases.json: known answers beside theory-cases.json, computed a second time and in another way.

Data volumes are the table of spec 7 as printed. The other values come from 60-digit decimal arithmetic on the
defining formulas (the minimiser of Lemma 7 is searched, not solved), so neither rounding nor algebra is shared with
the C++ code. Run: python3 make_formula_cases.py > formula-cases.json
"""
import json
from decimal import Decimal as D, getcontext

getcontext().prec = 60
cases = []


def add(kind, name, inputs, expected, rel=1e-9, absolute=1e-300):
    def plain(value):
        if isinstance(value, list):
            return [plain(v) for v in value]
        return float(value) if isinstance(value, D) else value

    cases.append({"name": name, "kind": kind, "inputs": inputs, "expected": {k: plain(v) for k, v in expected.items()},
                  "tolerance": {"rel": rel, "abs": absolute}})


def minimise_split(m, n, power):
    """alpha that minimises (1 + m/alpha)(1 + n/(P - alpha)): bisection on the sign of its logarithmic derivative."""
    m, n, power = D(m), D(n), D(power)
    low, high = D(0), power
    for _ in range(190):
        alpha = (low + high) / 2
        beta = power - alpha
        slope = -m / (alpha * (alpha + m)) + n / (beta * (beta + n))
        low, high = (alpha, high) if slope < 0 else (low, alpha)
    f = (1 + m / alpha) * (1 + n / (power - alpha))
    return alpha, power - alpha, f


def alpha_beta(m, n, power):
    alpha, beta, f = minimise_split(m, n, power)
    m_, n_, p_ = D(m), D(n), D(power)
    bound = 4 * max(m_, n_) / p_ + 4 * m_ * n_ / p_ ** 2
    add("alpha_beta", f"alpha_beta_m{m}_n{n}_P{power}", {"m": m, "n": n, "P": float(D(power))},
        {"alpha": alpha, "beta": beta, "f_star": f, "lambda_star": f - 1, "lambda_bound": bound,
         "alpha_fraction": alpha / p_})


for case in [(1, 1, "1"), (64, 65, "0.0001"), (50304, 768, "10000"), (10, 784, "1e-9"), (512, 4608, "1e12"),
             (7, 3, "2.5"), (1, 1000000, "30"), (5, 5, "1e9")]:
    alpha_beta(*case)


def rank_alloc(m, n, power, kappa):
    kappas = [D(str(k)) for k in kappa]
    roots = [k.sqrt() for k in kappas]
    energies = [D(power) * root / sum(roots) for root in roots]
    splits = [minimise_split(m, n, e) if e > 0 else (D(0), D(0), D(0)) for e in energies]
    r = len(kappa)
    bound = 4 * r * D(max(m, n)) / D(power) + 4 * r * r * D(m) * D(n) / D(power) ** 2
    # A skipped column sends nothing and has nothing to lose; the weights of the others sum to 1.
    add("rank_alloc", f"rank_alloc_m{m}_n{n}_P{power}_r{r}", {"m": m, "n": n, "P": float(D(power)), "kappa": kappa},
        {"P_i": energies, "alpha": [s[0] for s in splits], "beta": [s[1] for s in splits],
         "lambda_exact": sum(k * s[2] for k, s in zip(kappas, splits)) - 1, "lambda_bound": bound})


rank_alloc(768, 64, "5", [0.6, 0.3, 0.1])
rank_alloc(10, 784, "10", [1.0])
rank_alloc(20, 30, "100", [0.5, 0.0, 0.5])
rank_alloc(64, 64, "1e10", [0.9, 0.099, 0.001])

MODELS = {"gpt2": 123980544, "resnet18_cifar10": 11173962, "mnist_linear": 7850, "resnet18_cifar100": 11220132}
TABLE = {  # spec 7: symbols
    "gpt2": {1: 219008, 2: 418816, 4: 818432, 8: 1617664, 16: 3216128, 32: 6413056},
    "resnet18_cifar10": {1: 45935, 2: 82260, 4: 154910, 8: 300210, 16: 587578, 32: 1159242},
    "mnist_linear": {1: 804, 2: 1598, 4: 3186, 8: 6362, 16: 7850, 32: 7850},
}


def volume(name, inputs, dense, symbols, size=None):
    size = 4 * symbols if size is None else size
    add("volume", name, inputs, {"symbols": symbols, "bytes": size, "dense_floats": dense,
                                 "compression_ratio": 4 * dense / size}, absolute=0)


for model, dense in MODELS.items():
    volume(f"{model}_zsgd", {"algorithm": "zsgd", "model": model}, dense, dense)
    volume(f"{model}_signum", {"algorithm": "signum", "model": model}, dense, dense, -(-dense // 8))
    for rank, symbols in TABLE.get(model, {}).items():
        for scheme in ("laser_two_phase", "laser_one_shot"):
            volume(f"{model}_{scheme}_r{rank}", {"algorithm": scheme, "model": model, "rank": rank}, dense, symbols)
for model, rank, even, odd in [("gpt2", 4, 283392, 554240), ("resnet18_cifar10", 4, 135670, 28850),
                               ("mnist_linear", 2, 1578, 30)]:
    volume(f"{model}_even", {"algorithm": "laser_alt_even", "model": model, "rank": rank}, MODELS[model], even)
    volume(f"{model}_odd", {"algorithm": "laser_alt_odd", "model": model, "rank": rank}, MODELS[model], odd)
for model, factor, symbols in [("gpt2", 0.2, 24796074), ("resnet18_cifar10", 0.2, 2234762), ("mnist_linear", 0.1, 785)]:
    for scheme in ("randomk", "sketch"):
        volume(f"{model}_{scheme}", {"algorithm": scheme, "model": model, "compression_factor": factor},
               MODELS[model], symbols)
# By hand: 100 * 0.29 is 29 although 0.29 * 100 in binary is below it; 3 * 0.1 is below 1 and counts as 1; a 30 x 4
# matrix with rank 9 has r_l = 4 and 120 < 4 * 34, so it is sent whole; 5 numbers need one byte of signs.
volume("tall_factor", {"algorithm": "laser_alt_odd", "shapes": [[300, 4], [7]], "rank": 2}, 1207, 2 * 300 + 7)
volume("rank_above_dimensions", {"algorithm": "laser_two_phase", "shapes": [[30, 4], [9]], "rank": 9}, 129, 129)
volume("floor_of_product", {"algorithm": "randomk", "shapes": [[10, 10], [3]], "compression_factor": 0.29}, 103, 29 + 1)
volume("adsgd_floor", {"algorithm": "adsgd", "shapes": [[3]], "compression_factor": 0.1}, 3, 1)
volume("sign_bytes", {"algorithm": "signum", "shapes": [[5]]}, 5, 5, 1)

# Policies, by hand.
add("policy", "step_up_T3", {"policy": "step_up", "T": 3, "P": 7, "t": [0, 1, 2]},
    {"P_t": [D(7) * 3 * level / (1 + 2 + 4) for level in (1, 2, 4)], "mean": 7.0})
add("policy", "step_down_T1", {"policy": "step_down", "T": 1, "P": 2.5, "t": [0]}, {"P_t": [2.5], "mean": 2.5})
add("policy", "linear_down_T2", {"policy": "linear_down", "T": 2, "P": 3, "t": [0, 1]}, {"P_t": [5.0, 1.0], "mean": 3.0})
add("policy", "custom_T3", {"policy": "custom", "T": 3, "P": 2, "values": [1, 0, 5], "t": [0, 1, 2]},
    {"P_t": [1.0, 0.0, 5.0], "mean": 2.0})

# noise_std, by hand: equation (2) with p = 100 share, c = max over the workers, k = 2.
add("noise_std", "norm_dim", {"norms": [[1, 2], [1, 2]], "P": 100, "allocation": "norm_dim", "dims": [16, 1]},
    {"p": [D(400) / 6, D(200) / 6], "c": [1, 2], "sigma": [D(1) / (2 * (D(400) / 6).sqrt()), D(1) / (D(200) / 6).sqrt()],
     "worker_energy": [100, 100]})
add("noise_std", "all_zero_worker", {"norms": [[0, 0], [3, 1]], "P": 8, "allocation": "norm"},
    {"p": [5, 3], "c": [3, 1], "sigma": [D(3) / (2 * D(5).sqrt()), D(1) / (2 * D(3).sqrt())], "worker_energy": [0, 8]})
add("noise_std", "param_one_block", {"norms": [[4]], "P": 16, "allocation": "param", "dims": [9]},
    {"p": [16], "c": [4], "sigma": [1], "worker_energy": [16]})

# Learning rates: defaults of spec 5; T = 100 puts the peak at u = 1.
add("lr_onecycle", "defaults", {"total_steps": 100, "max_lr": 0.5, "steps": [0, 1, 50, 99]},
    {"lr": [0.005, 0.5, 0.3, 0.1]})
add("lr_multistep", "no_milestones", {"base_lr": 0.3, "milestones": [], "gamma": 0.1, "epochs": [0, 7]},
    {"lr": [0.3, 0.3]})

# lambda for a tall matrix: min and max take the roles of m and n.
add("lambda", "tall", {"m": 300, "n": 20, "r": 2, "P": 50, "phi": 0.2, "k": 4},
    {"snr": D(50) / 6000, "lambda_zsgd": 120, "lambda_laser_bound": D(4 * 2 * 300) / 50 + D(4 * 4 * 6000) / 2500,
     "bound_ratio": D(8) / 20 + D(16) / 50, "lambda_two_phase": D(40) / 40, "lambda_alt_even": D(40) / 50,
     "lambda_alt_odd": 12, "lambda_zsgd_k_equal": D("7.5"), "lambda_zsgd_k_orthogonal": 30})

print(json.dumps({"version": 1, "conventions": "spec 9; written by make_formula_cases.py", "cases": cases}, indent=1))
