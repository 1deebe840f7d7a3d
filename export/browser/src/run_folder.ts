/** A run's folder, dropped, chosen or served: its exported files and golden vectors. */

import { sampleWeights, type Golden } from "./figures";
import { bytesOf, sha256 } from "./harness";
import { readNpz, type NpyArray } from "./npz";
import type { Input } from "./protocol";

export interface Card {
  name: string;
  family: string;
  topology?: string;
  output: string;
  classes: string[];
  inputs: { name: string; shape: number[] }[];
  files: Record<string, { file: string; sha256: string; bytes: number }>;
  metrics?: { test_samples?: number };
}

export interface Task {
  bytes: Uint8Array;
  images: Uint8Array[];
  /** Class name that each image shows, `` where unknown. */
  labels: string[];
}

export interface Run {
  card: Card;
  files: Map<string, Uint8Array>;
  /** Formats whose file is not the one that the card describes. */
  stale: Set<string>;
  inputs: Input[];
  golden: Golden;
  task: Task | null;
}

/** Reads a file of the folder by its name. */
export type Reader = (name: string) => Promise<Uint8Array>;

/** The files of a dropped or chosen folder: those beside `card.json`, wherever in the folder that lies. */
export function readerOf(files: Map<string, File>): Reader {
  const cards = [...files.keys()].filter((path) => path === "card.json" || path.endsWith("/card.json"));
  const [card] = cards.sort((a, b) => a.length - b.length);
  if (card === undefined) {
    throw new Error("No card.json in there. Drop a run’s folder, or its export folder; `signport export` writes it.");
  }
  const folder = card.slice(0, -"card.json".length);
  return async (name) => {
    const file = files.get(folder + name);
    if (!file) throw new Error(`${folder}${name}: no such file. Run \`signport export\` again.`);
    return new Uint8Array(await file.arrayBuffer());
  };
}

/** The files that `signport parity --open RUN` serves. */
export const servedReader =
  (names: string[]): Reader =>
  async (name) => {
    if (!names.includes(name)) throw new Error(`${name}: no such file. Run \`signport export\` again.`);
    return bytesOf(`run/${name}`);
  };

/** Reads all that the page needs. */
export async function readRun(read: Reader): Promise<Run> {
  const card = JSON.parse(new TextDecoder().decode(await read("card.json"))) as Card;
  if (!card.files || !card.inputs || !card.classes) throw new Error("card.json: not a model card of `signport export`.");
  const files = new Map<string, Uint8Array>();
  const stale = new Set<string>();
  for (const [form, entry] of Object.entries(card.files)) {
    const bytes = await read(entry.file);
    files.set(form, bytes);
    if ((await sha256(bytes)) !== entry.sha256) stale.add(form);
  }
  const arrays = await readNpz(await read("golden.npz"));
  const inputs = card.inputs.map(({ name }) => {
    const { shape, values } = need(arrays, `input_${name}`);
    return { name, shape, values: values as Float32Array };
  });
  return { card, files, stale, inputs, golden: goldenOf(arrays, card), task: await taskOf(read, card.classes) };
}

function need(arrays: Map<string, NpyArray>, name: string): NpyArray {
  const found = arrays.get(name);
  if (!found) throw new Error(`golden.npz: holds no ${name}. Run \`signport export\` again.`);
  return found;
}

function goldenOf(arrays: Map<string, NpyArray>, card: Card): Golden {
  const { shape, values } = need(arrays, "output");
  const output = values as Float32Array;
  const names = (arrays.get("edge")?.values ?? []) as string[];
  const edge = Array.from({ length: shape[0] }, (_, row) => Boolean(names[row]));
  const weights = sampleWeights(output, shape[1], edge, card.metrics?.test_samples);
  return { output, width: shape[1], labels: need(arrays, "label").values as Int32Array, weights };
}

async function taskOf(read: Reader, classes: string[]): Promise<Task | null> {
  const bytes = await read("gesture_recognizer.task").catch(() => null);
  if (!bytes) return null;
  const packed = await read("golden_images.npz").catch(() => null);
  if (!packed) return { bytes, images: [], labels: [] };
  const arrays = await readNpz(packed);
  const labels = Array.from(need(arrays, "label").values as Int32Array, (index) => classes[index] ?? "");
  const images = labels.map((_, number) => need(arrays, `image_${number}`).values as Uint8Array);
  return { bytes, images, labels };
}

/** All files below what was dropped, by their paths. */
export async function droppedFiles(items: DataTransferItemList): Promise<Map<string, File>> {
  const found = new Map<string, File>();
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const walk = async (entry: FileSystemEntry, path: string): Promise<void> => {
    if (entry.isFile) {
      found.set(path, await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail)));
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    const batch = () => new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    // A reader hands a folder out in batches; an empty one is the end.
    for (let some = await batch(); some.length; some = await batch()) {
      for (const inner of some) await walk(inner, `${path}/${inner.name}`);
    }
  };
  for (const entry of entries) await walk(entry, entry.name);
  return found;
}
