/** "Try it live": the webcam, the hand's landmarks drawn on the picture, and the model's label. */

import { bytesOf } from "./harness";
import { element } from "./page";
import { BASE, RuntimeWorker } from "./runtime_worker";
import type { LiveModel, Point, Sight } from "./protocol";
import type { Run } from "./run_folder";

// MediaPipe's HAND_CONNECTIONS.
const EDGES: [number, number][] = [
  ...([[0, 1], [0, 5], [9, 13], [13, 17], [5, 9], [0, 17]] as [number, number][]),
  ...[1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18, 19].map((point): [number, number] => [point, point + 1]),
];
const PICTURE = { width: { ideal: 640 }, height: { ideal: 480 } };
/** Share of the newest frame in the times shown. */
const NEWEST = 0.1;

/** What to run on the camera's pictures, or why this model is not for that. */
export async function liveModelOf(run: Run, landmarkerIsServed: boolean): Promise<LiveModel | string> {
  const { card, files, task } = run;
  if (task) return { kind: "task", task: task.bytes };
  if (card.output === "embedding") {
    return "An embedder has no labels of its own. Train a head on it, and bundle both: `signport bundle`.";
  }
  const [input, ...others] = card.inputs;
  if (others.length || input.shape.join() !== "1,21,3") {
    const points = card.topology ? ` (${card.topology})` : "";
    return (
      `This model reads clips of body and hand landmarks${points}, which no model of MediaPipe’s web package finds in one ` +
      "go. For recorded clips: `signport stream RUN CACHE`. In an app: `signport.Stream`, or its twin in your language, " +
      "fed by MediaPipe Holistic."
    );
  }
  if (!landmarkerIsServed) {
    return "The hand landmark models are not here: the installed MediaPipe ships none. Install mediapipe==0.10.21.";
  }
  const file = files.get("int8") ?? [...files.values()][0];
  const landmarker = await bytesOf("hand_landmarker.task");
  return { kind: "file", landmarker, file, input: input.name, classes: card.classes };
}

export class LiveView {
  private readonly video = element("video", { muted: true, playsinline: true });
  private readonly canvas = element("canvas");
  private readonly label = element("p", { class: "live-label", "aria-live": "polite" });
  private readonly meter = element("meter", { min: "0", max: "1", "aria-label": "score" });
  private readonly times = element("p", { class: "quiet" });
  private readonly button = element("button", { type: "button", click: () => void this.toggle() }, "Start the camera");
  private readonly stage = element("div", { class: "stage", hidden: true }, this.video, this.canvas);
  private readonly answer = element("div", { class: "answer", hidden: true }, this.label, this.meter, this.times);
  private readonly problem = element("p", { class: "problem", role: "alert" });
  private worker: RuntimeWorker | null = null;
  private stream: MediaStream | null = null;
  private frameMs = 0;
  private perSecond = 0;
  private lastFrame = 0;

  constructor(
    private readonly model: LiveModel,
    what: string,
  ) {
    this.element = element(
      "div",
      { class: "live" },
      element("p", { class: "lead" }, what),
      this.button,
      this.problem,
      element("div", { class: "live-row" }, this.stage, this.answer),
    );
  }

  readonly element: HTMLElement;

  /** Ends camera and worker. */
  stop(): void {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.worker?.end();
    this.stream = this.worker = null;
    this.stage.hidden = this.answer.hidden = true;
    this.button.textContent = "Start the camera";
  }

  private async toggle(): Promise<void> {
    if (this.stream) {
      this.stop();
      return;
    }
    this.problem.textContent = "";
    this.button.disabled = true;
    this.button.textContent = "Starting …";
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: PICTURE });
      this.worker = new RuntimeWorker();
      await this.worker.call({ name: "live", base: BASE, model: this.model });
      this.video.srcObject = this.stream;
      await this.video.play();
      this.stage.hidden = this.answer.hidden = false;
      this.button.textContent = "Stop";
      void this.follow(this.worker);
    } catch (error) {
      this.stop();
      this.problem.textContent = `No live picture: ${(error as Error).message}`;
    } finally {
      this.button.disabled = false;
    }
  }

  /** Frame by frame, never two at a time: what comes meanwhile is passed over. */
  private async follow(worker: RuntimeWorker): Promise<void> {
    let timestampMs = 0;
    while (this.worker === worker) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      if (this.worker !== worker || this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) continue;
      timestampMs = Math.max(timestampMs + 1, Math.round(performance.now()));
      try {
        const picture = await createImageBitmap(this.video);
        this.show(await worker.call({ name: "frame", picture, timestampMs }, [picture]));
      } catch (error) {
        if (this.worker !== worker) return;
        this.stop();
        this.problem.textContent = `The live picture ended: ${(error as Error).message}`;
      }
    }
  }

  private show(sight: Sight): void {
    const now = performance.now();
    const rate = this.lastFrame ? 1000 / (now - this.lastFrame) : 0;
    this.frameMs = this.frameMs ? this.frameMs + NEWEST * (sight.ms - this.frameMs) : sight.ms;
    this.perSecond = this.perSecond ? this.perSecond + NEWEST * (rate - this.perSecond) : rate;
    this.lastFrame = now;
    const found = sight.landmarks.length > 0;
    const words = found ? sight.label || "no gesture" : "no hand";
    if (this.label.textContent !== words) this.label.textContent = words;
    this.label.classList.toggle("quiet", !found);
    this.meter.value = sight.score;
    this.times.textContent =
      `score ${found ? sight.score.toFixed(2) : "–"} · ${this.frameMs.toFixed(0)} ms a frame, landmarks included · ` +
      `${this.perSecond.toFixed(0)} frames/s`;
    this.draw(sight.landmarks);
  }

  private draw(landmarks: Point[]): void {
    const { canvas, video } = this;
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    const context = canvas.getContext("2d")!;
    const at = (point: number): [number, number] => [
      landmarks[point][0] * canvas.width,
      landmarks[point][1] * canvas.height,
    ];
    if (!landmarks.length) return;
    context.lineWidth = canvas.width / 160;
    context.lineCap = "round";
    context.strokeStyle = "#5eead4";
    context.beginPath();
    for (const [from, to] of EDGES) {
      context.moveTo(...at(from));
      context.lineTo(...at(to));
    }
    context.stroke();
    context.fillStyle = "#ffffff";
    for (let point = 0; point < landmarks.length; point++) {
      context.beginPath();
      context.arc(...at(point), canvas.width / 130, 0, 2 * Math.PI);
      context.fill();
    }
  }
}
