"""`python -m seglib.weights`: see `make.py`. Nothing is defined here, for no other process could import it."""

import sys

from seglib.weights.make import main

if __name__ == "__main__":
    sys.exit(main())
