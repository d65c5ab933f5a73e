"""The same search on many machines: an Optuna study in a storage that they share.

Optuna, because a study is nothing but its storage: no scheduler has to run, any machine joins by
typing the same command, and one that dies loses one trial. The storage is a journal file on a
shared folder, or a database by its URL. The trials start from what the solver found.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from dsplet.base.errors import UserError, door
from dsplet.base.files import check_target
from dsplet.quantize.search.trial import WIDTHS, Point, Progress, Slot, Trials, Widths

FIRST_BYTES = 1 << 16
"""Of a journal: its first line is shorter."""


class StudyError(UserError):
    """A storage that cannot be used."""


def check(storage: str) -> None:
    """Raise the StudyError or FileError that `explore` would of a storage that is none, before
    what takes long."""
    if "://" in storage:
        with _opened(storage):
            _storage(storage)
    else:
        _check_journal(storage)


def explore(trials: Trials, points: list[Point], storage: str, count: int, seed: int,
            progress: Progress = lambda done, total: None) -> list[Point]:
    """`count` more trials here; every point of the study so far, from whatever machine.

    points: measured already; a new study begins with them. storage: a path, or a URL such as
    mysql://... seed: of the sampler (NSGA-II over memory and noise). Raises StudyError, FileError.
    """
    import optuna
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _opened(storage):
        study = optuna.create_study(
            storage=_storage(storage), study_name=_name(trials), load_if_exists=True,
            directions=["minimize", "minimize"], sampler=optuna.samplers.NSGAIISampler(seed=seed))
        if not study.trials:
            for point in points:
                study.add_trial(_finished(optuna, point))
    done = 0

    def objective(trial) -> tuple[float, float]:
        nonlocal done
        done += 1
        progress(done, count)
        point = trials.measure({s: trial.suggest_int(_key(s), WIDTHS[0], WIDTHS[-1])
                                for s in trials.slots})
        if point is None:
            raise optuna.TrialPruned("an accumulator cannot be proved")
        for name in ("agree_percent", "accuracy_percent"):
            trial.set_user_attr(name, getattr(point, name))
        return point.memory_bytes, point.noise

    with door(storage, *_failures(), what="was lost", kind=StudyError):
        study.optimize(objective, n_trials=count)
        complete = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    return [_point(trials, t) for t in complete]


def _failures() -> tuple[type[Exception], ...]:
    """What files and databases raise."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError
    return OSError, SQLAlchemyError, StorageInternalError


def _opened(storage: str) -> AbstractContextManager[None]:
    """A door: what is raised in it of a storage that is none is a StudyError."""
    return door(storage, *_failures(), ValueError, TypeError, KeyError, ImportError,
                what="cannot be used as a study's storage", kind=StudyError)


def _storage(storage: str):
    from optuna import storages
    if "://" in storage:
        return storages.get_storage(storage)
    _check_journal(storage)
    from optuna.storages.journal import JournalFileBackend
    return storages.JournalStorage(JournalFileBackend(storage))


def _check_journal(storage: str) -> None:
    if (file := check_target(storage)).exists():
        with door(storage, OSError, kind=StudyError), open(file, "rb") as journal:
            if (line := journal.readline(FIRST_BYTES)) and b'"op_code"' not in line:
                raise StudyError("is no journal of Optuna", remedy="name another file")


def _name(trials: Trials) -> str:
    """Of the network's file, so that one storage serves many searches."""
    return f"{trials.graph.name} {trials.graph.sha256[:16]}"


def _key(slot: Slot) -> str:
    return f"{slot.layer} {slot.kind}"


def _finished(optuna, point: Point):
    return optuna.trial.create_trial(
        values=[point.memory_bytes, point.noise],
        params={_key(s): b for s, b in point.widths.items()},
        distributions={_key(s): optuna.distributions.IntDistribution(WIDTHS[0], WIDTHS[-1])
                       for s in point.widths},
        user_attrs={"agree_percent": point.agree_percent,
                    "accuracy_percent": point.accuracy_percent})


def _point(trials: Trials, trial) -> Point:
    widths: Widths = {s: trial.params[_key(s)] for s in trials.slots}
    return Point(widths, trials.weight_bytes(widths), trials.memory_bytes(widths),
                 trial.values[1], trial.user_attrs["agree_percent"],
                 trial.user_attrs["accuracy_percent"])
