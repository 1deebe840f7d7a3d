/** The picture: the camera's, a file's or a clip's, and the landmarks on it. */

// Of the hand's (or body's) extent, and in CSS pixels.
const LINE_SHARE = 0.016;
const THINNEST = 1.2;
const THICKEST = 4.5;
const HAND_POINTS = 21;
/** A body's points lie closer together than a hand's. */
const CROWDED = 0.3;

export class Stage {
  #frame = document.getElementById("frame");
  #picture = document.getElementById("picture");
  #video = document.getElementById("video");
  #canvas = document.getElementById("drawing");
  #welcome = document.getElementById("welcome");
  #url = "";
  #hands = [];

  /** @param {number[][]} connections Pairs of points that are joined by a line. */
  constructor(connections) {
    this.connections = connections;
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
    this.#video.addEventListener("resize", () => this.#shape(this.#video.videoWidth, this.#video.videoHeight));
  }

  get video() {
    return this.#video;
  }

  /** Shows the camera; like a mirror where it looks at the person. */
  async showCamera(stream) {
    this.clear();
    const mirrored = stream.getVideoTracks()[0].getSettings().facingMode !== "environment";
    this.#frame.classList.toggle("mirrored", mirrored);
    this.#video.controls = this.#video.loop = false;
    this.#video.srcObject = stream;
    await this.#video.play();
    this.#shape(this.#video.videoWidth, this.#video.videoHeight);
    this.#show(this.#video);
  }

  /** Shows a picture's file; whether the browser can. */
  async showPicture(file) {
    this.clear();
    this.#url = this.#picture.src = URL.createObjectURL(file);
    this.#picture.alt = file.name || "The pasted picture";
    try {
      await this.#picture.decode();
    } catch {
      return false;
    }
    this.#shape(this.#picture.naturalWidth, this.#picture.naturalHeight);
    this.#show(this.#picture);
    return true;
  }

  /** Plays a clip's file, over and over; whether the browser can. */
  async showClip(file) {
    this.clear();
    this.#url = this.#video.src = URL.createObjectURL(file);
    this.#video.controls = this.#video.loop = true;
    try {
      await this.#video.play();
    } catch {
      return false;
    }
    if (!this.#video.videoWidth) return false; // it has a codec that this browser cannot read
    this.#shape(this.#video.videoWidth, this.#video.videoHeight);
    this.#show(this.#video);
    return true;
  }

  /** Back to the empty stage. */
  clear() {
    this.drawHands([]);
    this.#frame.hidden = this.#picture.hidden = this.#video.hidden = true;
    this.#frame.classList.remove("mirrored");
    this.#welcome.hidden = false;
    this.#video.pause();
    this.#video.srcObject = null;
    for (const medium of [this.#video, this.#picture]) medium.removeAttribute("src");
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = "";
  }

  /** @param {(number | null)[][][]} hands Landmarks of each, as shares of the picture; null where a point is missing. */
  drawHands(hands) {
    this.#hands = hands.map((points) => points.map(([x, y]) => (Number.isFinite(x) && Number.isFinite(y) ? [x, y] : null)));
    const found = this.#hands.reduce((sum, points) => sum + points.filter(Boolean).length, 0);
    const words = found ? "Landmarks on the picture" : "No landmarks";
    if (this.#canvas.getAttribute("aria-label") !== words) this.#canvas.setAttribute("aria-label", words);
    this.#canvas.dataset.points = found;
    this.#draw();
  }

  #show(medium) {
    medium.hidden = this.#frame.hidden = false;
    this.#welcome.hidden = true;
  }

  #shape(width, height) {
    if (width && height) this.#frame.style.setProperty("--ratio", width / height);
  }

  #draw() {
    const { clientWidth, clientHeight } = this.#canvas;
    const pixels = window.devicePixelRatio || 1;
    this.#canvas.width = clientWidth * pixels;
    this.#canvas.height = clientHeight * pixels;
    const context = this.#canvas.getContext("2d");
    context.scale(pixels, pixels);
    for (const points of this.#hands) {
      drawSkeleton(context, points.map((point) => point && [point[0] * clientWidth, point[1] * clientHeight]), this.connections);
    }
  }
}

function drawSkeleton(context, points, connections) {
  const there = points.filter(Boolean);
  if (!there.length) return;
  const extent = Math.max(...[0, 1].map((axis) => Math.max(...there.map((at) => at[axis])) - Math.min(...there.map((at) => at[axis]))));
  const crowd = points.length > HAND_POINTS ? CROWDED : 1;
  const line = Math.min(THICKEST, Math.max(THINNEST, LINE_SHARE * crowd * extent));
  const dot = Math.min(1.15 * line, line + 0.5 * crowd);
  const bones = new Path2D();
  for (const [from, to] of connections) {
    if (!points[from] || !points[to]) continue;
    bones.moveTo(...points[from]);
    bones.lineTo(...points[to]);
  }
  context.lineCap = context.lineJoin = "round";
  // A dark rim keeps both readable on any skin and wall.
  stroke(context, bones, "rgb(4 40 37 / 55%)", 1.5 * line);
  stroke(context, bones, "#5eead4", line);
  const dots = new Path2D();
  for (const [x, y] of there) {
    dots.moveTo(x + dot, y);
    dots.arc(x, y, dot, 0, 2 * Math.PI);
  }
  stroke(context, dots, "rgb(4 40 37 / 70%)", dot / 3);
  context.fillStyle = "#ffffff";
  context.fill(dots);
}

function stroke(context, path, colour, width) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke(path);
}
