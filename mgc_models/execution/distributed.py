"""The processes of one run, as `torchrun` starts them: what each works on, and what they tell each other."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

# The others wait in a collective call while the first process tests a model or waits for its turn on a run.
_PATIENCE = timedelta(days=1)
_BUCKET_NUMBERS = 1 << 24


class BatchShard(NamedTuple):
    """Samples `first` to `last` of a batch; a process without any computes one all the same, and it counts nothing."""

    first: int
    last: int

    @property
    def computed(self) -> slice:
        """Give what is computed: the share, or the batch's first sample."""
        return slice(self.first, self.last) if self.last > self.first else slice(0, 1)


@dataclass(frozen=True)
class Group:
    """The processes that train one model together.

    Attributes:
        rank: Number of this one; the first, 0, writes and reports.
        size: How many there are.
        control: Group for messages between the processors' hosts, which does not make a device wait.
    """

    rank: int = 0
    size: int = 1
    control: Any = None

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def share(self, total: int) -> BatchShard:
        """This process' part of `total` samples; the parts follow each other and differ by one at most."""
        return BatchShard(total * self.rank // self.size, total * (self.rank + 1) // self.size)

    def add(self, tensor: Tensor) -> Tensor:
        """Replace a tensor by the sum of all processes' tensors; the same bits in every one."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def rows(self, own: Tensor) -> Tensor:
        """One vector of each process, [size, n], in every one; adding zeros is exact, so the sum only puts together."""
        rows = own.new_zeros(self.size, len(own))
        rows[self.rank] = own
        return self.add(rows)

    def add_all(self, tensors: Iterable[Tensor]) -> None:
        """`add` for many tensors of one type, in few large messages."""
        if self.size == 1:
            return
        bucket: list[Tensor] = []
        for tensor in tensors:
            bucket.append(tensor)
            if sum(item.numel() for item in bucket) >= _BUCKET_NUMBERS:
                _add_bucket(bucket)
                bucket = []
        if bucket:
            _add_bucket(bucket)

    def largest(self, *numbers: float) -> list[float]:
        """The largest of each number over all processes."""
        if self.size == 1:
            return list(numbers)
        values = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(values, dist.ReduceOp.MAX, group=self.control)
        return values.tolist()

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """One tensor of each process, in the order of their ranks; all of one shape, on the CPU."""
        if self.size == 1:
            return [tensor]
        found = [torch.empty_like(tensor) for _ in range(self.size)]
        dist.all_gather(found, tensor, group=self.control)
        return found

    def from_first(self, value: Any) -> Any:
        """Give every process what the first one holds; the others wait for it."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, group=self.control)
        return box[0]


def _add_bucket(tensors: list[Tensor]) -> None:
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


def started_by_torchrun() -> bool:
    """Whether this process is one of a group."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def own_device(name: str) -> str:
    """The device of this process: with several, each takes the CUDA device of its place on the machine."""
    if started_by_torchrun() and name in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{os.environ['LOCAL_RANK']}"
    return name


def join_group(device: torch.device) -> Group:
    """Meet the other processes; alone, nothing happens."""
    if not started_by_torchrun():
        return Group()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    control = dist.new_group(backend="gloo", timeout=_PATIENCE)
    return Group(dist.get_rank(), dist.get_world_size(), control)


def leave_group() -> None:
    """Say goodbye; alone, nothing happens."""
    if dist.is_initialized():
        dist.destroy_process_group()
