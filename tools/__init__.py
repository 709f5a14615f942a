"""What the Makefile calls. Each module is run with `python -m tools.NAME`; `make help` lists what they are for."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
