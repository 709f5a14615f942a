"""Receptive fields: exact ones of any network, a table of them by layer, and effective ones by gradients."""

from seglib.receptive_field.analytic import ReceptiveField, receptive_field
from seglib.receptive_field.effective import EffectiveField, effective_receptive_field
from seglib.receptive_field.graph import UnsupportedOperationError
from seglib.receptive_field.table import LayerRow, LayerTable, layer_table

__all__ = [
    "EffectiveField",
    "LayerRow",
    "LayerTable",
    "ReceptiveField",
    "UnsupportedOperationError",
    "effective_receptive_field",
    "layer_table",
    "receptive_field",
]
