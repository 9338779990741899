"""What the rounds of a Simulator leave: a record each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

DIAGNOSED = ("memory_ratio", "lambda", "delta", "noise_energy", "sent_ratio", "waiting_rounds")  # None in a round without a diagnosis
OR_NONE = (*DIAGNOSED, "power", "snr_db", "lag")  # of a record; a file leaves them out where they are None


class Record(dict[str, Any]):
    """What a round gave, a dict whose entries are attributes too (``record.loss``, ``record["lambda"]``):

    round (from 1), loss (mean over the workers of their batches), power (P), energy ([k] of this round), budget_use (most that a
    worker sent of what it may), symbols (channel uses), snr_db (10 log10(P / symbols)), heard, awake (workers that took part),
    memory_ratio (mean of ||e_i|| / ||g_i||), lambda (noise over signal), delta (compression quality), noise_energy, sent_ratio,
    waiting_rounds, lag (rounds that the error memory lags), learning_rate; and where the model was evaluated test_loss, accuracy,
    ema_accuracy, and with per_client what ``spread`` says of accuracy, loss and energy of the clients.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the record has no '{name}'. HINT: it has {', '.join(self)}") from None

    def __repr__(self) -> str:
        shown = [f"{name} {self[name]:.4g}" for name in ("loss", "snr_db", "lambda", "accuracy") if self.get(name) is not None]
        return f"Record(round {self['round']}: {', '.join(shown)})"


def spread(values: Sequence[float], largest_is_worst: bool) -> dict[str, float]:
    """The worst of the clients' values, the mean over the worst tenth of them (one at least), and over all [Li et al., Fair
    resource allocation in federated learning, ICLR 2020].

    values: one a client.
    largest_is_worst: True for losses, False for accuracies. Returns "worst", "tenth" and "mean".
    """
    ordered = sorted(values, reverse=largest_is_worst)
    tenth = ordered[: max(1, len(ordered) // 10)]
    return {"worst": ordered[0], "tenth": sum(tenth) / len(tenth), "mean": sum(ordered) / len(ordered)}
