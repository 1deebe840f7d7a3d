"""How many hands a second one core draws: `python benchmarks/render_hands.py [--images 300] [--size 256]`.

Prints images/s for the whole way (random scene, drawing, camera, PNG in memory) and milliseconds of each part, in
processor time, so that other work on the machine hardly shows.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from signport.datasets.rendered.background import make_background, photograph
from signport.datasets.rendered.drawing import draw_hand
from signport.datasets.rendered.handshapes import vocabulary
from signport.datasets.rendered.pictures import encode_png
from signport.datasets.rendered.scene import make_scene


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--size", type=int, default=256)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    classes = vocabulary("letters")
    tasks = [(classes[number % len(classes)], number // len(classes)) for number in range(options.images)]
    make_scene("letters", "A", 0, seed=1, size=options.size).draw()  # first call: caches, lazy imports

    scenes, seconds = _timed(lambda task: make_scene("letters", *task, seed=0, size=options.size), tasks)
    parts = {"scene": seconds}
    rng = np.random.default_rng(0)
    backgrounds, parts["background"] = _timed(lambda _: make_background(rng, options.size), tasks)
    hands, parts["hand"] = _timed(
        lambda pair: draw_hand(pair[0].skeleton, pair[0].view, pair[0].look, pair[1], pair[0].arm),
        list(zip(scenes, backgrounds, strict=True)),
    )
    photos, parts["camera"] = _timed(lambda image: photograph(rng, image), hands)
    _, parts["png"] = _timed(encode_png, photos)
    total = sum(parts.values())
    print(f"{options.images / total:.1f} images/s at {options.size} px on one core")
    for name, spent in parts.items():
        print(f"  {name:<10} {1000 * spent / options.images:6.2f} ms an image")


def _timed(step: Callable[[Any], Any], inputs: list[Any]) -> tuple[list[Any], float]:
    start = time.process_time()
    outputs = [step(value) for value in inputs]
    return outputs, time.process_time() - start


if __name__ == "__main__":
    main()
