/** A job of the test harness: every part in turn, each result posted as soon as it is there. */

import { element } from "./page";
import { BASE, RuntimeError, RuntimeWorker } from "./runtime_worker";
import type { FileAnswer, Input, Mode, ModeAnswer, Timing, Variant } from "./protocol";

interface InputFile {
  name: string;
  shape: number[];
  url: string;
}

export interface Job {
  name: string;
  files: Record<string, string>;
  inputs: InputFile[];
  task: { file: string; images: string[] } | null;
  /** A model that LiteRT.js on threads must answer before it is given these files; see `page_canary.py`. */
  canary: { file: string; inputs: InputFile[]; answer: number[]; files: string[] };
  threads: number;
  repeats: number;
  warmUp: number;
  measureMs: number;
  todo: { variant: Variant; parts: string[] }[];
}

export async function bytesOf(url: string): Promise<Uint8Array> {
  const response = await fetch(new URL(url, BASE));
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

const readInput = async ({ name, shape, url }: InputFile): Promise<Input> => ({
  name,
  shape,
  values: new Float32Array((await bytesOf(url)).buffer as ArrayBuffer),
});

export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as BufferSource));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function post(message: Record<string, unknown>): Promise<void> {
  const response = await fetch(new URL("message", BASE), { method: "POST", body: JSON.stringify(message) });
  if (!response.ok) throw new Error(`the harness did not take a result: ${await response.text()}`);
}

/** float32 as base64, little-endian. */
function base64(values: Float32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let text = "";
  for (let start = 0; start < bytes.length; start += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  }
  return btoa(text);
}

/** Runs one variant's parts in a worker, a fresh one behind each part that failed. */
class VariantRun {
  private worker = new RuntimeWorker();

  constructor(
    private readonly job: Job,
    private readonly variant: Variant,
    private readonly inputs: Input[],
    private readonly images: Uint8Array[],
    private readonly progress: Progress,
  ) {}

  async run(parts: string[]): Promise<void> {
    const { variant } = this;
    await post({ kind: "begin", variant, part: "" });
    this.progress.note(variant, null, "loading");
    const loaded = await this.load().catch((error: Error) => ({
      ...{ status: "failed", reason: error.message, version: "", device: {}, emulated: "" },
    }));
    await post({ kind: "variant", variant, ...loaded });
    if (loaded.status === "ran") {
      const fault = variant === "wasm threads" ? await this.canaryFault(parts) : "";
      for (const part of parts) await (fault && this.job.canary.files.includes(part) ? this.skip(part, fault) : this.part(part));
      const bytes = await this.worker.call({ name: "heap" });
      if (bytes !== null) await post({ kind: "peak", variant, bytes });
    } else {
      this.progress.note(variant, null, loaded.status, loaded.reason);
    }
    this.worker.end();
  }

  private load() {
    return this.worker.call({ name: "load", variant: this.variant, threads: this.job.threads, base: BASE });
  }

  /** What is wrong with a runtime that answers the canary wrongly; `` where it is right, or nothing depends on it. */
  private async canaryFault(parts: string[]): Promise<string> {
    const { file, inputs, answer, files } = this.job.canary;
    if (!parts.some((part) => files.includes(part))) return "";
    const given = { file: await bytesOf(file), inputs: await Promise.all(inputs.map(readInput)) };
    const timing: Timing = { repeats: 1, warmUp: 1, measureMs: 0 };
    const { output, threads } = await this.worker.call({ name: "run", ...given, timing }).catch((error: Error) => ({
      ...{ output: new Float32Array(), threads: this.job.threads, error },
    }));
    const wrong = answer.filter((value, place) => output[place] !== value).length;
    if (!wrong) return "";
    const share = `${wrong} of ${answer.length} values of a canary were wrong`;
    return `LiteRT.js ${__LITERT_VERSION__} multiplies int8 tensors (BATCH_MATMUL) wrongly on ${threads} threads: ${share}`;
  }

  private async skip(part: string, reason: string): Promise<void> {
    await post({ kind: "answer", variant: this.variant, part, status: "skipped", sha256: "", reason });
    this.progress.note(this.variant, part, "skipped", reason);
  }

  private async part(part: string): Promise<void> {
    const { variant } = this;
    await post({ kind: "begin", variant, part });
    this.progress.note(variant, part, "running");
    const isTask = variant === "tasks-vision";
    const kind = isTask ? "mode" : "answer";
    let digest = "";
    try {
      const file = await bytesOf(isTask ? this.job.task!.file : this.job.files[part]);
      digest = await sha256(file);
      const answer = await (isTask ? this.recognize(file, part as Mode) : this.runFile(file));
      await post({ kind, variant, part, status: "ran", sha256: digest, ...answer });
      this.progress.note(variant, part, "done");
    } catch (error) {
      const reason = (error as Error).message;
      const notTaken = error instanceof RuntimeError && error.notTaken;
      const status = notTaken ? "skipped" : "failed";
      await post({ kind, variant, part, status, sha256: digest, reason });
      this.progress.note(variant, part, status, reason);
      if (notTaken) return;
      this.worker.end();
      this.worker = new RuntimeWorker();
      await this.load();
    }
  }

  private async runFile(file: Uint8Array): Promise<Record<string, unknown>> {
    const { repeats, warmUp, measureMs } = this.job;
    const timing: Timing = { repeats, warmUp, measureMs };
    const answer: FileAnswer = await this.worker.call({ name: "run", file, inputs: this.inputs, timing });
    return { ...answer, output: base64(answer.output) };
  }

  private recognize(task: Uint8Array, mode: Mode): Promise<ModeAnswer> {
    return this.worker.call({ name: "recognize", task, images: this.images, mode });
  }
}

/** What a person who looks on sees. */
class Progress {
  private readonly marks = new Map<string, HTMLElement>();
  private readonly line = element("p", { class: "status", role: "status" });

  constructor(job: Job, main: HTMLElement) {
    const rows = job.todo.map(({ variant, parts }) =>
      element(
        "li",
        { class: "card" },
        element("h2", {}, variant === "tasks-vision" ? "MediaPipe tasks-vision" : `LiteRT.js, ${variant}`),
        element("p", { class: "reason" }),
        element("p", { class: "marks" }, ...parts.map((part) => this.mark(variant, part))),
      ),
    );
    main.replaceChildren(
      element("h1", {}, `Checking ${job.name}`),
      element("p", { class: "lead" }, "signport parity runs this model’s files here. Leave this tab open and in front."),
      this.line,
      element("ul", { class: "plain" }, ...rows),
    );
  }

  private mark(variant: string, part: string): HTMLElement {
    const made = element("span", { class: "mark", "data-state": "waiting" }, part);
    this.marks.set(`${variant}/${part}`, made);
    return made;
  }

  note(variant: string, part: string | null, state: string, reason = ""): void {
    this.line.textContent = part === null ? `${variant}: ${state}` : `${variant}, ${part}: ${state}`;
    const marks = [...this.marks].filter(([key]) => (part === null ? key.startsWith(`${variant}/`) : key === `${variant}/${part}`));
    for (const [, mark] of marks) if (part !== null || state !== "loading") mark.dataset.state = state;
    if (reason) marks[0]?.[1].closest("li")!.querySelector(".reason")!.append(reason);
  }

  end(words: string): void {
    this.line.textContent = words;
  }
}

/** Does what the job says is still to do. */
export async function runJob(job: Job, device: Record<string, string>, main: HTMLElement): Promise<void> {
  // Held open as long as this page lives: the harness sees at once when the tab crashes.
  void fetch(new URL("alive", BASE)).catch(() => undefined);
  const progress = new Progress(job, main);
  try {
    await post({ kind: "hello", device });
    const inputs = await Promise.all(job.inputs.map(readInput));
    const images = job.task ? await Promise.all(job.task.images.map(bytesOf)) : [];
    for (const { variant, parts } of job.todo) {
      await new VariantRun(job, variant, inputs, images, progress).run(parts);
    }
    await post({ kind: "end" });
    progress.end("Done. You can close this tab.");
  } catch (error) {
    progress.end(`Stopped: ${(error as Error).message}`);
    await post({ kind: "stopped", reason: (error as Error).message });
  }
}
