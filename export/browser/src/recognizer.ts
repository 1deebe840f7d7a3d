/** MediaPipe's web package in the worker: a `.task` over images, and hands in live frames. */

import { GestureRecognizer, HandLandmarker, type GestureRecognizerOptions } from "@mediapipe/tasks-vision";
import { Tensor, type CompiledModel } from "@litertjs/core";
import { compile, loadLiteRtVariant } from "./litert";
import type { Hand, LiveModel, Loaded, Mode, ModeAnswer, Point, Sight } from "./protocol";

const FRAME_MS = 33;
let fileset = { wasmLoaderPath: "", wasmBinaryPath: "" };

/** Where the wasm lies; it is loaded with the first recognizer. */
export function loadTasks(base: string): Loaded {
  const file = (ending: string) => new URL(`wasm/vision_wasm_internal.${ending}`, base).href;
  fileset = { wasmLoaderPath: file("js"), wasmBinaryPath: file("wasm") };
  return { status: "ran", reason: "", version: __TASKS_VERSION__, device: {}, emulated: "" };
}

// Not 0: MediaPipe may take that for no threshold given, and go by the file's own (Python 1.2.2 does).
const NO_THRESHOLD = 1e-6;

/** The custom head alone: no threshold, and a canned head that knows the background only. */
const HEAD_ALONE: GestureRecognizerOptions = {
  customGesturesClassifierOptions: { scoreThreshold: NO_THRESHOLD },
  cannedGesturesClassifierOptions: { scoreThreshold: NO_THRESHOLD, categoryAllowlist: ["None"] },
};

const createRecognizer = (task: Uint8Array, options: GestureRecognizerOptions): Promise<GestureRecognizer> =>
  GestureRecognizer.createFromOptions(fileset, {
    baseOptions: { modelAssetBuffer: task.slice(), delegate: "CPU" },
    numHands: 1,
    ...options,
  });

/** Asks a bundle about images in one mode. */
export async function recognizeImages(task: Uint8Array, pngs: Uint8Array[], mode: Mode): Promise<ModeAnswer> {
  const images = await Promise.all(pngs.map(decoded));
  const options: GestureRecognizerOptions = {
    runningMode: mode === "VIDEO" ? "VIDEO" : "IMAGE",
    ...(mode === "as it ships" ? {} : HEAD_ALONE),
  };
  const recognizer = await createRecognizer(task, options);
  try {
    return mode === "VIDEO" ? videoAnswers(recognizer, images) : imageAnswers(recognizer, images);
  } finally {
    recognizer.close();
  }
}

/** A PNG's pixels as they are stored. */
async function decoded(png: Uint8Array): Promise<ImageData> {
  const bitmap = await createImageBitmap(new Blob([png as BlobPart], { type: "image/png" }), {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function imageAnswers(recognizer: GestureRecognizer, images: ImageData[]): ModeAnswer {
  const hands: Hand[] = [];
  const timesUs: number[] = [];
  recognizer.recognize(images[0]); // warm-up
  images.forEach((image, number) => {
    const start = performance.now();
    const result = recognizer.recognize(image);
    timesUs.push(1e3 * (performance.now() - start));
    hands.push(handOf(number, result));
  });
  return { hands, timesUs };
}

/** Before each image comes a blank one, so that no hand is tracked from image to image. */
function videoAnswers(recognizer: GestureRecognizer, images: ImageData[]): ModeAnswer {
  const hands = images.map((image, number) => {
    const blank = new ImageData(image.width, image.height);
    for (let byte = 3; byte < blank.data.length; byte += 4) blank.data[byte] = 255;
    recognizer.recognizeForVideo(blank, 2 * number * FRAME_MS);
    return handOf(number, recognizer.recognizeForVideo(image, (2 * number + 1) * FRAME_MS));
  });
  return { hands, timesUs: [] };
}

type Recognized = ReturnType<GestureRecognizer["recognize"]>;

const points = (landmarks: { x: number; y: number; z: number }[]): Point[] => landmarks.map(({ x, y, z }) => [x, y, z]);

function handOf(image: number, result: Recognized): Hand {
  if (!result.landmarks.length) return { image, found: false };
  const gesture = result.gestures[0]?.[0];
  const side = result.handedness[0][0];
  return {
    image,
    found: true,
    label: gesture?.categoryName ?? "",
    score: gesture?.score ?? 0,
    landmarks: points(result.landmarks[0]),
    worldLandmarks: points(result.worldLandmarks[0]),
    left: side.categoryName === "Left" ? side.score : 1 - side.score,
  };
}

let look: (picture: ImageBitmap, timestampMs: number) => Promise<Omit<Sight, "ms">>;

/** Prepares for live frames. */
export async function startLive(model: LiveModel, base: string): Promise<null> {
  loadTasks(base);
  if (model.kind === "task") {
    const recognizer = await createRecognizer(model.task, { runningMode: "VIDEO" });
    look = async (picture, timestamp) => {
      const hand = handOf(0, recognizer.recognizeForVideo(picture, timestamp));
      return { landmarks: hand.landmarks ?? [], label: hand.label ?? "", score: hand.score ?? 0 };
    };
    return null;
  }
  const landmarker = await HandLandmarker.createFromOptions(fileset, {
    baseOptions: { modelAssetBuffer: model.landmarker, delegate: "CPU" },
    runningMode: "VIDEO",
    numHands: 1,
  });
  await loadLiteRtVariant("wasm", 1, base);
  const compiled = await compile(model.file);
  look = async (picture, timestamp) => {
    const [found] = landmarker.detectForVideo(picture, timestamp).landmarks;
    if (!found) return { landmarks: [], label: "", score: 0 };
    const landmarks = points(found);
    const scores = await scoresOf(compiled, landmarks);
    const best = scores.indexOf(Math.max(...scores));
    return { landmarks, label: model.classes[best] ?? `class ${best}`, score: scores[best] };
  };
  return null;
}

async function scoresOf(model: CompiledModel, landmarks: Point[]): Promise<Float32Array> {
  const input = new Tensor(new Float32Array(landmarks.flat()), [1, landmarks.length, 3]);
  const [output] = await model.run([input]);
  const scores = (await output.data()) as Float32Array;
  input.delete();
  output.delete();
  return scores;
}

/** What is to be seen in a frame. */
export async function lookAt(picture: ImageBitmap, timestampMs: number): Promise<Sight> {
  const start = performance.now();
  try {
    return { ...(await look(picture, timestampMs)), ms: performance.now() - start };
  } finally {
    picture.close();
  }
}
