"""The pictures and scenes that the book works on."""

from .photos import PHOTOGRAPHS, photograph

__all__ = ["PHOTOGRAPHS", "photograph"]
