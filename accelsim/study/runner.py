"""Running a study, and going on with one that was stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor
from importlib.metadata import version
from pathlib import Path

from accelsim.errors import AccelsimError
from accelsim.schedule.evaluate import evaluate_points
from accelsim.study.export import CSV_NAME, write_csv
from accelsim.study.judge import Judge
from accelsim.study.plan import StudyPlan
from accelsim.study.progress import Progress
from accelsim.study.result import StudyResult
from accelsim.study.rounds import MOST_IN_A_TASK, Run
from accelsim.study.store import Store
from accelsim.study.tasks import Evaluator, cores, worker_pool

__all__ = ["Progress", "run_study"]


def run_study(
    plan: StudyPlan,
    folder: str | Path | None = None,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    evaluator: Evaluator = evaluate_points,
) -> StudyResult:
    """Run a study to its end, or go on with it if ``folder`` holds a part of it, and return what it found.

    The folder then holds the store and the records as a CSV. After Ctrl-C, what was evaluated is kept and returned, and
    ``interrupted`` is true.

    Args:
        plan: The study.
        folder: Where the results go; the study's own folder if left out.
        executor: Where evaluations run, such as a cluster's; it stays open.
        workers: Processes that evaluate if no executor is given; the study's number if left out. 1 means this process.
        on_progress: Called when something was stored.
        evaluator: What evaluates designs; must be importable by name unless ``workers`` is 1.

    Raises:
        InputError: The folder holds another study, is in use or cannot be written to, or the store is damaged.
        MissingExtraError: A search algorithm needs a package that is not installed.
        AccelsimError: A worker process died. What was evaluated is kept.
    """
    folder = Path(folder) if folder is not None else plan.folder
    judge = Judge(plan.criteria, plan.spec.accuracy)
    trust = judge.estimator.trust() if judge.estimator else ""
    complete = False
    with Store(folder, version("accelsim"), plan.parts, _about(plan, trust)) as store:
        run = Run(plan, judge, store, evaluator, on_progress)
        count = workers or plan.spec.workers or cores()
        try:
            with worker_pool(1 if run.missing <= MOST_IN_A_TASK else count, executor) as worker:
                run.go(worker)
            store.note({"complete": "yes"})
            complete = True
        except KeyboardInterrupt:
            # What counts is in the store; the rest was not finished.
            complete = False
        except BrokenExecutor as error:
            kept = f"{len(store.records()):,} of {plan.total:,} evaluations are kept in {folder}"
            why = "a worker process ended unexpectedly; it was killed or ran out of memory"
            raise AccelsimError(f"{why}. {kept}. Run the study again to go on, with fewer workers.") from error
        records = tuple(store.records())
    write_csv(records, folder / CSV_NAME)
    return StudyResult(
        name=plan.name,
        folder=folder,
        spec=plan.spec,
        criteria=plan.criteria,
        records=records,
        total=plan.total,
        complete=complete,
        resumed=run.resumed,
        trust=trust,
        notes=plan.notes,
    )


def _about(plan: StudyPlan, trust: str) -> dict[str, str]:
    """Return what the store keeps of a study, so that its result can be read without the study's file."""
    return {
        "name": plan.name,
        "study": json.dumps(plan.source.data, default=str),
        "total": str(plan.total),
        "notes": json.dumps(plan.notes),
        "trust": trust,
    }
