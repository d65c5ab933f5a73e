"""What every test may ask for: golden files, the project's reference material, the data sets."""

import gc
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from bench import networks

settings.register_profile("all", deadline=None, derandomize=True)
settings.register_profile("quick", settings.get_profile("all"), max_examples=25)

# Two processes test on two cores: more threads of each would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

GOLDEN = Path(__file__).with_name("golden")


gc.disable()  # until the tests are collected: what is imported stays


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true",
                     help="write the golden files anew; read the difference before you keep it")
    parser.addoption("--case", default="", metavar="WORD",
                     help="where one test takes many cases: those with WORD in their names")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than a few seconds; `make check` skips it")
    config.addinivalue_line("markers", "notebook: runs one; `make notebooks` does, `make test` not")
    settings.load_profile("quick" if config.option.markexpr == "not slow" else "all")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What learns for minutes begins first: begun last, one process would wait for it alone."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/flow/"))


def pytest_collection_finish() -> None:
    """What is there by now need not be looked through again and again."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(name, text)` holds text to tests/golden/FOLDER/name, FOLDER being the test's own."""
    folder = GOLDEN / request.path.parent.relative_to(Path(__file__).parent)

    def hold(name: str, text: str) -> None:
        file = folder / name
        if request.config.getoption("--update-golden"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        again = f"pytest {request.path} --update-golden"
        assert file.exists(), f"{file} is missing; write it with: {again}"
        assert text == file.read_text(), f"{file} differs; if that is meant: {again}"

    return hold


@pytest.fixture(scope="session", autouse=True)
def zoo_exported_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The freshly drawn networks of the zoo, for all processes that test."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "zoo"
    folder.mkdir(exist_ok=True)
    networks.folder = lambda: folder


def _folder(variable: str) -> Path:
    path = os.environ.get(variable)
    if not path or not Path(path).is_dir():
        pytest.skip(f"${variable} names no folder")
    return Path(path)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference material ($DSPLET_SHARED)."""
    return _folder("DSPLET_SHARED")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The data sets ($DSPLET_DATA)."""
    return _folder("DSPLET_DATA")
