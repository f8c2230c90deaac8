"""Units of work: designs of one network on one accelerator, evaluated together in this process or in another."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from accelsim.errors import AccelsimError
from accelsim.hardware.load import AnyTemplate, hardware_template
from accelsim.parameters import Point, Value
from accelsim.schedule.result import Outcome
from accelsim.workload.load import network_template
from accelsim.workload.network import Network

__all__ = ["Evaluator", "Task", "Worker", "cores", "evaluate_task", "worker_pool"]

#: Evaluates designs of one template for one network; must be importable by name, to reach other processes.
Evaluator = Callable[[Network, AnyTemplate, Sequence[Mapping[str, Value]]], Sequence[Outcome]]


@dataclass(frozen=True, slots=True)
class Task:
    """Designs to evaluate together.

    Attributes:
        network: File of the network.
        network_point: Its parameters.
        hardware: File of the accelerator template.
        hardware_points: Parameters of each design.
        evaluator: What evaluates.
    """

    network: Path
    network_point: Point
    hardware: Path
    hardware_points: tuple[Point, ...]
    evaluator: Evaluator


def evaluate_task(task: Task) -> list[Outcome]:
    """Return one outcome a design, in order. Nothing is raised: what goes wrong is the outcome of the design.

    If the designs fail together, each is tried alone, so that one bad design does not spoil the others.
    """
    try:
        network = network_template(task.network).build(task.network_point)
        template = hardware_template(task.hardware)
    except AccelsimError as error:
        return [Outcome(None, str(error))] * len(task.hardware_points)
    try:
        return _outcomes(task.evaluator, network, template, task.hardware_points)
    except Exception as error:
        if len(task.hardware_points) == 1:
            return [Outcome(None, _described(error))]
    alone: list[Outcome] = []
    for point in task.hardware_points:
        try:
            alone += _outcomes(task.evaluator, network, template, (point,))
        except Exception as error:
            alone.append(Outcome(None, _described(error)))
    return alone


def _outcomes(
    evaluator: Evaluator, network: Network, template: AnyTemplate, points: tuple[Point, ...]
) -> list[Outcome]:
    outcomes = list(evaluator(network, template, points))
    if len(outcomes) != len(points):
        raise AccelsimError(f"the evaluator returned {len(outcomes)} outcomes for {len(points)} designs")
    return outcomes


def _described(error: Exception) -> str:
    return str(error) if isinstance(error, AccelsimError) else f"{type(error).__name__}: {error}"


#: Runs tasks and yields the outcomes of each, in the order of the tasks.
Worker = Callable[[Iterable[Task]], Iterator[list[Outcome]]]


def cores() -> int:
    """Return how many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def worker_pool(count: int, executor: Executor | None = None) -> Iterator[Worker]:
    """Provide a ``Worker``: on ``executor`` if one is given, else on ``count`` processes, or in this one if it is 1.

    An executor that is given stays open. Processes of our own are started fresh, ignore Ctrl-C (this process answers
    it) and end when this process ends, however it ends.
    """
    if executor is not None:
        yield lambda tasks: _on(executor, tasks)
    elif count == 1:
        yield lambda tasks: map(evaluate_task, tasks)
    else:
        pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _set_up_process)
        try:
            yield lambda tasks: _on(pool, tasks)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _on(executor: Executor, tasks: Iterable[Task]) -> Iterator[list[Outcome]]:
    futures: list[Future[list[Outcome]]] = [executor.submit(evaluate_task, task) for task in tasks]
    try:
        for future in futures:
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def _set_up_process() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
