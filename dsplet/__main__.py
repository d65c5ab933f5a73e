"""`python -m dsplet`: the command line."""

from dsplet.cli import main

if __name__ == "__main__":
    main()
