"""What is measured: each measure starts one process of one peer and returns figures by name."""

from benchmarks.measures.figures import Measure, NotMeasured, Sample, Subject
from benchmarks.measures.registry import MEASURES
from benchmarks.measures.size import LayerSize, layer_size

__all__ = ["MEASURES", "LayerSize", "Measure", "NotMeasured", "Sample", "Subject", "layer_size"]
