"""`dsplet`, `python -m dsplet`: the command line."""

import sys


def main() -> None:
    """Run the command line; an interrupt is one already while that is imported."""
    try:
        from dsplet.cli import main as run
        run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
