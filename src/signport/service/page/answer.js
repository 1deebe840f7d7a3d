/** The answer beside the picture: the label, the best classes, how full the window is, and what was recognized so far. */

const BEST = 5;
const MOST_WORDS = 200;
/** The class that stands for no sign at all. */
const BACKGROUND = "None";
const NOTHING = "–";
const INVITATION = "The answer appears here.";

const nameOf = (label) => (label === BACKGROUND ? "no sign" : label);
export const percent = (share) => (share < 0.005 ? "< 1 %" : `${Math.round(100 * share)} %`);

export class Answer {
  #label = document.getElementById("label");
  #note = document.getElementById("note");
  #bars = document.getElementById("bars");
  #window = document.getElementById("window");
  #windowWords = document.getElementById("window-words");
  #fill = document.getElementById("window-fill");
  #transcript = document.getElementById("transcript");
  #words = document.getElementById("words");
  #figures = document.getElementById("figures");
  #marks = new Map();

  /** @param {string[]} classes */
  constructor(classes) {
    const list = document.getElementById("classes");
    for (const label of classes) {
      const mark = document.createElement("li");
      mark.className = "mark";
      mark.textContent = nameOf(label);
      this.#marks.set(label, mark);
      list.append(mark);
    }
    document.getElementById("clear").addEventListener("click", () => this.#words.replaceChildren());
    this.clear();
  }

  /** Nothing is known. */
  clear() {
    this.show(NOTHING, false);
    this.note(INVITATION);
    this.scores(null);
    this.#window.hidden = this.#transcript.hidden = true;
    this.#figures.textContent = "";
  }

  /** The big line. @param {boolean} known Whether it is a label rather than a word about why there is none. */
  show(words, known) {
    if (this.#label.textContent !== words) this.#label.textContent = words;
    this.#label.classList.toggle("quiet", !known);
    for (const [label, mark] of this.#marks) mark.classList.toggle("on", known && label === words);
  }

  note(words) {
    if (this.#note.textContent !== words) this.#note.textContent = words;
  }

  figures(words) {
    this.#figures.textContent = words;
  }

  /** The best classes as bars. @param {Record<string, number> | null} scores */
  scores(scores) {
    const best = Object.entries(scores ?? {}).sort(([, one], [, other]) => other - one).slice(0, BEST);
    this.#bars.hidden = !best.length;
    while (this.#bars.children.length > best.length) this.#bars.lastChild.remove();
    while (this.#bars.children.length < best.length) this.#bars.append(emptyBar());
    best.forEach(([label, share], place) => {
      const [name, track, value] = this.#bars.children[place].children;
      name.textContent = nameOf(label);
      track.firstChild.style.width = `${100 * share}%`;
      value.textContent = percent(share);
    });
  }

  /** How many of the frames that the model sees at once are there. */
  window(frames, of) {
    this.#window.hidden = false;
    this.#fill.value = Math.min(1, frames / of);
    this.#windowWords.textContent = `Window: ${Math.min(frames, of)} of ${of} frames`;
  }

  /** Shows what was recognized so far. */
  openWords() {
    this.#transcript.hidden = false;
  }

  addWord(label) {
    const word = document.createElement("span");
    word.textContent = label;
    this.#words.append(word, " ");
    while (this.#words.children.length > MOST_WORDS) this.#words.firstChild.remove();
    this.#words.scrollTop = this.#words.scrollHeight;
  }
}

function emptyBar() {
  const row = document.createElement("li");
  for (const part of ["name", "track", "value"]) {
    const span = document.createElement("span");
    span.className = part;
    row.append(span);
  }
  row.children[1].append(document.createElement("span"));
  return row;
}

/** What is said of a picture's or a clip's answer. */
export function describe({ confidence, handedness, hands, frames }) {
  const parts = [`score ${percent(confidence)}`];
  if (handedness) parts.push(`${handedness} hand`);
  if (hands?.length > 1) {
    parts.push(`${hands.length} hands: ${hands.map((hand) => hand.letter ?? "no sign").join(", ")}`);
  }
  if (frames) parts.push(`${frames} frames`);
  return parts.join(" · ");
}
