/** The page at `/`: the camera or a file, the landmarks on the picture, and the label. */

import { Answer, describe, percent } from "./answer.js";
import { LivePicture, openCamera } from "./live.js";
import { Service, pause } from "./service.js";
import { Stage } from "./stage.js";

const RETRY_S = 2;
const MOST_CLASSES_OPEN = 40;
const find = (id) => document.getElementById(id);

class Page {
  #service = new Service();
  #status = find("status");
  #problem = find("problem");
  #camera = find("camera");
  #chooser = find("file");
  #stage;
  #answer;
  #card;
  #clips = false;
  #window = 1;
  #stream = null;
  #live = null;
  #upload = null;
  /** What was refused for want of a key, to be done again with one. */
  #again = null;

  constructor() {
    find("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#service.key = find("key").value;
      find("key-form").hidden = true;
      void this.#again?.();
    });
    void this.open();
  }

  /** Reads the card; waits for a server that is not there yet. */
  async open() {
    for (;;) {
      try {
        this.#card = await this.#service.model();
        break;
      } catch (error) {
        find("lead").textContent = error.status === 401 ? "" : error.message;
        if (error.status === 401) return this.#askForKey(() => this.open());
        await pause(RETRY_S);
      }
    }
    this.#introduce();
    this.#listen();
  }

  #introduce() {
    const { name, family, classes, inputs, connections, clip_frames: clipFrames } = this.#card;
    const [, frames] = inputs[0].shape;
    this.#clips = inputs[0].shape.length === 4;
    this.#window = this.#clips ? Math.min(clipFrames ?? frames, frames) : 1;
    this.#stage = new Stage(connections ?? []);
    this.#answer = new Answer(classes);
    const facts = new Set([`model ${name}`, name === family ? "" : family, `${classes.length} classes`]);
    find("model-name").textContent = [...facts].filter(Boolean).join(" · ");
    document.title = `${name} · signport`;
    find("title").textContent = this.#clips ? "Sign to the camera" : "Show a hand";
    find("lead").textContent = this.#clips
      ? `This model recognizes signs in moving pictures. It sees ${this.#window} frames at a time.`
      : "This model names what one hand shows.";
    find("welcome-words").textContent = this.#clips ? "Your camera, or a clip" : "Your camera, or a picture";
    find("choose").textContent = this.#clips ? "Choose a clip" : "Choose a picture";
    find("hint").textContent = `Or drop ${this.#clips ? "" : "or paste "}one anywhere.`;
    this.#chooser.accept = this.#clips ? "video/*" : "image/jpeg,image/png,image/webp";
    find("class-count").textContent = `${classes.length} classes`;
    find("about").open = classes.length <= MOST_CLASSES_OPEN;
    const [where, file] = this.#clips ? ["/clips", "clip.mp4"] : ["", "hand.jpg"];
    find("command").textContent = `curl -F file=@${file} ${new URL(`api/v1/asl/recognitions${where}`, document.baseURI)}`;
    for (const id of ["recognition", "about", "program"]) find(id).hidden = false;
  }

  #listen() {
    this.#camera.addEventListener("click", () => void (this.#stream ? this.#stopCamera() : this.#startCamera()));
    find("choose").addEventListener("click", () => this.#chooser.click());
    this.#chooser.addEventListener("change", () => {
      void this.#recognize(this.#chooser.files[0]);
      this.#chooser.value = "";
    });
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      find("stage").classList.add("over");
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) find("stage").classList.remove("over");
    });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      find("stage").classList.remove("over");
      void this.#recognize(event.dataTransfer.files[0]);
    });
    document.addEventListener("paste", (event) => void this.#recognize(event.clipboardData.files[0]));
  }

  #say(status, problem = "") {
    if (this.#status.textContent !== status) this.#status.textContent = status;
    if (this.#problem.textContent !== problem) this.#problem.textContent = problem;
  }

  #askForKey(again) {
    this.#again = again;
    find("key-note").textContent = this.#service.key
      ? "The server did not take that key. Try another."
      : "It is kept in this page only, until you close it.";
    find("key-form").hidden = false;
    find("key").value = "";
    find("key").focus();
  }

  /** Ends whatever is shown, so that something else can be. */
  #clear() {
    this.#upload?.abort();
    this.#live?.stop();
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#upload = this.#live = this.#stream = null;
    this.#camera.textContent = "Start the camera";
    this.#camera.classList.remove("second");
    this.#stage.clear();
    this.#answer.clear();
    this.#say("");
  }

  #stopCamera() {
    this.#clear();
    this.#say("The camera is off.");
  }

  async #startCamera() {
    this.#clear();
    this.#camera.disabled = true;
    this.#say("Opening the camera …");
    try {
      this.#stream = await openCamera();
      await this.#stage.showCamera(this.#stream);
      this.#stream.getVideoTracks()[0].addEventListener("ended", () => {
        this.#clear();
        this.#say("", "The camera was unplugged or taken away.");
      });
      this.#camera.textContent = "Stop the camera";
      this.#camera.classList.add("second");
      this.#answer.openWords();
      this.#say("Connecting …");
      this.#follow();
    } catch (error) {
      this.#clear();
      this.#say("", error.message);
    } finally {
      this.#camera.disabled = false;
    }
  }

  #follow() {
    this.#live = new LivePicture(this.#service, this.#stage.video, this.#card.frame_rate ?? null, {
      frame: (answer, figures) => this.#showFrame(answer, figures),
      waiting: (words) => {
        this.#say(words);
        this.#stage.drawHands([]);
        this.#answer.show("–", false);
        this.#answer.scores(null);
      },
      failed: (error) => {
        this.#clear();
        if (error.status === 401) this.#askForKey(() => this.#startCamera());
        else this.#say("", error.message);
      },
    });
  }

  #showFrame(answer, { latencyMs, rate, speed }) {
    this.#answer.figures(`${rate.toFixed(0)} frames/s · ${latencyMs.toFixed(0)} ms there and back`);
    if (this.#clips) this.#answer.window(Math.ceil((answer.frame + 1) * speed), this.#window);
    if (answer.error) {
      this.#say("", `The server could not answer: ${answer.error}`);
      return;
    }
    this.#say("");
    const { label, score, landmarks } = answer;
    this.#stage.drawHands(landmarks ? [landmarks] : []);
    this.#answer.scores(landmarks || this.#clips ? answer.scores : null);
    if (label !== null) {
      this.#answer.show(label, true);
      this.#answer.note(`score ${percent(score)}`);
    } else if (landmarks) {
      this.#answer.show("…", false);
      this.#answer.note("not sure of a sign");
    } else {
      this.#answer.show(this.#clips ? "nobody" : "no hand", false);
      this.#answer.note(this.#clips ? "Step into the picture." : "Hold one up, whole and well lit.");
    }
    if (answer.new) this.#answer.addWord(label);
  }

  async #recognize(file) {
    if (!file) return;
    this.#clear();
    const wrong = this.#clips ? file.type.startsWith("image/") : file.type.startsWith("video/");
    if (wrong) {
      this.#say("", this.#clips ? "This model reads clips. Choose a video." : "This model reads pictures. Choose a JPEG, PNG or WebP.");
      return;
    }
    const upload = (this.#upload = new AbortController());
    this.#say("Recognizing …");
    const shown = await (this.#clips ? this.#stage.showClip(file) : this.#stage.showPicture(file));
    try {
      const answer = await this.#service.recognize(file, this.#clips, (words) => this.#say(words), upload.signal);
      if (upload.signal.aborted) return;
      this.#answer.show(answer.letter ?? "no sign", answer.letter !== null);
      this.#answer.note(describe(answer));
      this.#answer.scores(answer.scores);
      if (!this.#clips) this.#stage.drawHands((answer.hands ?? [answer]).map((hand) => hand.landmarks));
      this.#say(shown ? "" : "This browser cannot show the file, but the server could read it.");
    } catch (error) {
      if (upload.signal.aborted) return;
      this.#answer.note("");
      this.#say("", error.status === 401 ? "" : error.message);
      if (error.status === 401) this.#askForKey(() => this.#recognize(file));
    }
  }
}

new Page();
