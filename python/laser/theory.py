"""The paper's formulas, over single numbers or arrays of them, and data volumes.

m x n is the matrix, ``rank`` r, ``power`` P the energy per worker and round in units of the noise variance for this one tensor.
Each argument may be a number, a list, an array of numpy or a tensor; arrays are broadcast against one another, and the result is an
array of their common shape (a number where all are numbers):

>>> laser.theory.influence_uncompressed(64, 32, power=[100, 1e3, 1e4])
array([20.48  ,  2.048 ,  0.2048])

lambda, the channel influence factor, is noise energy over the energy of the noiseless message [LASER, arXiv 2310.13033, equation
5]; "spec" is this project's specification. Raises ``laser.Error`` for a power that is not above 0, dimensions and numbers of
workers that are not whole numbers of 1 or more, and ranks outside 1 .. min(m, n).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import numpy

from laser import reading
from laser.native import EXIT_CONFIGURATION, core, error, next_step, pairs

Numbers = Any  # a number, or what numpy makes an array of


def _over_arrays(function: Callable[..., float], names: Sequence[str], whole: Sequence[str], values: Sequence[Any]) -> Any:
    """The function at every place of the arrays together."""
    arrays = [numpy.asarray(value) for value in values]
    for name, array in zip(names, arrays):
        if array.dtype.kind not in "iuf":
            raise error(EXIT_CONFIGURATION, f"{name} is of type {array.dtype}. HINT: a number, or an array of numbers")
        if name in whole and array.dtype.kind == "f" and not (array == numpy.floor(array)).all():
            raise error(EXIT_CONFIGURATION, f"{name} = {array} must be whole numbers. HINT: 64, or "
                        "numpy.round(...)")
    try:
        spread = numpy.broadcast_arrays(*arrays)
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(names, arrays))
        raise error(EXIT_CONFIGURATION, f"arrays of these shapes have no common one: {shapes}. HINT: power[:, None] makes a column") \
            from None
    kinds = [int if name in whole else float for name in names]
    places = zip(*(array.ravel().tolist() for array in spread))
    name = function.__name__ if function.__name__.isidentifier() else "influence_workers"
    with next_step(f"help(laser.theory.{name}) says what each argument is"):
        result = [function(*(kind(value) for kind, value in zip(kinds, place))) for place in places]
    shape = spread[0].shape
    return numpy.array(result, dtype=float).reshape(shape) if shape else result[0]


def _formula(whole: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes the core's function of the same name one over arrays; `whole` names the arguments that are whole numbers."""

    def decorate(described: Callable[..., Any]) -> Callable[..., Any]:
        names = described.__code__.co_varnames[: described.__code__.co_argcount]

        @functools.wraps(described)
        def over_arrays(*given: Any, **named: Any) -> Any:
            values = dict(zip(names, given)) | named
            if len(given) > len(names) or set(values) != set(names) or set(names[: len(given)]) & set(named):
                raise TypeError(f"{described.__name__}({', '.join(names)}) was given {len(given)} arguments and {sorted(named)}. HINT: "
                                f"help(laser.theory.{described.__name__}) says what each is")
            return _over_arrays(getattr(core, described.__name__), names, whole.split(), [values[name] for name in names])

        return over_arrays

    return decorate


@overload
def signal_to_noise(m: float, n: float, power: float) -> float: ...
@overload
def signal_to_noise(m: Numbers, n: Numbers, power: Numbers) -> Any: ...
@_formula("m n")
def signal_to_noise(m: Numbers, n: Numbers, power: Numbers) -> Any:
    """SNR of a number of the matrix, P / (m n), linear (spec 1; [LASER, section 4]).

    m, n: rows and columns of the matrix, whole numbers of 1 or more.
    power: P, above 0.
    """


@overload
def influence_uncompressed(m: float, n: float, power: float) -> float: ...
@overload
def influence_uncompressed(m: Numbers, n: Numbers, power: Numbers) -> Any: ...
@_formula("m n")
def influence_uncompressed(m: Numbers, n: Numbers, power: Numbers) -> Any:
    """lambda of Z-SGD, exact: m n / P = 1 / SNR (spec 6; [LASER, Lemma 9]).

    m, n: rows and columns of the matrix.
    power: P, above 0.
    """


@overload
def influence_one_shot_bound(m: float, n: float, rank: float, power: float) -> float: ...
@overload
def influence_one_shot_bound(m: Numbers, n: Numbers, rank: Numbers, power: Numbers) -> Any: ...
@_formula("m n rank")
def influence_one_shot_bound(m: Numbers, n: Numbers, rank: Numbers, power: Numbers) -> Any:
    """Upper bound on lambda of LASER in one shot: 4 r max(m, n) / P + 4 r^2 m n / P^2 (spec 6; [LASER, Lemma 10]).

    m, n: rows and columns of the matrix.
    rank: r, 1 to min(m, n).
    power: P, above 0.
    """


@overload
def influence_bound_ratio(m: float, n: float, rank: float, power: float) -> float: ...
@overload
def influence_bound_ratio(m: Numbers, n: Numbers, rank: Numbers, power: Numbers) -> Any: ...
@_formula("m n rank")
def influence_bound_ratio(m: Numbers, n: Numbers, rank: Numbers, power: Numbers) -> Any:
    """influence_one_shot_bound / influence_uncompressed = 4 r / min(m, n) + 4 r^2 / P: below 1 low rank pays (spec 6).

    m, n: rows and columns of the matrix.
    rank: r, 1 to min(m, n).
    power: P, above 0.
    """


@overload
def influence_two_phase(m: float, n: float, rank: float, power: float, phi: float) -> float: ...
@overload
def influence_two_phase(m: Numbers, n: Numbers, rank: Numbers, power: Numbers, phi: Numbers) -> Any: ...
@_formula("m n rank")
def influence_two_phase(m: Numbers, n: Numbers, rank: Numbers, power: Numbers, phi: Numbers) -> Any:
    """lambda of LASER in two phases given the basis: n r / ((1 - phi) P); phi in (0, 1) is the first phase's part of the budget
    (spec 2.4 A, 6).

    m, n: rows and columns of the matrix.
    rank: r, 1 to min(m, n).
    power: P, above 0.
    phi: above 0 and below 1.
    """


@overload
def influence_alternating_even(m: float, n: float, rank: float, power: float) -> float: ...
@overload
def influence_alternating_even(m: Numbers, n: Numbers, rank: Numbers, power: Numbers) -> Any: ...
@_formula("m n rank")
def influence_alternating_even(m: Numbers, n: Numbers, rank: Numbers, power: Numbers) -> Any:
    """lambda of LASER alternating in even rounds, where Q [n, r] is sent: n r / P (spec 2.4 C, 6).

    m, n: rows and columns of the matrix.
    rank: r, 1 to min(m, n).
    power: P, above 0.
    """


@overload
def influence_alternating_odd(m: float, n: float, rank: float, power: float) -> float: ...
@overload
def influence_alternating_odd(m: Numbers, n: Numbers, rank: Numbers, power: Numbers) -> Any: ...
@_formula("m n rank")
def influence_alternating_odd(m: Numbers, n: Numbers, rank: Numbers, power: Numbers) -> Any:
    """lambda of LASER alternating in odd rounds, where P [m, r] is sent: m r / P (spec 2.4 C, 6).

    m, n: rows and columns of the matrix.
    rank: r, 1 to min(m, n).
    power: P, above 0.
    """


@overload
def influence_random_k(coordinates: float, power: float) -> float: ...
@overload
def influence_random_k(coordinates: Numbers, power: Numbers) -> Any: ...
@_formula("coordinates")
def influence_random_k(coordinates: Numbers, power: Numbers) -> Any:
    """lambda of Random-K, and of any b symbols that are sent as they are: b / P, b = ``coordinates`` (spec 6).

    coordinates: b, 1 or more.
    power: P, above 0.
    """


@overload
def influence_workers(symbols: int, power: float, norms: Sequence[float], mean_norm: float) -> float: ...
@overload
def influence_workers(symbols: int, power: Numbers, norms: Sequence[float], mean_norm: float) -> Any: ...
def influence_workers(symbols: int, power: Numbers, norms: Sequence[float], mean_norm: float) -> Any:
    """lambda of k workers that send D = ``symbols`` numbers each: (D / P) max_i ||g_i||^2 / (k^2 ||mean g||^2), of ``norms`` ||g_i|| [k]
    and ``mean_norm`` = ||mean g|| > 0; ``power`` may be an array (spec 6).

    symbols: D, a whole number of 1 or more.
    power: P, above 0, a number or an array.
    norms: [k] of the workers' gradients, 0 or more.
    mean_norm: of the mean gradient, above 0.
    """
    each = reading.numbers_of("norms", norms, 0.0)
    many, mean = reading.check_whole("symbols", symbols, 1), reading.check_positive("mean_norm", mean_norm)
    return _over_arrays(lambda one: core.influence_workers(many, one, each, mean), ["power"], [], [power])


@overload
def influence_workers_equal(symbols: float, power: float, workers: float) -> float: ...
@overload
def influence_workers_equal(symbols: Numbers, power: Numbers, workers: Numbers) -> Any: ...
@_formula("symbols workers")
def influence_workers_equal(symbols: Numbers, power: Numbers, workers: Numbers) -> Any:
    """lambda of k workers with equal gradients: D / (P k^2) (spec 6).

    symbols: D, 1 or more.
    power: P, above 0.
    workers: k, 1 or more.
    """


@overload
def influence_workers_orthogonal(symbols: float, power: float, workers: float) -> float: ...
@overload
def influence_workers_orthogonal(symbols: Numbers, power: Numbers, workers: Numbers) -> Any: ...
@_formula("symbols workers")
def influence_workers_orthogonal(symbols: Numbers, power: Numbers, workers: Numbers) -> Any:
    """lambda of k workers with orthogonal gradients of equal norm: D / (P k) (spec 6).

    symbols: D, 1 or more.
    power: P, above 0.
    workers: k, 1 or more.
    """


@overload
def influence_downlink(symbols: float, downlink_power: float) -> float: ...
@overload
def influence_downlink(symbols: Numbers, downlink_power: Numbers) -> Any: ...
@_formula("symbols")
def influence_downlink(symbols: Numbers, downlink_power: Numbers) -> Any:
    """lambda of a noisy broadcast of D = ``symbols`` numbers: D / P_dl (spec 1.4).

    symbols: D, 1 or more.
    downlink_power: P_dl, above 0.
    """


@overload
def influence_total(uplink_influence: float, downlink_influence: float) -> float: ...
@overload
def influence_total(uplink_influence: Numbers, downlink_influence: Numbers) -> Any: ...
@_formula("")
def influence_total(uplink_influence: Numbers, downlink_influence: Numbers) -> Any:
    """Uplink and downlink together: lambda_ul + lambda_dl (1 + lambda_ul) (spec 1.4).

    uplink_influence: lambda_ul, 0 or more.
    downlink_influence: lambda_dl, 0 or more.
    """


@overload
def factor_influence_bound(m: float, n: float, energy: float) -> float: ...
@overload
def factor_influence_bound(m: Numbers, n: Numbers, energy: Numbers) -> Any: ...
@_formula("m n")
def factor_influence_bound(m: Numbers, n: Numbers, energy: Numbers) -> Any:
    """Upper bound on lambda of the best split of ``energy`` P between the columns of a rank-one matrix: 4 max(m, n) / P +
    4 m n / P^2, exact at m = n (spec 3.3; [LASER, Lemma 7]).

    m, n: rows and columns of the matrix.
    energy: P, above 0.
    """


@overload
def rank_influence_bound(m: float, n: float, rank: float, energy: float) -> float: ...
@overload
def rank_influence_bound(m: Numbers, n: Numbers, rank: Numbers, energy: Numbers) -> Any: ...
@_formula("m n rank")
def rank_influence_bound(m: Numbers, n: Numbers, rank: Numbers, energy: Numbers) -> Any:
    """The bound on lambda of r rank-one terms together: 4 r max(m, n) / P + 4 r^2 m n / P^2 (spec 3.4, 6; [LASER, Lemmas 8 and 10]).

    m, n: rows and columns of the matrix.
    rank: r, 1 to min(m, n).
    energy: P of all terms together, above 0.
    """


def memory_lag(shapes: Mapping[str, tuple[int, ...]], **settings: Any) -> float | None:
    """Rounds that the error memory of a model lags in its largest compressed tensor: 2 / (r/m + r/n) where one factor goes out in a
    round, 1 / (1 - (1 - r/m)(1 - r/n)) where both do (spec 5.3); None where there is no such memory. ``settings``: method, rank,
    transport and so on, as of a run. A run of fewer than ten lags shows the start of its method.

    shapes: of the model's tensors by name, such as {"weight": (512, 4608)}.
    settings: any that a round reads (``laser.settings()``).

    >>> round(laser.theory.memory_lag({"weight": (512, 4608)}, rank=4), 1)
    230.4
    """
    return core.memory_lag(_shapes(shapes), pairs(settings))


def data_volume(shapes: Mapping[str, tuple[int, ...]], scheme: str, rank: int = 4,
                compression_factor: float = 0.2) -> dict[str, Any]:
    """What one worker sends per round: symbols, bytes, and how many times less than the gradient (spec 7). ``scheme`` is one of
    zsgd, signum, randomk, sketch, adsgd, laser_two_phase, laser_one_shot, laser_alt_even, laser_alt_odd.

    shapes: of the model's tensors by name.
    scheme: one of the names above.
    rank: r of LASER's schemes, 4 by default.
    compression_factor: share of the coordinates that Random-K, sketches and A-DSGD send, above 0, at most 1; 0.2 by default.
    """
    with next_step("help(laser.theory.data_volume) has the schemes and what each reads"):
        return core.data_volume(_shapes(shapes), scheme, reading.check_whole("rank", rank, 1),
                                reading.check_positive("compression_factor", compression_factor))


def _shapes(shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[str, list[int]]]:
    return [(name, list(reading.check_shape(name, shape))) for name, shape in reading.check_mapping(shapes).items()]
