"""Where the packages lie: each top-level folder is installed under the one name `dsplet`."""

from setuptools import find_packages, setup

ROOMS = ("base", "data", "train", "export", "quantize", "firmware_sim")

setup(
    packages=["dsplet", "dsplet.cli", "dsplet.live", "dsplet.report", "dsplet.workflows", *(
        f"dsplet.{name}" for room in ROOMS
        for name in (room, *(f"{room}.{inner}" for inner in find_packages(room))))],
    package_dir={f"dsplet.{room}": room for room in ROOMS},
)
