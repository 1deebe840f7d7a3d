/** What the server is asked: its model's card, pictures and clips; the key, the waiting when it is full, its errors. */

const API = "api/v1/asl/recognitions";
const MOST_TRIES = 5;
const LONGEST_WAIT_S = 30;

/** A line that people can read. `status` is HTTP's; 0 where no answer came. */
export class ServiceError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

export class Service {
  /** In memory only. */
  key = "";

  /** The model's card, with `connections`. */
  async model() {
    return (await this.#ask("model")).json();
  }

  /**
   * Recognizes a file.
   *
   * @param {Blob} file A picture, or a clip.
   * @param {boolean} clip Which of the two.
   * @param {(words: string) => void} tell Is told that the server is full, and for how long.
   * @param {AbortSignal} signal Gives up.
   */
  async recognize(file, clip, tell, signal) {
    const body = new FormData();
    body.append("file", file);
    const path = `${API}${clip ? "/clips" : ""}?details=true`;
    for (let tries = 1; ; tries++) {
      try {
        return await (await this.#ask(path, { method: "POST", body, signal })).json();
      } catch (error) {
        if (error.status !== 503 || tries === MOST_TRIES) throw error;
        tell(`The server is full. Trying again in ${error.waitS} s …`);
        await pause(error.waitS);
        signal.throwIfAborted();
      }
    }
  }

  /**
   * The WebSocket for live frames. Browsers send no header with it, so the key goes as a subprotocol.
   *
   * @param {Record<string, string>} settings `frame_rate` and `threshold`, as the server's document tells them.
   */
  socket(settings) {
    const url = new URL(`${API}/live`, document.baseURI);
    url.search = new URLSearchParams(settings);
    url.protocol = url.protocol.replace("http", "ws");
    try {
      return new WebSocket(url, this.key ? [`signport.key.${this.key}`] : []);
    } catch {
      throw new ServiceError("A browser cannot send this key with a live picture: use letters, digits, - . _ ~ only.", 401);
    }
  }

  async #ask(path, options = {}) {
    const headers = this.key ? { "X-API-Key": this.key } : {};
    let answer;
    try {
      answer = await fetch(new URL(path, document.baseURI), { ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ServiceError(
        options.body ? "The connection broke: the file may be too large, or the server gone." : "The server does not answer.",
      );
    }
    if (answer.ok) return answer;
    const { detail } = await answer.json().catch(() => ({}));
    const error = new ServiceError(asSentence(detail) || `The server answers with status ${answer.status}.`, answer.status);
    error.waitS = Math.min(LONGEST_WAIT_S, Math.max(1, Number(answer.headers.get("Retry-After")) || 1));
    throw error;
  }
}

/** The server's one line, as a sentence. */
export function asSentence(detail) {
  if (typeof detail !== "string" || !detail.trim()) return "";
  const line = detail.trim();
  return line[0].toUpperCase() + line.slice(1) + (/[.!?…]$/.test(line) ? "" : ".");
}
