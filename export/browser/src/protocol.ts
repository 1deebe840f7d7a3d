/** What the page and its worker tell each other, and what the server hands out. */

export type Variant = "wasm" | "wasm threads" | "webgpu" | "tasks-vision";

/** One input of the model for all samples: float32 (samples, …), row after row. */
export interface Input {
  name: string;
  /** Sample axis first. */
  shape: number[];
  values: Float32Array;
}

export interface Timing {
  repeats: number;
  warmUp: number;
  /** When a measurement ends although calls are left, in milliseconds. */
  measureMs: number;
}

/** How a runtime came up; `ran` means that it is ready. */
export interface Loaded {
  status: "ran" | "skipped" | "failed";
  reason: string;
  version: string;
  device: Record<string, string>;
  emulated: string;
}

/** One file's answers. */
export interface FileAnswer {
  /** float32 (samples, outputs). */
  output: Float32Array;
  loadMs: number;
  timesUs: number[];
  threads: number;
  /** Share of the graph on the accelerator: 1, or null where LiteRT.js does not tell. */
  delegated: number | null;
}

export type Mode = "IMAGE" | "VIDEO" | "as it ships";

export type Point = [number, number, number];

/** One image in the gesture recognizer. */
export interface Hand {
  image: number;
  found: boolean;
  label?: string;
  score?: number;
  landmarks?: Point[];
  worldLandmarks?: Point[];
  left?: number;
}

export interface ModeAnswer {
  hands: Hand[];
  timesUs: number[];
}

/** What a live frame shows. */
export interface Sight {
  /** 21 points in image widths and heights; empty where no hand is. */
  landmarks: Point[];
  label: string;
  score: number;
  /** Time for this frame, in milliseconds. */
  ms: number;
}

/** A live source: the bundle itself, or hand landmarks into a `.tflite`. */
export type LiveModel =
  | { kind: "task"; task: Uint8Array }
  | { kind: "file"; landmarker: Uint8Array; file: Uint8Array; input: string; classes: string[] };

export type Command =
  | { name: "load"; variant: Variant; threads: number; base: string }
  | { name: "run"; file: Uint8Array; inputs: Input[]; timing: Timing }
  | { name: "heap" }
  | { name: "recognize"; task: Uint8Array; images: Uint8Array[]; mode: Mode }
  | { name: "live"; base: string; model: LiveModel }
  | { name: "frame"; picture: ImageBitmap; timestampMs: number };

export interface Results {
  load: Loaded;
  run: FileAnswer;
  heap: number | null;
  recognize: ModeAnswer;
  live: null;
  frame: Sight;
}

export type Reply = { id: number; result: unknown } | { id: number; error: string; notTaken: boolean };
