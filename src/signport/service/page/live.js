/** The live picture: the camera's frames to the server, one at a time, and its answers back. */

import { ServiceError, asSentence, pause } from "./service.js";

const WIDEST = 640;
const QUALITY = 0.8;
const SLOWEST_ANSWER_S = 15;
/** After an answer that is an error: the next frame will not fare better at once. */
const AFTER_ERROR_S = 1;
const FIRST_WAIT_S = 0.5;
const LONGEST_WAIT_S = 8;
const FULL_WAIT_S = 3;
/** Share of the newest frame in the figures. */
const NEWEST = 0.15;
/** The first frames wait for the server's processes and say nothing of the rate to come. */
const [RATE_FROM, RATE_TO] = [5, 30];
/** A rate that differs by less is near enough to the model's own. */
const NEAR = 1.2;
const POLICY = 1008;
const TOO_LARGE = 1009;
const FULL = 1013;

/** Opens the camera. @returns {Promise<MediaStream>} */
export async function openCamera() {
  if (!navigator.mediaDevices) {
    throw new ServiceError("Browsers give a camera to https pages and to this machine’s own only. Open this page over https.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" },
    });
  } catch (error) {
    throw new ServiceError(CAMERA_PROBLEMS[error.name] ?? `The camera cannot be used: ${error.message}`);
  }
}

const CAMERA_PROBLEMS = {
  NotAllowedError: "The camera was refused. Allow it for this page, in the browser’s address bar, and start again.",
  NotFoundError: "There is no camera here. Choose a file instead.",
  NotReadableError: "Another program uses the camera. Close it there, and start again.",
};

export class LivePicture {
  #service;
  #video;
  #listener;
  #stopped = false;
  #socket = null;
  #canvas = document.createElement("canvas");
  #latency = 0;
  #rate = 0;
  #last = 0;
  #modelRate;
  #toldRate = null;
  #measured = false;

  /**
   * @param {import("./service.js").Service} service
   * @param {HTMLVideoElement} video What plays.
   * @param {number | null} modelRate Frames a second that the model knows, where it matters: the server is told the rate
   *   that this camera and connection reach, and keeps signs at the speed that the model knows.
   * @param {object} listener `frame(answer, figures)`, `waiting(words)`, `failed(error)`.
   */
  constructor(service, video, modelRate, listener) {
    this.#service = service;
    this.#video = video;
    this.#modelRate = modelRate;
    this.#listener = listener;
    void this.#run();
  }

  /** Ends it. */
  stop() {
    this.#stopped = true;
    this.#socket?.close();
  }

  /** Connects, again and again, until it is stopped or the server says that it is no use. */
  async #run() {
    let waitS = FIRST_WAIT_S;
    while (!this.#stopped) {
      try {
        const { code, reason, opened, answered, settled } = await this.#connection();
        if (this.#stopped) return;
        if (answered) waitS = FIRST_WAIT_S;
        if (settled) {
          await pause(FIRST_WAIT_S); // the server gives the process that follows this person back to its others
          continue;
        }
        if (code === FULL) waitS = Math.max(waitS, FULL_WAIT_S);
        refuse(code, reason);
        if (!opened) await this.#service.model(); // a browser does not tell why a WebSocket is refused; this may
        this.#wait(code === FULL ? "The server is full." : "The connection is lost.", waitS);
      } catch (error) {
        if (this.#stopped) return;
        if (error.status && error.status < 500) {
          this.#listener.failed(error);
          return;
        }
        this.#wait(error.message, waitS);
      }
      await pause(waitS);
      waitS = Math.min(LONGEST_WAIT_S, 2 * waitS);
    }
  }

  #wait(why, seconds) {
    this.#last = 0;
    this.#listener.waiting(seconds < 2 ? `${why} Trying again …` : `${why} Trying again in ${Math.round(seconds)} s …`);
  }

  /** What the server is told; this page's own address may ask for another threshold, as in `/?threshold=0.8`. */
  #settings() {
    const threshold = new URLSearchParams(location.search).get("threshold");
    return { ...(threshold && { threshold }), ...(this.#toldRate && { frame_rate: this.#toldRate.toFixed(1) }) };
  }

  /** One connection from its opening to its end. */
  #connection() {
    const socket = (this.#socket = this.#service.socket(this.#settings()));
    let [opened, answered, settled] = [false, false, false];
    let take = null;
    socket.addEventListener("message", ({ data }) => {
      answered = true;
      take?.(JSON.parse(data));
    });
    socket.addEventListener("open", () => {
      opened = true;
      void this.#feed(socket, (waiter) => (take = waiter)).then(
        (ready) => {
          settled = Boolean(ready);
          socket.close();
        },
        (error) => {
          this.stop();
          this.#listener.failed(error);
        },
      );
    });
    return new Promise((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => {
        take?.(null);
        resolve({ code, reason, opened, answered, settled });
      });
    });
  }

  /**
   * Sends a frame, waits for its answer, and only then takes the next: a slow server is never flooded. Whether it ends
   * only to tell the server the rate.
   */
  async #feed(socket, expect) {
    const times = [];
    while (socket.readyState === WebSocket.OPEN) {
      const picture = await this.#newPicture();
      if (socket.readyState !== WebSocket.OPEN) return false;
      const sent = performance.now();
      const answer = await new Promise((resolve) => {
        const late = setTimeout(() => socket.close(), 1000 * SLOWEST_ANSWER_S);
        expect((value) => {
          clearTimeout(late);
          resolve(value);
        });
        socket.send(picture);
      });
      if (answer === null || this.#stopped) return false;
      this.#listener.frame(answer, this.#measure(sent));
      if (answer.error) await pause(AFTER_ERROR_S);
      if (times.push(performance.now()) === RATE_TO && this.#isOtherRate(times)) return true;
    }
    return false;
  }

  /** Once: whether the rate that is reached differs from the model's, and has to be told. */
  #isOtherRate(times) {
    if (!this.#modelRate || this.#measured) return false;
    this.#measured = true;
    const rate = (1000 * (RATE_TO - RATE_FROM)) / (times[RATE_TO - 1] - times[RATE_FROM - 1]);
    if (Math.max(rate / this.#modelRate, this.#modelRate / rate) < NEAR) return false;
    this.#toldRate = rate;
    return true;
  }

  /** The next frame as JPEG, as the camera sees it: not mirrored, and at most 640 px wide. */
  async #newPicture() {
    await new Promise((resolve) => nextFrame(this.#video, resolve));
    const { videoWidth, videoHeight } = this.#video;
    const scale = Math.min(1, WIDEST / videoWidth);
    this.#canvas.width = Math.round(scale * videoWidth);
    this.#canvas.height = Math.round(scale * videoHeight);
    this.#canvas.getContext("2d").drawImage(this.#video, 0, 0, this.#canvas.width, this.#canvas.height);
    return new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", QUALITY));
  }

  #measure(sent) {
    const now = performance.now();
    const blend = (old, fresh) => (old ? old + NEWEST * (fresh - old) : fresh);
    this.#latency = blend(this.#latency, now - sent);
    if (this.#last) this.#rate = blend(this.#rate, 1000 / (now - this.#last));
    this.#last = now;
    return { latencyMs: this.#latency, rate: this.#rate, speed: this.#toldRate ? this.#modelRate / this.#toldRate : 1 };
  }
}

function nextFrame(video, then) {
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(then);
  else requestAnimationFrame(then);
}

/** Throws where it is no use to connect again. */
function refuse(code, reason) {
  if (code === POLICY) {
    throw new ServiceError(asSentence(reason) || "The server refuses this page.", /\bkey\b/.test(reason) ? 401 : 403);
  }
  if (code === TOO_LARGE) throw new ServiceError("The camera’s picture is too large for the server.", 413);
}
