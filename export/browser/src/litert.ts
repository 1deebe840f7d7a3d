/** LiteRT.js in the worker: loading one of its builds, and running a `.tflite` over all samples. */

import {
  getGlobalLiteRt,
  getGlobalLiteRtPromise,
  loadAndCompile,
  loadLiteRt,
  Tensor,
  type CompiledModel,
  type CompileOptions,
} from "@litertjs/core";
import { clockStepUs, timeCalls } from "./timing";
import type { FileAnswer, Input, Loaded, Timing, Variant } from "./protocol";

let compileOptions: CompileOptions = { accelerator: "wasm" };
let threadCount = 1;

/** Instructions beyond the WebAssembly of 2017 that LiteRT.js has builds for, by modules that use one of each. */
const RELAXED_SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253,
  128, 2, 11,
]);

const skipped = (reason: string): Loaded => ({
  status: "skipped",
  reason,
  version: __LITERT_VERSION__,
  device: {},
  emulated: "",
});

/** Loads the build that a variant needs; `skipped` where this browser has not what it takes. */
export async function loadLiteRtVariant(variant: Variant, threads: number, base: string): Promise<Loaded> {
  const relaxed = WebAssembly.validate(RELAXED_SIMD);
  const device: Record<string, string> = { simd: relaxed ? "relaxed SIMD" : "SIMD" };
  let emulated = "";
  let build = relaxed ? "internal" : "compat_internal";
  if (variant === "wasm threads") {
    if (!self.crossOriginIsolated) return skipped("threads need a cross-origin isolated page, and this one is not");
    if (!relaxed) return skipped("threads need a browser with relaxed SIMD (Chrome or Edge 114 and later)");
    build = "threaded_internal";
    threadCount = Math.max(2, Math.min(threads, navigator.hardwareConcurrency));
    compileOptions = { accelerator: "wasm", cpuOptions: { numThreads: threadCount } };
  } else if (variant === "webgpu") {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter) return skipped("no WebGPU adapter: no GPU that this browser can use");
    compileOptions = { accelerator: "webgpu", gpuOptions: { precision: "fp32" } };
    const { vendor, architecture, description } = adapter.info;
    device.gpu = [vendor, architecture, description].filter(Boolean).join(" ");
    if (/swiftshader/i.test(device.gpu)) emulated = "WebGPU in software (SwiftShader)";
  } else {
    compileOptions = { accelerator: "wasm", cpuOptions: { numThreads: 1 } };
  }
  device.build = `litert_wasm_${build}`;
  await loadBuild(new URL(`wasm/litert_wasm_${build}.js`, base).href);
  device.memory = "the runtime's WebAssembly heap";
  device.clock = `${clockStepUs()} µs steps; calls shorter than 20 of them are timed in groups`;
  return { status: "ran", reason: "", version: __LITERT_VERSION__, device, emulated };
}

const printed: string[] = [];

/** Loads one of LiteRT.js' builds. */
export async function loadBuild(script: string): Promise<void> {
  // In a worker the loader cannot tell where its own script came from, which its threads have to load once more.
  const folder = script.slice(0, script.lastIndexOf("/") + 1);
  Object.assign(self, {
    Module: {
      locateFile: (name: string) => folder + name,
      mainScriptUrlOrBlob: script,
      printErr: (line: string) => printed.push(line),
    },
  });
  await loadLiteRt(script);
}

/** Size of LiteRT.js' heap, which only ever grows; null where it is not loaded. */
export const heapBytes = (): number | null =>
  getGlobalLiteRtPromise() ? getGlobalLiteRt().liteRtWasm.HEAPU8.byteLength : null;

/** Compiles a file for the variant that was loaded. */
export const compile = (file: Uint8Array): Promise<CompiledModel> => loadAndCompile(file, compileOptions);

/** Runs a file over every sample, then times it. */
export async function runFile(file: Uint8Array, inputs: Input[], timing: Timing): Promise<FileAnswer> {
  const start = performance.now();
  const model = await compileWhole(file);
  const loadMs = performance.now() - start;
  try {
    const samples = inputs[0].shape[0];
    const rows = Array.from({ length: samples }, (_, row) => rowTensors(model, inputs, row));
    const output = await answers(model, rows);
    const onGpu = compileOptions.accelerator === "webgpu";
    const timesUs = await timeCalls((row) => callOnce(model, rows[row % samples], onGpu), timing);
    rows.flat().forEach((tensor) => tensor.delete());
    return { output, loadMs, timesUs, threads: threadCount, delegated: onGpu ? 1 : null };
  } finally {
    model.delete();
  }
}

/** A sample's tensors in the order of the file's inputs, which apps address by name. */
function rowTensors(model: CompiledModel, inputs: Input[], row: number): Tensor[] {
  const details = model.getInputDetails();
  const names = details.map((detail) => detail.name);
  if (names.length !== inputs.length || inputs.some((input) => !names.includes(input.name))) {
    throw new Error(`the file's inputs are ${names.join(", ")}, expected ${inputs.map((one) => one.name).join(", ")}`);
  }
  return details.map((detail) => {
    const input = inputs.find((one) => one.name === detail.name)!;
    const expected = [1, ...input.shape.slice(1)];
    const found = [...detail.shape];
    if (detail.dtype !== "float32" || found.join() !== expected.join()) {
      throw new Error(`input ${detail.name} is ${detail.dtype} (${found}), expected float32 (${expected})`);
    }
    const size = expected.reduce((product, length) => product * length, 1);
    return new Tensor(input.values.slice(row * size, (row + 1) * size), expected);
  });
}

async function answers(model: CompiledModel, rows: Tensor[][]): Promise<Float32Array> {
  const found: Float32Array[] = [];
  for (const tensors of rows) {
    const outputs = await model.run(tensors);
    const values = await outputs[0].data();
    if (!(values instanceof Float32Array)) throw new Error(`output is ${outputs[0].type.dtype}, expected float32`);
    found.push(values);
    outputs.forEach((tensor) => tensor.delete());
  }
  const width = found[0].length;
  const all = new Float32Array(found.length * width);
  found.forEach((values, row) => all.set(values, row * width));
  return all;
}

/** One call, to be timed; a GPU has not answered before its answer can be read. */
async function callOnce(model: CompiledModel, tensors: Tensor[], read: boolean): Promise<() => void> {
  const outputs = await model.run(tensors);
  if (read) await outputs[0].data();
  return () => outputs.forEach((tensor) => tensor.delete());
}

/** What a runtime is known not to take; it is no fault of the file. */
export class NotTaken extends Error {}

/**
 * Compiles a file; on a GPU only as a whole.
 *
 * LiteRT.js can leave operators that the GPU lacks to the CPU, but answered wrongly then: a float32 transformer was off
 * by .82 (2.5.3, WebGPU in software).
 */
async function compileWhole(file: Uint8Array): Promise<CompiledModel> {
  if (compileOptions.accelerator !== "webgpu") return compile(file);
  const model = await compile(file).catch((error: Error) => {
    throw new NotTaken(`the GPU does not take this graph: ${errorWords(error)}`);
  });
  const onGpu = Object.values(model.signatures)[0].options.accelerator === "webgpu" && model.isFullyAccelerated;
  if (onGpu) return model;
  model.delete();
  throw new NotTaken(`the GPU takes only a part of this graph: ${errorWords("the rest is the CPU's")}`);
}

/** Places in LiteRT's source, with or without a time before them. */
const NOISE = /└|ERROR:|\[\S*:\d+\]|^E\d{4} [\d:.]+ +\d+ \S+\]/g;

/** An error in a line. LiteRT.js throws places in its source and prints the cause, which is what one wants to read. */
export function errorWords(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const causes = printed.splice(0).filter((line) => !/^(INFO|WARNING|VERBOSE|[IW]\d{4} )/.test(line));
  const lines = (causes.length ? causes : text.split("\n")).map((line) => line.replace(NOISE, "").trim());
  return lines.filter(Boolean).join("; ").replaceAll(":; ", ": ").slice(0, 500) || text.slice(0, 500) || "failed without a word";
}
