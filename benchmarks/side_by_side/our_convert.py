"""A run to float32, float16, dynamic range and full int8 by signport, calibrated and not fine-tuned.

`python our_convert.py RUN OUT`: what `signport export` does but for fine-tuning and checks. The converter has a process
of its own, which counts.
"""

import sys
from dataclasses import replace
from pathlib import Path

from signport.export.convert import FLOATING, QUANTIZED, convert
from signport.quantization.deploy import deploy_form
from signport.quantization.qat import quantize
from signport.training.run import Run

run, out = Run.open(sys.argv[1]), Path(sys.argv[2])
settings = replace(run.recipe.quantization, epochs=0)
quantized = quantize(run.model(), run.inputs("train"), run.inputs("validation"), settings, run.recipe.seed)
deploy_form(run.model()).save(out / FLOATING)
quantized.deploy.save(out / QUANTIZED)
convert(run.family.name, out)
