"""The figures of the book that a reader can touch."""

from .dilation import DilationExplorer

__all__ = ["DilationExplorer"]
