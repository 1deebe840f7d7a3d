/** The worker: one runtime in a thread of its own, so that a crash or a long run leaves the page alive. */

import { errorWords, heapBytes, loadLiteRtVariant, NotTaken, runFile } from "./litert";
import { loadTasks, recognizeImages, startLive, lookAt } from "./recognizer";
import type { Command, Reply } from "./protocol";

async function obey(command: Command): Promise<unknown> {
  switch (command.name) {
    case "load":
      return command.variant === "tasks-vision"
        ? loadTasks(command.base)
        : loadLiteRtVariant(command.variant, command.threads, command.base);
    case "run":
      return runFile(command.file, command.inputs, command.timing);
    case "heap":
      return heapBytes();
    case "recognize":
      return recognizeImages(command.task, command.images, command.mode);
    case "live":
      return startLive(command.model, command.base);
    case "frame":
      return lookAt(command.picture, command.timestampMs);
  }
}

self.onmessage = async (event: MessageEvent<{ id: number; command: Command }>) => {
  const { id, command } = event.data;
  let reply: Reply;
  try {
    reply = { id, result: await obey(command) };
  } catch (error) {
    reply = { id, error: errorWords(error), notTaken: error instanceof NotTaken };
  }
  self.postMessage(reply);
};
