"""How far an exported file may be from its float model; every family states its own and may only be stricter."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from signport.errors import SignportError


@dataclass(frozen=True)
class Gates:
    """Tolerances of a family's exported files against its Keras float model (start values: design §7).

    Attributes:
        float32_max_abs: Largest absolute error of the float32 file's outputs.
        float16_max_abs: The same of the float16 file.
        dynamic_p95_abs: 95th percentile, over samples, of the dynamic-range file's largest absolute error. Not the
            maximum: that is the error of the one sample nearest to a tie, and grows with the number of samples.
        dynamic_sqnr_db: Least signal-to-quantization-noise ratio of the dynamic-range file, in dB.
        reduced_agreement: Top-1 agreement of the float16 and dynamic-range files, 0 to 1.
        int8_accuracy_drop: How much accuracy the int8 file may lose, 0 to 1.
        int8_agreement: Top-1 agreement of the int8 file, 0 to 1.
        int8_sqnr_db: Least signal-to-quantization-noise ratio of the int8 file's logits (or embeddings), in dB.
        int4_accuracy_drop: How much accuracy the int4 file may lose, 0 to 1.
        int4_agreement: Top-1 agreement of the int4 file, 0 to 1.
        int4_sqnr_db: Least signal-to-quantization-noise ratio of the int4 file, in dB.
        int8_simulation_agreement: Top-1 agreement of the int8 file with the simulation that it was made from, 0 to 1.
        int8_simulation_sqnr_db: Least signal-to-noise ratio of its logits (or embeddings) against the simulation's.
        task_max_abs: Largest score difference between a `.task` and its own head on the same embedding.
        runtime_float32_max_abs: Largest difference of one float32 or float16 file between two runtimes.
        runtime_dynamic_sqnr_db: Least signal-to-noise ratio between two runtimes' answers to one dynamic-range file.
            Measured: 59 dB and more; 26 dB with the last layer's weights scaled by 1.05.
        runtime_int8_steps: By how many quantization steps one quantized file's outputs may differ between two runtimes.
        runtime_int8_mean_steps: By how many of these steps any one output may differ in the mean over the samples:
            roundings go both ways, a wrong zero point does not. Measured: up to .13 between runtimes (.21 once, with
            32 samples), .33 and more for a layer that takes its input's zero point off by one.
        runtime_int8_agreement: Top-1 agreement of one quantized file between two runtimes, 0 to 1.
    """

    float32_max_abs: float = 1e-4
    float16_max_abs: float = 0.05
    dynamic_p95_abs: float = 0.05
    dynamic_sqnr_db: float = 20.0
    reduced_agreement: float = 0.995
    int8_accuracy_drop: float = 0.005
    int8_agreement: float = 0.99
    int8_sqnr_db: float = 20.0
    int4_accuracy_drop: float = 0.01
    int4_agreement: float = 0.98
    int4_sqnr_db: float = 20.0
    int8_simulation_agreement: float = 0.999
    int8_simulation_sqnr_db: float = 25.0
    task_max_abs: float = 1e-3
    runtime_float32_max_abs: float = 1e-5
    runtime_dynamic_sqnr_db: float = 40.0
    runtime_int8_steps: float = 1.0
    runtime_int8_mean_steps: float = 0.25
    runtime_int8_agreement: float = 0.999

    def tightened(self, tighter: Mapping[str, float], where: str) -> "Gates":
        """These gates with some bounds made stricter.

        Args:
            tighter: Gate → bound.
            where: What gives them, such as `--tighten ` or `gates.`; it stands before the gate's name in errors.

        Raises:
            SignportError: An unknown gate, or a bound that is looser.
        """
        known = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        for name, value in tighter.items():
            if name not in known:
                raise SignportError(f"{where}{name}: no such gate; choose from: {', '.join(known)}")
            least = name.endswith(("_agreement", "_db"))
            if not (value >= known[name] if least else value <= known[name]):
                sign = "at least" if least else "at most"
                raise SignportError(f"{where}{name}={value:g}: gates only get stricter; give {sign} {known[name]:g}")
        return replace(self, **tighter)


# A rounding that a kernel makes the other way than its simulation, or than another runtime's kernel, is read by
# hundreds of operators in a sequence family's graph, and by a handful in a dense one. Measured on made-up signs, 160
# clips a seed: 1.5 to 3.5 steps and one clip in 160 between runtimes, .990 to 1.0 the same class as the simulation.
SEQUENCE_GATES = Gates(int8_simulation_agreement=0.99, runtime_int8_steps=4, runtime_int8_agreement=0.98)
# An unrolled LSTM hands its rounding on from step to step.
LSTM_GATES = replace(SEQUENCE_GATES, int8_agreement=0.985)

# Runtimes round ADD and FULLY_CONNECTED to neighbouring steps, and residual blocks hand that on: tflite-runtime 2.14
# was measured at 1.5 steps from LiteRT 2.3 in version 2, and at 1 in version 1.
MLP_GATES = Gates(runtime_int8_steps=2)
