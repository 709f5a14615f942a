"""Dense CRFs: a fully connected CRF with Gaussian pairwise terms, in plain PyTorch.

`DenseCRF` is the model, `Pairwise` a term with features of your own; `seglib.crf.compat` has pydensecrf's names, and
`python -m seglib.crf` refines a label picture.
"""

from seglib.crf.mean_field import DenseCRF, Pairwise

__all__ = ["DenseCRF", "Pairwise"]
