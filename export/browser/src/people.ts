/** The page for people: drop a run's folder, read the table and the chart, try the model on the webcam. */

import { latencyChart } from "./chart";
import { figuresOf, spreadOf, timeWords, type Figures, type Spread } from "./figures";
import { LiveView, liveModelOf } from "./live";
import { element } from "./page";
import { BASE, RuntimeError, RuntimeWorker } from "./runtime_worker";
import { droppedFiles, readerOf, readRun, servedReader, type Reader, type Run } from "./run_folder";
import type { Timing, Variant } from "./protocol";

const TIMING: Timing = { repeats: 300, warmUp: 50, measureMs: 300 };
const VARIANTS: [Variant, string][] = [
  ["wasm", "CPU, one thread"],
  ["wasm threads", "CPU, several threads"],
  ["webgpu", "GPU (WebGPU)"],
];

/** What the server has for this page. */
export interface About {
  /** Names of the served run's files; none where a folder has to be dropped. */
  files: string[];
  handLandmarker: boolean;
}

interface Row {
  name: string;
  state: string;
  note: string;
  figures: Figures | null;
  spread: Spread | null;
}

export async function showPeoplesPage(main: HTMLElement, about: About): Promise<void> {
  const page = new PeoplesPage(main, about);
  if (about.files.length) await page.open(servedReader(about.files));
}

class PeoplesPage {
  private readonly drop = element("section", { class: "drop", "aria-label": "Open a run" });
  private readonly problem = element("p", { class: "problem", role: "alert" });
  private readonly status = element("p", { class: "status", role: "status" });
  private readonly result = element("div", { class: "result" });
  private readonly chooser = element("input", {
    type: "file",
    class: "hidden",
    id: "chooser",
    webkitdirectory: true,
    tabindex: "-1",
    "aria-hidden": "true",
    change: () => void this.open(async (name) => this.chosen()(name)),
  });
  private live: LiveView | null = null;
  private busy = false;

  constructor(
    main: HTMLElement,
    private readonly about: About,
  ) {
    const { drop } = this;
    drop.append(
      element("h1", {}, "Does the exported file still answer like the trained model?"),
      element("p", { class: "lead" }, "Drop a run’s folder here. Everything stays in this browser."),
      element("button", { type: "button", click: () => this.chooser.click() }, "Choose a folder …"),
      this.chooser,
      element("p", { class: "quiet" }, ...withCode("It holds what `signport export` wrote: card.json, golden.npz and the .tflite files.")),
      this.problem,
    );
    main.replaceChildren(drop, this.status, this.result);
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) drop.classList.remove("over");
    });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      const { items } = event.dataTransfer!;
      void this.openFiles(droppedFiles(items));
    });
  }

  private chosen(): Reader {
    const files = [...(this.chooser.files ?? [])];
    return readerOf(new Map(files.map((file) => [file.webkitRelativePath || file.name, file])));
  }

  private async openFiles(files: Promise<Map<string, File>>): Promise<void> {
    await this.open(async (name) => readerOf(await files)(name));
  }

  /** Reads a run and checks it. */
  async open(read: Reader): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.problem.textContent = "";
    this.status.textContent = "Reading the run …";
    this.live?.stop();
    this.result.replaceChildren();
    try {
      const run = await readRun(read);
      await this.show(run);
    } catch (error) {
      this.problem.textContent = (error as Error).message;
      this.status.textContent = "";
    } finally {
      this.busy = false;
      this.chooser.value = "";
    }
  }

  private async show(run: Run): Promise<void> {
    const { card, golden } = run;
    this.drop.classList.add("opened");
    const samples = golden.weights.filter((weight) => weight > 0).length;
    const check = new Check(run, this.status);
    const model = await liveModelOf(run, this.about.handLandmarker);
    const what = run.task
      ? "The bundle itself, as an app would run it: hand, landmarks, embedder and head."
      : "MediaPipe finds the hand’s landmarks; this run’s int8 file names them.";
    this.live = typeof model === "string" ? null : new LiveView(model, what);
    const facts = [card.family, `${card.classes.length} classes`, `${samples} golden samples`];
    this.result.append(
      element(
        "section",
        { class: "card" },
        element(
          "div",
          { class: "row" },
          element("div", {}, element("h2", {}, card.name), element("p", { class: "quiet" }, facts.join(" · "))),
          check.controls,
        ),
        check.table,
        check.footnote,
      ),
      element("section", { class: "card" }, element("h2", {}, "Time of one call"), check.chart),
      element(
        "section",
        { class: "card" },
        element("h2", {}, "Try it live"),
        this.live ? this.live.element : element("p", { class: "lead" }, ...withCode(model as string)),
      ),
    );
    await check.run();
  }
}

/** Text in which `…` is code. */
const withCode = (text: string): (Node | string)[] =>
  text.split("`").map((part, number) => (number % 2 ? element("code", {}, part) : part));

/** Running all formats, and the table and chart of it. */
class Check {
  readonly table = element("div", { class: "scroll" });
  readonly chart = element("div", { class: "chart-box" });
  readonly footnote = element("p", { class: "quiet" });
  private readonly variant = element(
    "select",
    { "aria-label": "Where to run", change: () => void this.run() },
    ...VARIANTS.map(([value, words]) => element("option", { value }, words)),
  );
  private readonly again = element("button", { type: "button", class: "second", click: () => void this.run() }, "Run again");
  readonly controls = element("div", { class: "controls" }, this.variant, this.again);
  private running = false;

  constructor(
    private readonly of: Run,
    private readonly status: HTMLElement,
  ) {}

  async run(): Promise<void> {
    if (this.running) return;
    this.running = this.variant.disabled = this.again.disabled = true;
    const rows = [...this.of.files.keys()].map(
      (name): Row => ({ name, state: "waiting", note: "", figures: null, spread: null }),
    );
    if (this.of.task?.images.length) rows.push({ name: ".task", state: "waiting", note: "", figures: null, spread: null });
    this.draw(rows);
    let worker = new RuntimeWorker();
    const variant = this.variant.value as Variant;
    const load = () => worker.call({ name: "load", variant, threads: navigator.hardwareConcurrency, base: BASE });
    const loaded = await load().catch((error: Error) => ({ status: "failed", reason: error.message, emulated: "" }));
    for (const row of rows) {
      this.status.textContent = `Running ${row.name} …`;
      row.state = "running";
      this.draw(rows);
      if (row.name === ".task") await this.task(row);
      else if (loaded.status !== "ran") [row.state, row.note] = [loaded.status, loaded.reason];
      else if (!(await this.file(row, worker))) {
        worker.end();
        worker = new RuntimeWorker();
        await load().catch(() => undefined);
      }
      this.draw(rows);
    }
    worker.end();
    this.status.textContent = "Done.";
    this.footnote.textContent = [
      loaded.emulated && `${loaded.emulated}: its times say nothing of a GPU.`,
      "Max error, SQNR (of the centred log-probabilities) and agreement are against the trained Keras model.",
    ]
      .filter(Boolean)
      .join(" ");
    this.running = this.variant.disabled = this.again.disabled = false;
  }

  /** Runs a format; whether the worker is as well as before. */
  private async file(row: Row, worker: RuntimeWorker): Promise<boolean> {
    const { files, inputs, golden, card, stale } = this.of;
    try {
      const answer = await worker.call({ name: "run", file: files.get(row.name)!, inputs, timing: TIMING });
      row.figures = figuresOf(answer.output, golden, card.output !== "embedding");
      row.spread = spreadOf(answer.timesUs);
      row.state = row.figures.finite ? "done" : "failed";
      if (!row.figures.finite) row.note = "answers with NaN, infinity or the wrong shape";
    } catch (error) {
      const notTaken = error instanceof RuntimeError && error.notTaken;
      [row.state, row.note] = [notTaken ? "skipped" : "failed", (error as Error).message];
      return notTaken;
    } finally {
      if (stale.has(row.name)) row.note = "not the file that card.json describes: export again";
    }
    return true;
  }

  private async task(row: Row): Promise<void> {
    const { bytes, images, labels } = this.of.task!;
    const worker = new RuntimeWorker();
    try {
      await worker.call({ name: "load", variant: "tasks-vision", threads: 1, base: BASE });
      const { hands, timesUs } = await worker.call({ name: "recognize", task: bytes, images, mode: "as it ships" });
      const known = hands.filter((hand) => hand.found && labels[hand.image]);
      const right = known.filter((hand) => hand.label === labels[hand.image]).length;
      row.spread = spreadOf(timesUs);
      row.state = "done";
      row.note = `${hands.filter((hand) => hand.found).length} hands in ${images.length} images`;
      const accuracy = known.length ? right / known.length : null;
      row.figures = { finite: true, maxAbs: NaN, sqnrDb: NaN, agreement: null, accuracy };
    } catch (error) {
      [row.state, row.note] = ["failed", (error as Error).message];
    } finally {
      worker.end();
    }
  }

  private draw(rows: Row[]): void {
    const heads = ["format", "max error", "SQNR", "agreement", "accuracy", "median", "p5 – p95", ""];
    this.table.replaceChildren(
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
        element("tbody", {}, ...rows.map(tableRow)),
      ),
    );
    const timed = rows.filter((row): row is Row & { spread: Spread } => row.spread !== null && row.name !== ".task");
    this.chart.replaceChildren(timed.length ? latencyChart(timed) : element("p", { class: "quiet" }, "…"));
  }
}

function tableRow(row: Row): HTMLElement {
  const { figures, spread } = row;
  const share = (value: number | null | undefined) => (value == null ? "–" : `${(100 * value).toFixed(value === 1 ? 0 : 1)} %`);
  const cells = [
    figures && !Number.isNaN(figures.maxAbs) ? errorWords(figures.maxAbs) : "–",
    figures && !Number.isNaN(figures.sqnrDb) ? decibels(figures.sqnrDb) : "–",
    share(figures?.agreement),
    share(figures?.accuracy),
    spread ? timeWords(spread.median) : "–",
    spread ? `${timeWords(spread.p5)} – ${timeWords(spread.p95)}` : "–",
  ];
  return element(
    "tr",
    { "data-format": row.name },
    element("th", { scope: "row" }, row.name),
    ...cells.map((words) => element("td", { class: "number" }, words)),
    element("td", {}, element("span", { class: "mark", "data-state": row.state }, row.state), " ", row.note),
  );
}

function errorWords(value: number): string {
  if (value === 0) return "0";
  return value >= 1e-3 ? value.toFixed(4) : value.toExponential(1).replace("e-", "e−");
}

const decibels = (value: number): string => (value === Infinity ? "∞" : `${value.toFixed(1)} dB`);
