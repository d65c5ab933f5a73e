"""The same search on many machines: an Optuna study in a storage that they share.

Optuna, because a study is nothing but its storage: no scheduler has to run, any machine joins by
typing the same command, and one that dies loses one trial. The storage is a journal file on a
shared folder, or a database by its URL. The trials start from what the solver found.
"""

from __future__ import annotations

from dsplet.quantize.search.trial import WIDTHS, Point, Progress, Slot, Trials, Widths


def explore(trials: Trials, points: list[Point], storage: str, count: int, seed: int,
            progress: Progress = lambda done, total: None) -> list[Point]:
    """`count` more trials here; every point of the study so far, from whatever machine.

    points: measured already; a new study begins with them. storage: a path, or a URL such as
    mysql://... seed: of the sampler (NSGA-II over memory and noise).
    """
    import optuna
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=_storage(optuna, storage), study_name=_name(trials), load_if_exists=True,
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

    study.optimize(objective, n_trials=count)
    complete = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    return [_point(trials, t) for t in complete]


def _storage(optuna, storage: str):
    if "://" in storage:
        return storage
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    return JournalStorage(JournalFileBackend(storage))


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
