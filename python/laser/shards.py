"""The files of LaserState.save: one a rank and saved iteration, each naming the run that it is of.

A folder may hold more than one history: shards of other runs, or of iterations that were gone back from. What counts as the
last is what was written last, and only a run's own shards are ever removed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from laser.native import EXIT_CONFIGURATION, EXIT_DATA, error
from laser.reading import whole_number

NAME = re.compile(r"[A-Za-z0-9_.]+")
FILE = re.compile(r"laser-(?:(?P<name>[A-Za-z0-9_.]+)-)?(?P<iteration>\d{8,})-rank-(?P<rank>\d{4,})-of-(?P<ranks>\d{4,})"
                  r"-save-(?P<save>\d{6,})-run-(?P<run>[0-9a-f]{12})\.safetensors")
OLD_FILE = re.compile(r"laser-\d{8}-rank-\d{4}-of-\d{4}\.safetensors")  # of version 0.1


@dataclasses.dataclass(frozen=True)
class Shard:
    name: str
    iteration: int
    rank: int
    ranks: int
    save: int  # its place in the order of writing
    run: str

    @property
    def file(self) -> str:
        return (f"laser-{self.name + '-' if self.name else ''}{self.iteration:08d}-rank-{self.rank:04d}-of-{self.ranks:04d}"
                f"-save-{self.save:06d}-run-{self.run}.safetensors")

    @property
    def moment(self) -> tuple[int, str]:
        """What the shards of all ranks that belong together have in common."""
        return self.iteration, self.run


class Folder:
    """The shards of one state's name in a folder, as one of `ranks` ranks sees them."""

    def __init__(self, path: str | Path, name: str, rank: int, ranks: int):
        self.path = Path(path)
        self.name, self.rank, self.ranks = name, rank, ranks

    def shards(self) -> list[Shard]:
        """All of this name, of any rank, in the order in which they were written."""
        found = []
        for path in self.path.glob("laser-*.safetensors"):
            match = FILE.fullmatch(path.name)
            if match and (match["name"] or "") == self.name:
                found.append(Shard(self.name, int(match["iteration"]), int(match["rank"]), int(match["ranks"]),
                                   int(match["save"]), match["run"]))
        return sorted(found, key=lambda shard: shard.save)

    def own(self) -> list[Shard]:
        return [shard for shard in self.shards() if (shard.rank, shard.ranks) == (self.rank, self.ranks)]

    def next(self, iteration: int, run: str) -> Shard:
        """What is to be written now."""
        last = max((shard.save for shard in self.shards() if shard.rank == self.rank), default=0)
        return Shard(self.name, iteration, self.rank, self.ranks, last + 1, run)

    def remove_before(self, runs: list[tuple[str, int]], keep: int | None) -> None:
        """Of this rank's shards of the given runs, all but those written last. What a run wrote after it was left, at the
        save that its number says, goes first."""
        left = dict(runs)
        mine = [shard for shard in self.own() if shard.run in left]
        mine.sort(key=lambda shard: (not 0 <= left[shard.run] < shard.save, shard.save))
        for shard in mine[: -keep] if keep else []:
            (self.path / shard.file).unlink(missing_ok=True)

    def choose_whole(self, iteration: int | None, gather: Callable[[object], list[Any]]) -> list[Shard]:
        """The shards of all ranks that wrote them, of the given iteration or of what was written last; empty where there are
        none. Raises Error where the ranks of this job do not see the same."""
        moments: dict[tuple[int, int, str], dict[int, Shard]] = {}
        for shard in self.shards():  # in the order of writing: the last one counts
            if iteration in (None, shard.iteration):
                moments.setdefault((shard.ranks, *shard.moment), {})[shard.rank] = shard
        whole = [list(map(found.__getitem__, range(ranks))) for (ranks, _, _), found in moments.items()
                 if set(found) == set(range(ranks))]
        best = max(whole, key=lambda one: (max(shard.save for shard in one), one[0].iteration, one[0].run), default=[])
        heard = gather([shard.file for shard in best])
        if any(one != heard[0] for one in heard):
            raise error(EXIT_DATA, f"the ranks see different shards in {self.path}. HINT: a folder that all share")
        if not best and any(gather(bool(moments))):
            raise error(EXIT_DATA, f"{self.path} has shards{'' if iteration is None else f' of iteration {iteration}'}, but at no moment those "
                        "of all ranks that wrote. HINT: a folder that all of them wrote into")
        return best

    def choose(self, iteration: int | None, gather: Callable[[object], list[Any]],
               moment: tuple[int, str] | None = None) -> Shard | None:
        """The shard of this rank to go on from: of the given iteration, or of what was written last by all ranks. None where
        there is nothing at all. `gather` brings together what each rank says. Raises the same Error on every rank."""
        seen = self.shards()
        own = [shard for shard in seen if (shard.rank, shard.ranks) == (self.rank, self.ranks)]
        others = [shard for shard in seen if shard.ranks != self.ranks]
        old = any(OLD_FILE.fullmatch(path.name) for path in self.path.glob("laser-*.safetensors"))
        heard = gather((own, others, old, iteration))
        asked = [rank[3] for rank in heard]
        if len(set(asked)) > 1:
            raise error(EXIT_CONFIGURATION, f"the ranks ask for different iterations: {', '.join(map(str, asked))}. HINT: the "
                        "same everywhere, that of the model's own checkpoint")
        moments = set.intersection(*({shard.moment for shard in rank[0]} for rank in heard))
        saves: dict[tuple[int, str], int] = {}
        for shard in (shard for rank in heard for shard in rank[0] if shard.moment in moments):
            saves[shard.moment] = max(saves.get(shard.moment, 0), shard.save)
        wanted = [one for one in saves if iteration in (None, one[0]) and moment in (None, one)]
        best = max(wanted, key=lambda moment: (saves[moment], moment), default=None)
        foreign = [shard for rank in heard for shard in rank[1] if iteration in (None, shard.iteration)]
        newest = max(foreign, key=lambda shard: shard.save, default=None)
        if newest is not None and moment is None and (best is None or newest.save > saves[best]):
            raise error(EXIT_DATA, f"what was saved last in {self.path} is of {newest.ranks} ranks (iteration "
                        f"{newest.iteration}), and this job has {self.ranks}: error memories can't be moved to another number "
                        f"of ranks. HINT: {newest.ranks} processes, another folder, or load(..., reshard=True), which keeps their sum")
        if best is not None:
            return max((shard for shard in own if shard.moment == best), key=lambda shard: shard.save)
        there = ", ".join(str(moment[0]) for moment in sorted(saves, key=lambda moment: saves[moment])) or "none"
        if iteration is not None:
            raise error(EXIT_DATA, f"{self.path} has no iteration {iteration} of every rank; it has {there}. HINT: "
                        "save(folder, keep=None) keeps all")
        if any(rank[2] for rank in heard):
            raise error(EXIT_DATA, f"the shards in {self.path} are of laser 0.1 and can't be read. HINT: go on with that "
                        "version, or start in another folder")
        return None


def check_name(name: str | None) -> str:
    if name is None:
        return ""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise error(EXIT_CONFIGURATION, f"name = {name!r} is not made of letters, digits, '_' and '.'. HINT: name='encoder', say")
    return name


def check_keep(keep: int | None) -> int | None:
    if keep is None:
        return None
    number = whole_number(keep)
    if number is None:
        raise error(EXIT_CONFIGURATION, f"keep = {keep!r} must be a whole number, 2 or more, or None for all. HINT: keep=2")
    if number < 2:
        raise error(EXIT_CONFIGURATION, f"keep = {keep}: while one rank writes, the others still need the iteration before. "
                    "HINT: 2 or more, or None for all")
    return number
