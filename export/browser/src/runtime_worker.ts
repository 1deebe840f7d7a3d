/** The page's side of a worker. */

import type { Command, Reply, Results } from "./protocol";

/** Where the page lies, token included: workers and wasm are found from here. */
export const BASE = new URL("./", document.baseURI).href;

/** Why a runtime did not answer. */
export class RuntimeError extends Error {
  constructor(
    message: string,
    /** It is known not to take such files, and is as well as before. */
    readonly notTaken: boolean,
  ) {
    super(message);
  }
}

export class RuntimeWorker {
  private readonly worker = new Worker(new URL("./worker.ts", import.meta.url));
  private readonly waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  private sent = 0;

  constructor() {
    this.worker.onmessage = (event: MessageEvent<Reply>) => {
      const reply = event.data;
      const one = this.waiting.get(reply.id);
      this.waiting.delete(reply.id);
      if ("error" in reply) one?.reject(new RuntimeError(reply.error, reply.notTaken));
      else one?.resolve(reply.result as never);
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.end(event.message || "the worker could not be started");
    };
  }

  /** Has the worker do something; rejects with its words where that fails. */
  call<Name extends Command["name"]>(
    command: Extract<Command, { name: Name }>,
    transfer: Transferable[] = [],
  ): Promise<Results[Name]> {
    const id = this.sent++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, command }, transfer);
    });
  }

  /** Ends the worker, whatever it is at. */
  end(reason = "the worker was ended"): void {
    this.worker.terminate();
    for (const one of this.waiting.values()) one.reject(new RuntimeError(reason, false));
    this.waiting.clear();
  }
}
