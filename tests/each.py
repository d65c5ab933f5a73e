"""One test of many cases: what takes a moment a case is not worth a test of its own for each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

SHOWN = 3
"""How many failures are shown whole."""


def each(name: str, cases: Sequence[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """As `pytest.mark.parametrize(name, cases)`, in one test: it goes on after a failure, names
    all cases that failed and shows the first. Fixtures are the same for all cases. `pytest
    --case WORD` takes only cases with the word in their names.
    """
    def over(check: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(check)

        @wraps(check)
        def test(request: pytest.FixtureRequest, **given: Any) -> None:
            word = request.config.getoption("--case")
            wanted = [case for case in cases if word in label(case)]
            if not wanted:
                pytest.skip(f"no case has '{word}' in its name")
            if "request" in signature.parameters:
                given["request"] = request
            failed = []
            for case in wanted:
                try:
                    check(**given, **{name: case})
                except (Exception, pytest.fail.Exception) as error:
                    error.add_note(label(case))
                    failed.append(error)
            if failed:
                names = ", ".join(error.__notes__[-1] for error in failed)
                raise BaseExceptionGroup(f"{len(failed)} of {len(wanted)} cases: {names}",
                                         failed[:SHOWN])

        asked = [p for p in signature.parameters.values() if p.name not in (name, "request")]
        first = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        test.__signature__ = signature.replace(parameters=[first, *asked])  # type: ignore[attr-defined]
        return test
    return over


def label(case: Any) -> str:
    """A case's name; a path is named whole."""
    return str(case if isinstance(case, Path) else getattr(case, "name", case))
